//! Reads content: texts, pictures, sounds, films and files in every spelling that occurs.

use std::borrow::Cow;

use dialect::openai::media;
use hub::{CacheHint, Fault, File, Media, Part, Source, Text};
use serde_json::value::RawValue;

use crate::stream_decode::address_text;
use crate::wire::{self, as_text};

/// Where a part stands, for messages to people; written out only when something is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    message: usize,
    list: &'static str,
    part: Option<usize>,
}

impl At {
    pub(crate) fn message(message: usize) -> Self {
        Self { message, list: "content", part: None }
    }

    pub(crate) fn image(message: usize, part: usize) -> Self {
        Self { message, list: "images", part: Some(part) }
    }

    fn part(self, part: usize) -> Self {
        Self { part: Some(part), ..self }
    }

    fn path(self) -> String {
        let Self { message, list, part } = self;
        part.map_or_else(|| format!("messages[{message}].{list}"), |part| format!("messages[{message}].{list}[{part}]"))
    }

    fn bad(self, words: impl Into<Cow<'static, str>>) -> Fault {
        Fault::bad_request(words).at(self.path())
    }
}

/// The parts of a message. Empty texts are left out: no dialect gives them a meaning, and some refuse them.
///
/// `mark` is the message's own cache breakpoint: it stands after the last part, unless that has its own.
pub(crate) fn content(at: At, raw: wire::Raw<'_>, mark: Option<&wire::CacheControl<'_>>) -> Result<Vec<Part>, Fault> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let mut parts = match raw.get().as_bytes().first() {
        Some(b'"') => as_text(raw).and_then(|text| text_part(text.into_owned(), None)).into_iter().collect(),
        Some(b'[') => list(at, raw)?,
        _ => return Err(at.bad("content must be a text or a list of parts")),
    };
    if let (Some(hint), Some(slot)) = (cache_of(mark), parts.last_mut().and_then(cache_slot)) {
        slot.get_or_insert(hint);
    }
    Ok(parts)
}

fn list(at: At, raw: &RawValue) -> Result<Vec<Part>, Fault> {
    let entries: Vec<&RawValue> = dialect::read::text(raw.get()).map_err(|_| at.bad("content is not a list"))?;
    let mut parts = Vec::with_capacity(entries.len());
    for (n, entry) in entries.into_iter().enumerate() {
        let at = at.part(n);
        if let Some(text) = as_text(entry) {
            parts.extend(text_part(text.into_owned(), None));
            continue;
        }
        let part: wire::Part<'_> = dialect::read::text(entry.get()).map_err(|_| at.bad("not a content part"))?;
        parts.extend(part_of(at, &part)?);
    }
    Ok(parts)
}

/// The types of parts that [`part_of`] reads.
pub(crate) const PARTS: [&str; 10] = [
    "text",
    "input_text",
    "output_text",
    "refusal",
    "image_url",
    "input_image",
    "video_url",
    "input_audio",
    "file",
    "thinking",
];

/// One part; `None` when it is empty.
pub(crate) fn part_of(at: At, part: &wire::Part<'_>) -> Result<Option<Part>, Fault> {
    let cache = cache_of(part.cache_control.as_ref()).or_else(|| cache_of(part.prompt_cache_breakpoint.as_ref()));
    let kind = part.kind.as_deref().unwrap_or("text");
    Ok(match kind {
        // The Responses spelling of texts turns up in Chat histories.
        "text" | "input_text" | "output_text" => {
            let text = part.text.as_deref().ok_or_else(|| at.bad("a text part needs `text`"))?;
            text_part(text.to_owned(), cache)
        }
        "refusal" => part.refusal.as_deref().map(|text| Part::Refusal(text.to_owned())),
        "image_url" | "input_image" => Some(Part::Image(image(at, part, cache)?)),
        "video_url" => Some(Part::Video(video(at, part, cache)?)),
        "input_audio" => Some(Part::Audio(audio(at, part, cache)?)),
        "file" => Some(file(at, part, cache)?),
        // Reasoning that an answer carried in its content; other vendors want nothing of it.
        "thinking" => None,
        other => {
            let words = format!(
                "content parts of type {other:?} are not supported here: send text, image_url, input_audio or file"
            );
            return Err(Fault::unsupported(format!("{}.type", at.path()), words));
        }
    })
}

fn text_part(text: String, cache: Option<CacheHint>) -> Option<Part> {
    (!text.is_empty()).then(|| Part::Text(Text { text, cache, ..Text::default() }))
}

fn image(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Media, Fault> {
    let raw = part.image_url.ok_or_else(|| at.bad("an image_url part needs `image_url`"))?;
    let address = address_text(raw).ok_or_else(|| at.bad("`image_url` needs `url`"))?;
    let (source, media_type) = media::source(&address).map_err(|words| at.bad(words))?;
    let detail = dialect::read::text::<wire::Address<'_>>(raw.get()).ok().and_then(|address| address.detail);
    let detail = detail.and_then(|detail| media::detail(&detail));
    Ok(Media { source, media_type, detail, cache })
}

fn video(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Media, Fault> {
    let address = part.video_url.and_then(address_text).ok_or_else(|| at.bad("a video_url part needs a `url`"))?;
    let (source, media_type) = media::source(&address).map_err(|words| at.bad(words))?;
    Ok(Media { source, media_type, detail: None, cache })
}

fn audio(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Media, Fault> {
    let audio = part.input_audio.as_ref().ok_or_else(|| at.bad("an input_audio part needs `input_audio`"))?;
    Ok(media::sound(&audio.data, audio.format.as_deref(), cache))
}

/// A file: its bytes, or an id.
fn file(at: At, part: &wire::Part<'_>, cache: Option<CacheHint>) -> Result<Part, Fault> {
    let wire::FilePart { file_data, filename, file_id } =
        part.file.as_ref().ok_or_else(|| at.bad("a file part needs `file`"))?;
    let name = filename.as_deref();
    if let Some(data) = file_data.as_deref().filter(|data| !data.is_empty()) {
        return media::file(data, name, cache).map_err(|words| at.bad(words));
    }
    let id = file_id.as_deref().ok_or_else(|| at.bad("a file part needs `file_data` or `file_id`"))?;
    let (source, name) = (Source::FileId(id.to_owned()), name.map(str::to_owned));
    Ok(Part::File(File { source, media_type: None, name, context: None, cite: false, cache }))
}

/// The lifetime that a breakpoint asks for.
pub(crate) fn cache_of(mark: Option<&wire::CacheControl<'_>>) -> Option<CacheHint> {
    Some(media::cache(mark?.ttl.as_deref()))
}

fn cache_slot(part: &mut Part) -> Option<&mut Option<CacheHint>> {
    match part {
        Part::Text(text) => Some(&mut text.cache),
        Part::Image(media) | Part::Audio(media) | Part::Video(media) => Some(&mut media.cache),
        Part::File(file) => Some(&mut file.cache),
        Part::Refusal(_) | Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Foreign(_) => None,
    }
}
