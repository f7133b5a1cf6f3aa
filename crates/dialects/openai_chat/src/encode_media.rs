//! Writes pictures, sounds, films and files as Chat's content parts.

use dialect::openai::media::{self, data_url, detail_word, kind_of, picture_type, refuse};
use dialect::{Object, Target};
use hub::{Fault, File, Media, Part, Source};

/// Writes the fields of one part.
pub(crate) fn write(part: &Part, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    match part {
        Part::Image(media) => image(media, target, object),
        Part::Audio(media) => media::write_sound(media, target, !target.traits.quirks.openai_tools, object),
        Part::Video(media) => video(media, target, object),
        Part::File(file) => write_file(file, target, object),
        // Their callers write these as text or calls.
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Thinking(_)
        | Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Foreign(_) => Ok(()),
    }
}

fn image(media: &Media, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    if target.traits.images == Some(false) {
        return Err(refuse(target, "pictures", "describe them in words, or use a model that sees"));
    }
    let url = |object: &mut Object<'_>| address(media, "image/png", "image_url", object, media.detail.map(detail_word));
    match &media.source {
        Source::Base64(data) => {
            picture_type(media, data, target)?;
            url(object);
        }
        Source::Url(_) => url(object),
        Source::FileId(_) | Source::Text(_) => {
            return Err(refuse(target, "pictures from another provider's file store", "send the picture itself"));
        }
    }
    Ok(())
}

/// Writes `type` and the part's address: the URL itself, or a data URL.
fn address(media: &Media, fallback: &str, field: &str, object: &mut Object<'_>, detail: Option<&str>) {
    object.text("type", field);
    let mut inner = Object::open(object.key(field));
    match &media.source {
        Source::Base64(data) => {
            let kind = kind_of(media, data, fallback);
            data_url("url", kind, data, &mut inner);
        }
        Source::Url(text) | Source::FileId(text) | Source::Text(text) => inner.text("url", text),
    }
    inner.text_if("detail", detail);
    inner.close();
}

/// Not OpenAI's own, but what the servers that see films take.
fn video(media: &Media, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    match &media.source {
        Source::Base64(_) | Source::Url(_) => {
            address(media, "video/mp4", "video_url", object, None);
            Ok(())
        }
        Source::FileId(_) | Source::Text(_) => {
            Err(refuse(target, "films from another provider's file store", "send the film itself"))
        }
    }
}

fn write_file(file: &File, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    let Source::Base64(data) = &file.source else {
        let fix = "send its bytes";
        return Err(match file.source {
            Source::Url(_) => refuse(target, "documents by address", fix),
            _ => refuse(target, "documents from another provider's file store", fix),
        });
    };
    object.text("type", "file");
    let mut inner = Object::open(object.key("file"));
    media::write_file(file, data, &mut inner);
    inner.close();
    Ok(())
}
