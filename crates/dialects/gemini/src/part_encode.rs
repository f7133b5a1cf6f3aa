//! Writes parts for an upstream. Knows nothing of the order in which they stand.

use std::borrow::Cow;

use bytes::BytesMut;
use dialect::{NameMap, Object, Target, is_text_type, object_arguments, sniff, type_by_name, wrap_custom_input};
use hub::{CallKind, Detail, Fault, File, Losses, Media, Part, Source, ToolCall};

use crate::ID;

/// The pictures that Gemini reads.
const IMAGES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// One part, ready to be written.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    Text {
        text: Cow<'a, str>,
        seal: Option<&'a str>,
    },
    Thought {
        text: &'a str,
        seal: &'a str,
    },
    /// A proof on an empty part of its own.
    Proof(&'a str),
    Call {
        call: &'a ToolCall,
        seal: Option<&'a str>,
    },
    Result {
        name: &'a str,
        text: Cow<'a, str>,
        is_error: bool,
        parts: Vec<Item<'a>>,
    },
    Inline {
        media_type: Cow<'a, str>,
        data: &'a str,
        detail: Option<Detail>,
    },
    Reference {
        uri: &'a str,
        media_type: Option<&'a str>,
        detail: Option<Detail>,
    },
    /// A part of this dialect, as it stood.
    Raw(&'a str),
}

/// The item of a picture, a sound, a film, a document or a block of any dialect.
///
/// # Errors
/// An unsupported fault for what the target cannot take.
pub(crate) fn media_item<'a>(
    part: &'a Part,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Option<Item<'a>>, Fault> {
    Ok(match part {
        Part::Image(media) => Some(picture(media, target)?),
        Part::Audio(media) => Some(plain_media(media, "audio/wav", target)?),
        Part::Video(media) => Some(plain_media(media, "video/mp4", target)?),
        Part::File(file) => {
            // Words have their heading; bytes go without a name.
            if file.name.is_some() && !matches!(file.source, Source::Text(_)) {
                losses.silent("messages.title");
            }
            Some(document(file, target)?)
        }
        Part::Foreign(foreign) if foreign.origin == ID => Some(Item::Raw(foreign.json.as_str())),
        Part::Foreign(foreign) => {
            foreign.told("messages", losses).map(|gist| Item::Text { text: Cow::Borrowed(gist), seal: None })
        }
        Part::Text(_) | Part::Refusal(_) | Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => None,
    })
}

fn picture<'a>(media: &'a Media, target: &Target<'_>) -> Result<Item<'a>, Fault> {
    if target.traits.images == Some(false) {
        return Err(refuse(target, "pictures", "leave them out, or ask another model"));
    }
    let sniffed = match &media.source {
        Source::Base64(data) => sniff(data),
        _ => None,
    };
    let kind = sniffed.or(media.media_type.as_deref());
    if let Some(kind) = kind.filter(|kind| !IMAGES.contains(kind) && *kind != "image/*") {
        return Err(refuse(target, &format!("pictures of type {kind}"), "send PNG, JPEG, WebP, HEIC or HEIF"));
    }
    plain_media(media, sniffed.unwrap_or("image/jpeg"), target)
}

fn plain_media<'a>(media: &'a Media, fallback: &'static str, target: &Target<'_>) -> Result<Item<'a>, Fault> {
    let declared = media.media_type.as_deref();
    match &media.source {
        Source::Base64(data) => {
            // A picture's bytes tell its type better than what was declared.
            let kind = sniff(data).or(declared).unwrap_or(fallback);
            Ok(Item::Inline { media_type: spelled(kind), data, detail: media.detail })
        }
        Source::Url(uri) => Ok(Item::Reference { uri, media_type: declared.or(guess(uri)), detail: media.detail }),
        Source::FileId(id) => stored(id, declared, target),
        Source::Text(_) => Err(refuse(target, "media without bytes", "send them in base64")),
    }
}

/// Google's spelling of a media type.
fn spelled(kind: &str) -> Cow<'_, str> {
    match kind {
        "audio/mpeg" => Cow::Borrowed("audio/mp3"),
        "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Cow::Borrowed("audio/wav"),
        "audio/x-m4a" => Cow::Borrowed("audio/m4a"),
        other => Cow::Owned(other.to_owned()),
    }
}

/// The type that an address gives away; the field may be left out.
fn guess(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let types = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".heic", "image/heic"),
        (".heif", "image/heif"),
        (".pdf", "application/pdf"),
        (".mp4", "video/mp4"),
        (".mp3", "audio/mp3"),
        (".wav", "audio/wav"),
    ];
    types.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, kind)| kind)
}

