//! Pictures and documents in the forms that this wire takes.

use std::borrow::Cow;

use base64::Engine as _;
use dialect::{is_text_type, type_by_name};
use hub::{CacheHint, Fault, File, Media, Source};

/// The picture types that the API reads.
const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// A picture or a document, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attachment<'a> {
    pub(crate) body: Body<'a>,
    /// Of documents.
    pub(crate) title: Option<&'a str>,
    /// Of documents.
    pub(crate) context: Option<&'a str>,
    /// Of documents.
    pub(crate) cite: bool,
    pub(crate) cache: Option<CacheHint>,
}

/// What is attached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body<'a> {
    Picture { media_type: Cow<'a, str>, data: &'a str },
    PictureUrl(&'a str),
    Pdf(&'a str),
    PdfUrl(&'a str),
    Text(Cow<'a, str>),
}

/// A picture.
///
/// # Errors
/// An unsupported fault for types that the API does not read, and for files in another provider's store.
pub(crate) fn picture<'a>(media: &'a Media, takes_images: Option<bool>) -> Result<Attachment<'a>, Fault> {
    if takes_images == Some(false) {
        return Err(refuse("this model takes no pictures; remove them or choose another model"));
    }
    let body = match &media.source {
        Source::Base64(data) => base64_picture(data, media.media_type.as_deref())?,
        Source::Url(url) => Body::PictureUrl(url),
        Source::FileId(_) => return Err(foreign_file()),
        Source::Text(_) => return Err(refuse("a picture cannot be made of text")),
    };
    Ok(Attachment { body, title: None, context: None, cite: false, cache: media.cache })
}

/// A document; a picture in a file part becomes a picture. `None` for a text without any words.
///
/// # Errors
/// An unsupported fault for types that the API does not read, and for files in another provider's store.
pub(crate) fn document(file: &File) -> Result<Option<Attachment<'_>>, Fault> {
    let body = match &file.source {
        Source::Base64(data) => base64_file(data, file)?,
        Source::Url(url) => url_file(url, file)?,
        Source::Text(text) if text.trim().is_empty() => return Ok(None),
        Source::Text(text) => Body::Text(Cow::Borrowed(text)),
        Source::FileId(_) => return Err(foreign_file()),
    };
    Ok(Some(Attachment {
        body,
        title: file.name.as_deref().filter(|name| !name.is_empty()),
        context: file.context.as_deref().filter(|words| !words.is_empty()),
        cite: file.cite,
        cache: file.cache,
    }))
}

fn base64_picture<'a>(data: &'a str, declared: Option<&'a str>) -> Result<Body<'a>, Fault> {
    // The API compares the declared type with the bytes and refuses a mismatch.
    let media_type: Cow<'_, str> = match (dialect::sniff(data), declared) {
        (Some(found), _) => Cow::Borrowed(found),
        (None, Some(declared)) if declared.eq_ignore_ascii_case("image/jpg") => Cow::Borrowed("image/jpeg"),
        (None, Some(declared)) => Cow::Owned(declared.to_ascii_lowercase()),
        (None, None) => return Err(refuse("the type of a picture is unknown; name its media type")),
    };
    if !PICTURES.contains(&&*media_type) {
        return Err(refuse(format!(
            "pictures of type {media_type} are not read by Anthropic models; send JPEG, PNG, GIF or WebP"
        )));
    }
    Ok(Body::Picture { media_type, data })
}

fn base64_file<'a>(data: &'a str, file: &'a File) -> Result<Body<'a>, Fault> {
    let kind = media_type(data, file);
    match kind.as_deref() {
        Some("application/pdf") => Ok(Body::Pdf(data)),
        Some(name) if name.starts_with("image/") => base64_picture(data, file.media_type.as_deref()),
        Some(name) if is_text_type(name) => Ok(Body::Text(Cow::Owned(decode_text(data)?))),
        other => Err(refuse(format!(
            "files of type {} are not read by Anthropic models; send PDF or plain text",
            other.unwrap_or("unknown")
        ))),
    }
}

