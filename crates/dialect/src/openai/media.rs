//! Pictures, sounds and files as both languages of OpenAI read and write them. The parts around them differ, the rules do
//! not: what an address may be, which types are taken, how bytes are named.

use base64::Engine as _;
use hub::{CacheHint, Detail, Fault, File, Media, Part, Source};

use crate::{Object, Target, bare_base64, escape, is_pcm, is_text_type, parse_data_url, sniff, type_by_name, wave};

/// The picture types that OpenAI reads.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/// The type of sound files that all take.
const WAVE: &str = "audio/wav";
/// The type of files that nobody knows: their names may tell more.
const UNTYPED: &str = "application/octet-stream";

// === reading ===

/// Bytes from a data URL, their type corrected by what they are; or an http(s) address.
///
/// # Errors
/// What is wrong with it, for people.
pub fn source(address: &str) -> Result<(Source, Option<String>), &'static str> {
    if let Some(data) = parse_data_url(address) {
        if data.base64.is_empty() {
            return Err("the data URL holds no data");
        }
        let told = sniff(&data.base64).map(str::to_owned).or(data.media_type);
        return Ok((Source::Base64(data.base64.into_owned()), told));
    }
    let lower = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Ok((Source::Url(address.to_owned()), None));
    }
    Err("the address must be an http(s) URL or a base64 data URL")
}

/// A sound: bare base64, or a data URL where that belongs, as some clients send it. Bare samples, which go by the word
/// that answers have for them, get their header here: whatever wire they leave on reads files.
pub fn sound(data: &str, format: Option<&str>, cache: Option<CacheHint>) -> Media {
    let (mut data, told) = match parse_data_url(data) {
        Some(url) => (url.base64.into_owned(), url.media_type),
        None => (data.to_owned(), None),
    };
    let mut media_type = match format {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some("m4a") => "audio/mp4".to_owned(),
        Some("pcm16") => "audio/pcm".to_owned(),
        Some(other) => format!("audio/{other}"),
        None => told.unwrap_or_else(|| WAVE.to_owned()),
    };
    if let Some(file) = file_of_samples(&data, &media_type) {
        (data, media_type) = (file, WAVE.to_owned());
    }
    Media { source: Source::Base64(data), media_type: Some(media_type), detail: None, cache }
}

/// Bare samples as the file that players read; `None` for everything else.
fn file_of_samples(data: &str, media_type: &str) -> Option<String> {
    is_pcm(media_type).then(|| wave(data, media_type)).flatten()
}

/// The bytes of a file: a data URL as OpenAI wants it, or bare base64 whose type its magic bytes or its name give away.
///
/// # Errors
/// What is wrong with it, for people.
pub fn file(data: &str, name: Option<&str>, cache: Option<CacheHint>) -> Result<Part, &'static str> {
    let url = parse_data_url(data);
    let told = url.as_ref().and_then(|url| url.media_type.clone()).filter(|kind| kind != UNTYPED);
    let base64 = url.map_or_else(|| bare_base64(data), |url| Some(url.base64.into_owned()));
    let base64 = base64.filter(|data| !data.is_empty()).ok_or("`file_data` must be a data URL or base64")?;
    let by_name = || name.and_then(type_by_name).map(str::to_owned);
    let media_type = sniff(&base64).map(str::to_owned).or(told).or_else(by_name);
    let source = Source::Base64(base64);
    Ok(match media_type {
        Some(kind) if kind.starts_with("image/") => {
            Part::Image(Media { source, media_type: Some(kind), detail: None, cache })
        }
        media_type => {
            Part::File(File { source, media_type, name: name.map(str::to_owned), context: None, cite: false, cache })
        }
    })
}

/// How closely a picture is looked at; `None` for words that mean the default.
pub fn detail(word: &str) -> Option<Detail> {
    match word {
        "low" => Some(Detail::Low),
        "high" => Some(Detail::High),
        "original" => Some(Detail::Original),
        _ => None,
    }
}

/// The lifetime that a breakpoint asks for.
pub fn cache(ttl: Option<&str>) -> CacheHint {
    match ttl {
        Some("5m") => CacheHint::FiveMinutes,
        Some("30m") => CacheHint::HalfHour,
        Some("1h") => CacheHint::OneHour,
        Some("12h" | "24h") => CacheHint::Long,
        _ => CacheHint::Default,
    }
}

// === writing ===

/// What the model does not take, and what to do instead.
pub fn refuse(target: &Target<'_>, what: &str, fix: &str) -> Fault {
    Fault::unsupported("messages", format!("{} does not take {what}: {fix}", target.model))
}

/// The type of a picture's bytes: the one that they show, else the one that the client told.
///
/// # Errors
/// A fault for a type that OpenAI does not read.
pub fn picture_type<'a>(media: &'a Media, data: &str, target: &Target<'_>) -> Result<&'a str, Fault> {
    let kind = kind_of(media, data, "image/png");
    match IMAGES.contains(&kind) {
        true => Ok(kind),
        false => Err(refuse(target, &format!("pictures of type {kind}"), "send png, jpeg, webp or gif")),
    }
}

/// The type that the bytes show; else the one that the client told.
pub fn kind_of<'a>(media: &'a Media, data: &str, fallback: &'a str) -> &'a str {
    sniff(data).or(media.media_type.as_deref()).unwrap_or(fallback)
}

/// The word for how closely a picture is to be looked at.
pub fn detail_word(detail: Detail) -> &'static str {
    match detail {
        Detail::Low => "low",
        Detail::High => "high",
        Detail::Original => "original",
    }
}

/// Writes a data URL without building it first: pictures are large.
pub fn data_url(field: &str, media_type: &str, data: &str, object: &mut Object<'_>) {
    let out = object.key(field);
    out.extend_from_slice(b"\"data:");
    escape(media_type, out);
    out.extend_from_slice(b";base64,");
    escape(data, out);
    out.extend_from_slice(b"\"");
}

/// Writes the name and the bytes of a file.
pub fn write_file(file: &File, data: &str, object: &mut Object<'_>) {
    let kind = file.media_type.as_deref().or_else(|| sniff(data)).unwrap_or(UNTYPED);
    let fallback = if kind == "application/pdf" { "document.pdf" } else { "document" };
    object.text("filename", file.name.as_deref().unwrap_or(fallback));
    data_url("file_data", kind, data, object);
}

/// Writes a sound. OpenAI reads wav and mp3, and bare samples as the former; `more` says that the place, which is only
/// like OpenAI's, may take other types.
///
/// # Errors
/// A fault for what it does not read.
pub fn write_sound(media: &Media, target: &Target<'_>, more: bool, object: &mut Object<'_>) -> Result<(), Fault> {
    let Source::Base64(data) = &media.source else {
        return Err(refuse(target, "sound by address", "send its bytes"));
    };
    let kind = media.media_type.as_deref().unwrap_or(WAVE);
    let file = file_of_samples(data, kind);
    let (kind, data) = file.as_ref().map_or((kind, data), |file| (WAVE, file));
    let format = match kind.strip_prefix("audio/").unwrap_or(kind) {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" | "vnd.wave" => "wav",
        other if !more => return Err(refuse(target, &format!("sound of type {other}"), "send mp3 or wav")),
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

/// A document that is text, headed by its title and what was said about it; `None` for other documents.
pub fn file_text(file: &File) -> Option<String> {
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
