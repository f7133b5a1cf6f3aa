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

/// A payload that should be base64 and nothing else: any alphabet, with or without padding and line breaks. `None` when it
/// is empty or no base64 at all.
pub fn bare_base64(payload: &str) -> Option<String> {
    let clean = clean_base64(payload);
    let is_base64 = base64::engine::general_purpose::STANDARD.decode(&*clean).is_ok_and(|bytes| !bytes.is_empty());
    is_base64.then(|| clean.into_owned())
}

/// Content as a client sent it in a field of base64: some send a whole data URL, others break lines or take the URL-safe
/// alphabet. The media type is the one that the bytes give away, else the one that was `declared`, else the URL's.
pub fn inlined(data: &str, declared: Option<&str>) -> (String, Option<String>) {
    let url = parse_data_url(data);
    let told = url.as_ref().and_then(|url| url.media_type.clone());
    let base64 = url.map_or_else(|| clean_base64(data), |url| url.base64).into_owned();
    let declared = declared.map(|name| normal_type(name.split(';').next().unwrap_or_default().trim()));
    let media_type = sniff(&base64).map(str::to_owned).or(declared.filter(|name| !name.is_empty())).or(told);
    (base64, media_type)
}

/// The media type that a file's name gives away. Code and configurations are plain text.
pub fn type_by_name(name: &str) -> Option<&'static str> {
    const TEXTS: [&str; 30] = [
        "txt", "log", "text", "tsv", "css", "yaml", "yml", "toml", "ini", "cfg", "conf", "env", "sql", "rs", "py",
        "js", "mjs", "ts", "tsx", "jsx", "go", "c", "h", "cpp", "hpp", "java", "kt", "rb", "php", "sh",
    ];
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "pdf" => "application/pdf",
        "md" | "markdown" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "xml" => "application/xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        other if TEXTS.contains(&other) => "text/plain",
        _ => return None,
    })
}

/// Whether a media type is words: `text/*`, and the application types that are text in fact.
pub fn is_text_type(media_type: &str) -> bool {
    const WORDS: [&str; 10] = [
        "application/json",
        "application/xml",
        "application/javascript",
        "application/x-javascript",
        "application/typescript",
        "application/yaml",
        "application/x-yaml",
        "application/toml",
        "application/sql",
        "application/x-sh",
    ];
    let name = media_type.split(';').next().unwrap_or_default().trim();
    let structured = || name.starts_with("application/") && (name.ends_with("+json") || name.ends_with("+xml"));
    name.starts_with("text/") || WORDS.contains(&name) || structured()
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
    known.or_else(webp).or_else(|| boxed(base64))
}

/// Pictures in the container of films: behind the size of the first box stand the word `ftyp` and a brand.
fn boxed(base64: &str) -> Option<&'static str> {
    base64.get(5..11).filter(|word| *word == "GZ0eXB")?;
    match base64.get(11..16)? {
        "oZWlj" | "oZWl4" | "oZWlt" | "oZWlz" => Some("image/heic"),
        "taWYx" | "tc2Yx" => Some("image/heif"),
        "hdmlm" => Some("image/avif"),
        _ => None,
    }
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
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
            (b"\0\0\0\x24ftypmif1\0\0\0\0", "image/heif"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "image/avif"),
        ] {
            assert_eq!(sniff(&encode(bytes)), Some(name));
        }
        assert_eq!(sniff("aGVsbG8="), None);
    }

    #[test]
    fn content_is_cleaned_and_typed_whatever_field_it_came_in() {
        let png = "iVBORw0KGgoAAAAN";
        for (data, declared, base64, kind) in [
            (png, Some("image/jpeg"), png, Some("image/png")),
            ("iVBORw0K\nGgoAAAAN", Some("IMAGE/PNG"), png, Some("image/png")),
            ("data:image/gif;base64,iVBORw0KGgoAAAAN", None, png, Some("image/png")),
            ("AA-_", Some("image/jpg"), "AA+/", Some("image/jpeg")),
            ("AAA", Some("image/webp; q=1"), "AAA=", Some("image/webp")),
            ("data:image/jpg;base64,AAAA", None, "AAAA", Some("image/jpeg")),
            ("AAAA", None, "AAAA", None),
        ] {
            assert_eq!(inlined(data, declared), (base64.to_owned(), kind.map(str::to_owned)), "{data}");
        }
    }

    #[test]
    fn bare_base64_is_of_any_alphabet_but_base64() {
        for (payload, clean) in
            [("AA-_", Some("AA+/")), ("AAA", Some("AAA=")), ("AA\nAA", Some("AAAA")), ("", None), ("not base64!", None)]
        {
            assert_eq!(bare_base64(payload).as_deref(), clean, "{payload}");
        }
    }

    #[test]
    fn names_tell_types_and_types_tell_texts() {
        for (name, kind, text) in [
            ("a.PDF", "application/pdf", false),
            ("main.py", "text/plain", true),
            ("x.tar.json", "application/json", true),
            ("a.md", "text/markdown", true),
            ("a.jpeg", "image/jpeg", false),
        ] {
            assert_eq!(type_by_name(name), Some(kind));
            assert_eq!(is_text_type(kind), text, "{kind}");
        }
        assert_eq!(type_by_name("noending"), None);
        assert!(is_text_type("application/ld+json") && is_text_type("text/csv; charset=utf-8"));
        assert!(!is_text_type("image/svg+xml"));
    }
}