/// A file in Google's own store passes; other stores mean nothing there.
fn stored<'a>(id: &'a str, media_type: Option<&'a str>, target: &Target<'_>) -> Result<Item<'a>, Fault> {
    if id.starts_with("https://") || id.starts_with("gs://") {
        return Ok(Item::Reference { uri: id, media_type, detail: None });
    }
    Err(refuse(target, "files from another provider's store", "send the file itself"))
}

fn document<'a>(file: &'a File, target: &Target<'_>) -> Result<Item<'a>, Fault> {
    let declared = file.media_type.as_deref();
    match &file.source {
        Source::Text(words) => {
            let headings = [&file.name, &file.context].into_iter().flatten().filter(|heading| !heading.is_empty());
            let mut text = headings.fold(String::new(), |text, heading| text + heading + "\n\n");
            text.push_str(words);
            Ok(Item::Text { text: text.into(), seal: None })
        }
        Source::Base64(data) => {
            let declared = declared.filter(|kind| *kind != "application/octet-stream");
            let kind = sniff(data).or(declared).or_else(|| type_by_name(file.name.as_deref()?));
            let kind = match kind {
                None => {
                    return Err(refuse(target, "documents of unknown type", "name the media type"));
                }
                // Of texts it knows those that say so.
                Some(kind) if is_text_type(kind) && !kind.starts_with("text/") => "text/plain",
                Some(kind) => kind,
            };
            Ok(Item::Inline { media_type: spelled(kind), data, detail: None })
        }
        Source::Url(uri) => Ok(Item::Reference { uri, media_type: declared.or(guess(uri)), detail: None }),
        Source::FileId(id) => stored(id, declared, target),
    }
}

fn refuse(target: &Target<'_>, what: &str, fix: &str) -> Fault {
    Fault::unsupported("messages", format!("{} does not take {what}: {fix}", target.model))
}

/// Writes one part.
pub(crate) fn write(item: &Item<'_>, names: &NameMap, out: &mut BytesMut) {
    if let Item::Raw(json) = item {
        out.extend_from_slice(json.as_bytes());
        return;
    }
    let mut part = Object::open(out);
    match item {
        Item::Text { text, seal } => {
            part.text("text", text);
            part.text_if("thoughtSignature", *seal);
        }
        Item::Thought { text, seal } => {
            part.text("text", text);
            part.flag("thought", true);
            part.text("thoughtSignature", seal);
        }
        Item::Proof(seal) => {
            part.text("text", "");
            part.text("thoughtSignature", seal);
        }
        Item::Call { call, seal } => {
            write_call(call, names, part.key("functionCall"));
            part.text_if("thoughtSignature", *seal);
        }
        Item::Result { name, text, is_error, parts } => {
            let mut result = Object::open(part.key("functionResponse"));
            result.text("name", names.wire(name));
            let mut inner = Object::open(result.key("response"));
            inner.text(if *is_error { "error" } else { "output" }, text);
            inner.close();
            if !parts.is_empty() {
                result.array("parts", parts, |item, out| write(item, names, out));
            }
            result.close();
        }
        Item::Inline { media_type, data, detail } => {
            let mut blob = Object::open(part.key("inlineData"));
            blob.text("mimeType", media_type);
            blob.text("data", data);
            blob.close();
            resolution(*detail, &mut part);
        }
        Item::Reference { uri, media_type, detail } => {
            let mut file = Object::open(part.key("fileData"));
            file.text_if("mimeType", *media_type);
            file.text("fileUri", uri);
            file.close();
            resolution(*detail, &mut part);
        }
        Item::Raw(_) => (),
    }
    part.close();
}

fn resolution(detail: Option<Detail>, part: &mut Object<'_>) {
    let level = match detail {
        Some(Detail::Low) => "MEDIA_RESOLUTION_LOW",
        Some(Detail::High) => "MEDIA_RESOLUTION_HIGH",
        Some(Detail::Original) => "MEDIA_RESOLUTION_ULTRA_HIGH",
        None => return,
    };
    let mut object = Object::open(part.key("mediaResolution"));
    object.text("level", level);
    object.close();
}

/// Ids are left out: the API pairs by name and order, and may refuse ids that it did not give.
fn write_call(call: &ToolCall, names: &NameMap, out: &mut BytesMut) {
    let mut object = Object::open(out);
    object.text("name", names.wire(&call.name));
    match call.kind {
        CallKind::Function => object.raw("args", &object_arguments(&call.arguments)),
        CallKind::Custom => object.raw("args", &wrap_custom_input(&call.arguments)),
    }
    object.close();
}