fn decode_text(data: &str) -> Result<String, Fault> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .map_err(|_| Fault::bad_request("a file's data is not base64").at("messages"))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn url_file<'a>(url: &'a str, file: &File) -> Result<Body<'a>, Fault> {
    match file.media_type.as_deref() {
        None | Some("application/pdf") => Ok(Body::PdfUrl(url)),
        Some(name) if name.starts_with("image/") => Ok(Body::PictureUrl(url)),
        Some(name) => Err(refuse(format!(
            "Anthropic fetches PDF documents only, not {name}; send the file's content in the request"
        ))),
    }
}

/// The type by the bytes, else as declared, else by the name's ending.
fn media_type(data: &str, file: &File) -> Option<String> {
    let declared = file.media_type.as_deref().filter(|name| *name != "application/octet-stream");
    let found = dialect::sniff(data).or(declared).map(|name| name.to_ascii_lowercase());
    found.or_else(|| type_by_name(file.name.as_deref()?).map(str::to_owned))
}

fn refuse(message: impl Into<Cow<'static, str>>) -> Fault {
    Fault::unsupported("messages", message)
}

fn foreign_file() -> Fault {
    refuse("a file id is valid only at the provider that issued it; send the file's content in the request")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn file(source: Source, media_type: Option<&str>, name: Option<&str>) -> File {
        File {
            source,
            media_type: media_type.map(str::to_owned),
            name: name.map(str::to_owned),
            context: None,
            cite: false,
            cache: None,
        }
    }

    fn picture_of(data: &str, media_type: Option<&str>) -> Media {
        Media {
            source: Source::Base64(data.to_owned()),
            media_type: media_type.map(str::to_owned),
            detail: None,
            cache: None,
        }
    }

    #[test]
    fn the_bytes_correct_the_declared_type() {
        let png = encode(b"\x89PNG\r\n\x1a\n0000");
        let media = picture_of(&png, Some("image/jpeg"));
        let Body::Picture { media_type, .. } = picture(&media, None).unwrap().body else { panic!("a picture") };
        assert_eq!(media_type, "image/png");
    }

    #[test]
    fn what_the_api_does_not_read_is_refused_by_name() {
        let fault = picture(&picture_of("AAAA", Some("image/heic")), None).unwrap_err();
        assert_eq!(fault.kind, hub::FaultKind::Unsupported);
        assert!(fault.message.contains("image/heic"), "{}", fault.message);
        assert!(picture(&picture_of("AAAA", None), None).is_err());
        assert!(picture(&picture_of("AAAA", Some("image/png")), Some(false)).is_err());
        let id = Media { source: Source::FileId("file-1".into()), ..picture_of("", None) };
        assert!(picture(&id, None).is_err());
    }

    #[test]
    fn files_become_what_they_are() {
        let read = |file: &File| document(file).map(|found| found.map(|attachment| format!("{:?}", attachment.body)));
        let words = encode(b"a,b\n");
        for (media_type, name) in [(Some("text/csv"), None), (None, Some("x.CSV")), (Some("application/json"), None)] {
            let found = read(&file(Source::Base64(words.clone()), media_type, name)).unwrap().unwrap();
            assert_eq!(found, r#"Text("a,b\n")"#);
        }
        let pdf = encode(b"%PDF-1.7 x");
        assert!(read(&file(Source::Base64(pdf), None, None)).unwrap().unwrap().starts_with("Pdf("));
        let png = encode(b"\x89PNG\r\n\x1a\n0000");
        assert!(read(&file(Source::Base64(png), Some("image/png"), None)).unwrap().unwrap().starts_with("Picture"));
        assert!(read(&file(Source::Base64(words), Some("application/zip"), None)).is_err());
        assert_eq!(read(&file(Source::Text(" ".into()), None, None)).unwrap(), None);
        let url = Source::Url("https://a.example/x".into());
        assert!(read(&file(url.clone(), None, None)).unwrap().unwrap().starts_with("PdfUrl"));
        assert!(read(&file(url, Some("text/html"), None)).is_err());
    }
}
