//! Reads the content of messages and tool outputs: texts, pictures, sounds and files in every spelling that occurs.

use std::borrow::Cow;

use dialect::openai::media;
use dialect::{type_by_name, unread};
use hub::{CacheHint, Citation, Fault, File, Media, Part, Source, Text};
use serde_json::value::RawValue;

use crate::slots;
use crate::wire::{self, Raw, as_text};

/// Where a part stands, for messages to people; written out only when something is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    item: usize,
    list: &'static str,
    part: Option<usize>,
}

impl At {
    pub(crate) fn content(item: usize) -> Self {
        Self { item, list: "content", part: None }
    }

    pub(crate) fn output(item: usize) -> Self {
        Self { item, list: "output", part: None }
    }

    fn part(self, part: usize) -> Self {
        Self { part: Some(part), ..self }
    }

    fn path(self) -> String {
        let Self { item, list, part } = self;
        part.map_or_else(|| format!("input[{item}].{list}"), |part| format!("input[{item}].{list}[{part}]"))
    }

    fn bad(self, words: impl Into<Cow<'static, str>>) -> Fault {
        Fault::bad_request(words).at(self.path())
    }
}

/// The parts of a content. Empty texts are left out: no dialect gives them a meaning, and some refuse them.
pub(crate) fn content(at: At, raw: Raw<'_>) -> Result<Vec<Part>, Fault> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            Ok(as_text(raw).and_then(|text| text_part(text.into_owned(), Vec::new(), None)).into_iter().collect())
        }
        Some(b'[') => list(at, raw),
        _ => Err(at.bad("content must be a text or a list of parts")),
    }
}

fn list(at: At, raw: &RawValue) -> Result<Vec<Part>, Fault> {
    // In one pass where nothing is wrong; else one by one, to tell which.
    if let Ok(entries) = dialect::read::text::<Vec<wire::Part<'_>>>(raw.get()) {
        let mut parts = Vec::with_capacity(entries.len());
        for (n, part) in entries.iter().enumerate() {
            parts.extend(part_of(at.part(n), part)?);
        }
        return Ok(parts);
    }
    let entries: Vec<&RawValue> = dialect::read::text(raw.get()).map_err(|_| at.bad("content is not a list"))?;
    let mut parts = Vec::with_capacity(entries.len());
    for (n, entry) in entries.into_iter().enumerate() {
        let at = at.part(n);
        let part: wire::Part<'_> = dialect::read::text(entry.get()).map_err(|_| at.bad("not a content part"))?;
        parts.extend(part_of(at, &part)?);
    }
    Ok(parts)
}

/// The output of a tool: a text, a list of parts, or data of any other shape, which stands as its JSON. Codex writes
/// lists of parts into the text itself: that is read when it is exactly such a list with a picture in it.
pub(crate) fn output(at: At, raw: Raw<'_>) -> Result<Vec<Part>, Fault> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    match as_text(raw) {
        Some(text) => Ok(pictures_in_text(at, &text)
            .unwrap_or_else(|| text_part(text.into_owned(), Vec::new(), None).into_iter().collect())),
        None if raw.get() == "[]" || is_parts(raw.get()) => list(at, raw),
        None => Ok(vec![Part::Text(Text::plain(raw.get()))]),
    }
}

fn pictures_in_text(at: At, text: &str) -> Option<Vec<Part>> {
    if !text.trim_start().starts_with('[') || !text.contains("input_image") || !is_parts(text) {
        return None;
    }
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let parts = list(at, raw).ok()?;
    parts.iter().any(|part| matches!(part, Part::Image(_))).then_some(parts)
}

/// Whether a JSON text is a list of content parts, and not data that a tool gave out as a list.
fn is_parts(json: &str) -> bool {
    const KINDS: [&str; 5] = ["input_text", "input_image", "input_file", "output_text", "text"];
    let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(json) else { return false };
    let known = |entry: &&RawValue| {
        let part = serde_json::from_str::<wire::Part<'_>>(entry.get());
        part.is_ok_and(|part| part.kind.is_some_and(|kind| KINDS.contains(&&*kind)))
    };
    !list.is_empty() && list.iter().all(known)
}

/// One part; `None` when it is empty.
fn part_of(at: At, part: &wire::Part<'_>) -> Result<Option<Part>, Fault> {
    let cache = part.prompt_cache_breakpoint.as_ref().map(|mark| media::cache(mark.ttl.as_deref()));
    unread::left(part.logprobs.map(RawValue::get));
    let kind = part.kind.as_deref().unwrap_or("input_text");
    Ok(match kind {
        // Clients mix the words of both sides and of Chat.
        "input_text" | "output_text" | "text" => {
            let text = part.text.as_deref().ok_or_else(|| at.bad("a text part needs `text`"))?;
            text_part(text.to_owned(), slots::citations(part.annotations), cache)
        }
        "refusal" => part.refusal.as_deref().map(|text| Part::Refusal(text.to_owned())),
        "input_image" | "image_url" => Some(Part::Image(image(at, part, cache)?)),
        "input_audio" => Some(Part::Audio(audio(at, part, cache)?)),
        "input_file" => Some(file(at, part, cache)?),
        other => {
            let words = format!(
                "content parts of type {other:?} are not supported here: send input_text, input_image or input_file"
            );
            return Err(Fault::unsupported(format!("{}.type", at.path()), words));
        }
    })
}

fn text_part(text: String, citations: Vec<Citation>, cache: Option<CacheHint>) -> Option<Part> {
    (!text.is_empty()).then(|| Part::Text(Text { text, cache, citations, ..Text::default() }))
}

fn image(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Media, Fault> {
    let detail = part.detail.as_deref().and_then(media::detail);
    let Some(raw) = part.image_url else {
        let id = part.file_id.as_deref().ok_or_else(|| at.bad("an input_image part needs `image_url`"))?;
        return Ok(Media { source: Source::FileId(id.to_owned()), media_type: None, detail, cache });
    };
    let address = as_text(raw)
        .or_else(|| serde_json::from_str::<wire::Address<'_>>(raw.get()).ok().map(|address| address.url.0))
        .ok_or_else(|| at.bad("`image_url` must be a text"))?;
    let (source, media_type) = media::source(&address).map_err(|words| at.bad(words))?;
    Ok(Media { source, media_type, detail, cache })
}

fn audio(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Media, Fault> {
    let audio = part.input_audio.as_ref();
    let data =
        audio.and_then(|audio| audio.data.as_deref()).ok_or_else(|| at.bad("an input_audio part needs `data`"))?;
    Ok(media::sound(data, audio.and_then(|audio| audio.format.as_deref()), cache))
}

/// A file: its bytes, an address, or an id.
fn file(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Part, Fault> {
    let name = part.filename.as_deref();
    if let Some(data) = part.file_data.as_deref().filter(|data| !data.is_empty()) {
        return media::file(data, name, cache).map_err(|words| at.bad(words));
    }
    let (source, media_type) = match (part.file_url.as_deref(), part.file_id.as_deref()) {
        (Some(url), _) => {
            let kind = || type_by_name(url.split(['?', '#']).next().unwrap_or(url));
            (Source::Url(url.to_owned()), name.and_then(type_by_name).or_else(kind))
        }
        (None, Some(id)) => (Source::FileId(id.to_owned()), None),
        (None, None) => return Err(at.bad("an input_file part needs `file_data`, `file_url` or `file_id`")),
    };
    let (media_type, name) = (media_type.map(str::to_owned), name.map(str::to_owned));
    Ok(Part::File(File { source, media_type, name, context: None, cite: false, cache }))
}
