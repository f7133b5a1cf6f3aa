//! Writes pictures, sounds, films and files as Chat's content parts.

use base64::Engine as _;
use dialect::{Object, Target, escape, is_pcm, is_text_type, sniff, wave};
use hub::{Detail, Fault, File, Media, Part, Source};

/// The picture types that OpenAI reads.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/// Writes the fields of one part.
pub(crate) fn write(part: &Part, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    match part {
        Part::Image(media) => image(media, target, object),
        Part::Audio(media) => audio(media, target, object),
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

fn refuse(target: &Target<'_>, what: &str, fix: &str) -> Fault {
    Fault::unsupported("messages", format!("{} does not take {what}: {fix}", target.model))
}

fn image(media: &Media, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    if target.traits.images == Some(false) {
        return Err(refuse(target, "pictures", "describe them in words, or use a model that sees"));
    }
    let url = |object: &mut Object<'_>| address(media, "image/png", "image_url", object, detail(media.detail));
    match &media.source {
        Source::Base64(data) => {
            let kind = kind_of(media, data, "image/png");
            if !IMAGES.contains(&kind) {
                return Err(refuse(target, &format!("pictures of type {kind}"), "send png, jpeg, webp or gif"));
            }
            url(object);
        }
        Source::Url(_) => url(object),
        Source::FileId(_) | Source::Text(_) => {
            return Err(refuse(target, "pictures from another provider's file store", "send the picture itself"));
        }
    }
    Ok(())
}

fn detail(detail: Option<Detail>) -> Option<&'static str> {
    detail.map(|detail| match detail {
        Detail::Low => "low",
        Detail::High => "high",
        Detail::Original => "original",
    })
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

/// The type that the bytes show; else the one that the client told.
fn kind_of<'a>(media: &'a Media, data: &str, fallback: &'a str) -> &'a str {
    sniff(data).or(media.media_type.as_deref()).unwrap_or(fallback)
}

/// Writes a data URL without building it first: pictures are large.
fn data_url(field: &str, media_type: &str, data: &str, object: &mut Object<'_>) {
    let out = object.key(field);
    out.extend_from_slice(b"\"data:");
    escape(media_type, out);
    out.extend_from_slice(b";base64,");
    escape(data, out);
    out.extend_from_slice(b"\"");
}

fn audio(media: &Media, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    let Source::Base64(data) = &media.source else {
        return Err(refuse(target, "sound by address", "send its bytes"));
    };
    let kind = media.media_type.as_deref().unwrap_or("audio/wav");
    // Bare samples are no file: OpenAI reads them with a header.
    let file = is_pcm(kind).then(|| wave(data, kind)).flatten();
    let (kind, data) = file.as_ref().map_or((kind, data), |file| ("audio/wav", file));
    let format = match kind.strip_prefix("audio/").unwrap_or(kind) {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" | "vnd.wave" => "wav",
        // Servers that are like OpenAI's take more than it does.
        other if target.traits.quirks.openai_tools => {
            return Err(refuse(target, &format!("sound of type {other}"), "send mp3 or wav"));
        }
        "mp4" | "x-m4a" => "m4a",
        other => other,
    };
    object.text("type", "input_audio");
    let mut inner = Object::open(object.key("input_audio"));
    inner.text("data", data);
    inner.text("format", format);
    inner.close();
    Ok(())
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
    let kind = file.media_type.as_deref().or_else(|| sniff(data)).unwrap_or("application/octet-stream");
    object.text("type", "file");
    let mut inner = Object::open(object.key("file"));
    inner.text("filename", file.name.as_deref().unwrap_or(fallback_name(kind)));
    data_url("file_data", kind, data, &mut inner);
    inner.close();
    Ok(())
}

fn fallback_name(kind: &str) -> &'static str {
    if kind == "application/pdf" { "document.pdf" } else { "document" }
}

/// A document that is text, headed by its title and what was said about it; `None` for other documents.
pub(crate) fn file_text(file: &File) -> Option<String> {
    let words = match &file.source {
        Source::Text(words) => words.clone(),
        Source::Base64(data) if is_text_type(file.media_type.as_deref()?) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok()?;
            String::from_utf8(bytes).ok()?
        }
        Source::Base64(_) | Source::Url(_) | Source::FileId(_) => return None,
    };
    let mut text = String::with_capacity(words.len() + 64);
    for heading in [&file.name, &file.context].into_iter().flatten().filter(|heading| !heading.is_empty()) {
        text.push_str(heading);
        text.push_str("\n\n");
    }
    text.push_str(&words);
    Some(text)
}
