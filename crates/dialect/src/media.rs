//! Pictures and files inside JSON: data URLs and magic bytes.

use std::borrow::Cow;

use base64::Engine as _;

/// The parts of a data URL, the payload as standard base64 without line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataUrl<'a> {
    /// The media type in lower case, without parameters; `None` when the URL names none.
    pub media_type: Option<String>,
    /// Standard base64, padded.
    pub base64: Cow<'a, str>,
}

/// Reads a data URL: parameters, a missing type, the URL-safe alphabet, missing padding and line breaks all occur.
/// `None` when `url` is not a base64 data URL.
pub fn parse_data_url(url: &str) -> Option<DataUrl<'_>> {
    let rest = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &url[5..])?;
    let (head, payload) = rest.split_once(',')?;
    let mut fields = head.split(';');
    let media_type = fields.next().map(str::trim).filter(|name| !name.is_empty()).map(normal_type);
    let is_base64 = fields.any(|field| field.trim().eq_ignore_ascii_case("base64"));
    is_base64.then(|| DataUrl { media_type, base64: clean_base64(payload) })
}

fn normal_type(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower == "image/jpg" { "image/jpeg".into() } else { lower }
}

/// Brings base64 of any habit into the standard alphabet; text that is already clean is not copied.
fn clean_base64(payload: &str) -> Cow<'_, str> {
    let dirty = |byte: u8| matches!(byte, b'-' | b'_' | b'%') || byte.is_ascii_whitespace();
    if payload.len().is_multiple_of(4) && !payload.bytes().any(dirty) {
        return Cow::Borrowed(payload);
    }
    let mut clean: String = payload
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=")
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    while !clean.len().is_multiple_of(4) {
        clean.push('=');
    }
    Cow::Owned(clean)
}

/// Bytes as standard base64, and the media type that their beginning gives away.
pub fn inline(bytes: &[u8]) -> (String, Option<&'static str>) {
    let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
    let kind = sniff(&base64);
    (base64, kind)
}

/// The media type that the first bytes of a base64 payload give away.
pub fn sniff(base64: &str) -> Option<&'static str> {
    // Base64 of the magic numbers; six bits a character, so prefixes end on whole characters.
    const MAGIC: [(&str, &str); 8] = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGODlh", "image/gif"),
        ("R0lGODdh", "image/gif"),
        ("JVBERi0", "application/pdf"),
        ("Qk0", "image/bmp"),
        ("SUkq", "image/tiff"),
        ("TU0A", "image/tiff"),
    ];
    let known = MAGIC.iter().find(|(prefix, _)| base64.starts_with(prefix)).map(|(_, name)| *name);
    // RIFF....WEBP: "RIFF" is UklGR, the size between is free, WEBP ends up as XRUJQ after eleven characters.
    let webp = || (base64.starts_with("UklGR") && base64.get(11..16) == Some("XRUJQ")).then_some("image/webp");
    known.or_else(webp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_of_every_habit_are_read() {
        let read = |url| parse_data_url(url).map(|d| (d.media_type.unwrap_or_default(), d.base64.into_owned()));
        assert_eq!(read("data:image/png;base64,QUJD"), Some(("image/png".into(), "QUJD".into())));
        assert_eq!(read("data:image/jpg;charset=utf-8;base64,QUI"), Some(("image/jpeg".into(), "QUI=".into())));
        assert_eq!(read("DATA:;base64,-_-_"), Some((String::new(), "+/+/".into())));
        assert_eq!(read("data:image/png;base64,QU\nJD"), Some(("image/png".into(), "QUJD".into())));
        assert_eq!(read("data:text/plain,hello"), None);
        assert_eq!(read("https://a.example/x.png"), None);
    }

    #[test]
    fn magic_bytes_tell_the_type() {
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        for (bytes, name) in [
            (&b"\x89PNG\r\n\x1a\n0000"[..], "image/png"),
            (b"\xff\xd8\xff\xe0....", "image/jpeg"),
            (b"GIF89a......", "image/gif"),
            (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
            (b"RIFF\xff\xff\xff\xffWEBPVP8 ", "image/webp"),
            (b"%PDF-1.7....", "application/pdf"),
        ] {
            assert_eq!(sniff(&encode(bytes)), Some(name));
        }
        assert_eq!(sniff("aGVsbG8="), None);
    }
}
