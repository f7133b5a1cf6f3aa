//! Reads the parts of a turn into hub parts. Knows nothing of turns; calls and results are told by their place.

use dialect::unread;
use hub::{CallKind, Detail, Fault, File, Foreign, Json, Media, Part, Source, Text, Thought, ToolCall, ToolResult};
use serde_json::value::RawValue;

use crate::wire::{self, Blob, FileData, FunctionCall, FunctionResponse, as_text, entry, filled, lenient, typed};
use crate::{ID, seals, traces};

/// Where Google keeps the files of one account.
const FILE_STORES: [&str; 3] = ["https://generativelanguage.googleapis.com/", "gs://", "files/"];

/// Reads the parts of one content. `place` names them for people, `turn` numbers the content.
///
/// # Errors
/// A bad-request fault that names the part.
pub(crate) fn parts(content: &wire::Content<'_>, turn: usize, place: &str) -> Result<Vec<Part>, Fault> {
    let Some(raw) = content.parts else { return Ok(Vec::new()) };
    let place = [place, ".parts"].concat();
    let list = wire::list(raw)
        .ok_or_else(|| Fault::bad_request(format!("`{place}` must be a list of parts")).at(place.clone()))?;
    let mut out = Vec::with_capacity(list.len());
    for (number, raw) in list.into_iter().enumerate() {
        let place = entry(&place, number);
        let part: wire::Part<'_> = typed(raw.get(), &place)?;
        read(part, raw, Place { turn, number, name: &place }, &mut out)?;
    }
    Ok(adopted(out))
}

/// Older models take what a tool shows beside its result: it belongs to the result that it follows.
fn adopted(parts: Vec<Part>) -> Vec<Part> {
    if !parts.iter().any(|part| matches!(part, Part::ToolResult(_))) {
        return parts;
    }
    let shown = |part: &Part| matches!(part, Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_));
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match out.last_mut() {
            Some(Part::ToolResult(result)) if shown(&part) => result.parts.push(part),
            _ => out.push(part),
        }
    }
    out
}

/// Where a part stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    turn: usize,
    number: usize,
    name: &'a str,
}

fn read(part: wire::Part<'_>, raw: &RawValue, place: Place<'_>, out: &mut Vec<Part>) -> Result<(), Fault> {
    let signature = part.thought_signature.as_deref();
    if let Some(call) = part.function_call {
        let seal = seals::read(signature, seals::THOUGHT);
        out.push(Part::ToolCall(ToolCall { seal, ..read_call(call, place)? }));
    } else if let Some(response) = part.function_response {
        out.push(Part::ToolResult(read_result(response, place)?));
    } else if let Some(text) = part.text {
        let words = as_text(text).ok_or_else(|| {
            Fault::bad_request(format!("`{}.text` must be a text", place.name)).at(place.name.to_owned())
        })?;
        read_text(words.into_owned(), part.thought == Some(true), signature, out);
    } else if let Some(blob) = part.inline_data {
        out.push(inline(blob, detail(part.media_resolution), place)?);
    } else if let Some(file) = part.file_data {
        out.push(referenced(file, detail(part.media_resolution), place)?);
    } else {
        unread::kept(raw.get());
        let gist = gist(&part);
        let bare = signature.is_some() && is_only_signature(raw.get());
        match seals::read(signature, seals::EMPTY) {
            Some(seal) if bare => out.push(Part::Thinking(Thought { seal: Some(seal), ..Thought::default() })),
            None if bare => (),
            _ => out.push(Part::Foreign(Foreign { origin: ID, json: Json::trusted(raw.get()), gist, trace: None })),
        }
    }
    Ok(())
}

/// Text, or a thought. A proof on a text travels behind it.
fn read_text(text: String, thought: bool, signature: Option<&str>, out: &mut Vec<Part>) {
    let empty = text.is_empty();
    if thought {
        let seal = seals::read(signature, seals::THOUGHT);
        let redacted = empty && seal.as_ref().is_some_and(|seal| seal.kind == "redacted");
        match out.last_mut() {
            // A stream sends a thought in pieces and its proof last: only together are they what was proved.
            Some(Part::Thinking(before)) if before.seal.is_none() && !redacted => {
                before.text.push_str(&text);
                before.seal = seal;
            }
            _ if empty && seal.is_none() => (),
            _ => out.push(Part::Thinking(Thought { text, seal, redacted })),
        }
        return;
    }
    if !empty {
        out.push(Part::Text(Text::plain(text)));
    }
    let kind = if empty { seals::EMPTY } else { seals::TEXT };
    if let Some(seal) = seals::read(signature, kind) {
        let redacted = seal.kind == "redacted";
        out.push(Part::Thinking(Thought { text: String::new(), seal: Some(seal), redacted }));
    }
}

fn read_call(call: FunctionCall<'_>, place: Place<'_>) -> Result<ToolCall, Fault> {
    let name = filled(call.name).ok_or_else(|| {
        Fault::bad_request(format!("`{}.functionCall` needs a name", place.name)).at(place.name.to_owned())
    })?;
    Ok(ToolCall {
        id: filled(call.id).unwrap_or_else(|| made_id(place.turn, place.number, &name)),
        name,
        arguments: call.args.map_or("{}", RawValue::get).to_owned(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    })
}

/// An id for a call that has none: the same history gives the same id on every turn, or prompt caches would miss.
fn made_id(turn: usize, number: usize, name: &str) -> String {
    let bytes = turn.to_le_bytes().into_iter().chain(number.to_le_bytes()).chain(name.bytes());
    let hash =
        bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    dialect::mint("call_", hash, 0)
}

fn read_result(response: FunctionResponse<'_>, place: Place<'_>) -> Result<ToolResult, Fault> {
    let (text, is_error) = words_of(response.response);
    let mut parts: Vec<Part> = Vec::with_capacity(1);
    if !text.is_empty() {
        parts.push(Part::Text(Text::plain(text)));
    }
    for raw in response.parts.and_then(wire::list).unwrap_or_default() {
        let inner: wire::Part<'_> = typed(raw.get(), place.name)?;
        read(inner, raw, place, &mut parts)?;
    }
    Ok(ToolResult {
        call_id: filled(response.id).unwrap_or_default(),
        name: filled(response.name),
        parts,
        is_error,
        cache: None,
    })
}

/// The words of a result: Google's convention is `{"output": ...}` or `{"error": ...}`; any other object is data.
fn words_of(raw: wire::Raw<'_>) -> (String, bool) {
    let Some(raw) = raw else { return (String::new(), false) };
    let Ok(object) = dialect::scan::object(raw.get().as_bytes()) else { return (plain(raw.get()), false) };
    let mut entries = object.entries(raw.get().as_bytes());
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) if key == "output" => (plain(value), false),
        (Some((key, value)), None) if key == "error" => (plain(value), true),
        _ => (raw.get().to_owned(), false),
    }
}

/// A text without its quotes; JSON text for everything else.
fn plain(json: &str) -> String {
    dialect::read::words(json).map_or_else(|| json.to_owned(), std::borrow::Cow::into_owned)
}

fn detail(raw: wire::Raw<'_>) -> Option<Detail> {
    let raw = raw?;
    let level = lenient::<wire::Resolution<'_>>(Some(raw)).level;
    detail_of(level.as_deref().unwrap_or(raw.get()))
}

/// The resolution that a level's name stands for.
pub(crate) fn detail_of(text: &str) -> Option<Detail> {
    if text.contains("ULTRA_HIGH") {
        Some(Detail::Original)
    } else if text.contains("_LOW") {
        Some(Detail::Low)
    } else {
        text.contains("_HIGH").then_some(Detail::High)
    }
}

fn inline(blob: Blob<'_>, detail: Option<Detail>, place: Place<'_>) -> Result<Part, Fault> {
    let data = filled(blob.data).ok_or_else(|| {
        Fault::bad_request(format!("`{}.inlineData` needs data", place.name)).at(place.name.to_owned())
    })?;
    let declared = filled(blob.mime_type);
    let (base64, media_type) = dialect::inlined(&data, declared.as_deref());
    if base64.is_empty() {
        return Err(Fault::bad_request(format!("`{}.inlineData` must be base64", place.name)).at(place.name.to_owned()));
    }
    Ok(media(Source::Base64(base64), media_type, filled(blob.display_name), detail))
}

fn referenced(file: FileData<'_>, detail: Option<Detail>, place: Place<'_>) -> Result<Part, Fault> {
    let uri = filled(file.file_uri).ok_or_else(|| {
        Fault::bad_request(format!("`{}.fileData` needs a fileUri", place.name)).at(place.name.to_owned())
    })?;
    let is_film = ["youtube.com/", "youtu.be/"].iter().any(|host| uri.contains(host));
    let media_type = filled(file.mime_type).or_else(|| is_film.then(|| "video/*".to_owned()));
    let stored = FILE_STORES.iter().any(|store| uri.starts_with(store));
    let source = if stored { Source::FileId(uri) } else { Source::Url(uri) };
    Ok(media(source, media_type, filled(file.display_name), detail))
}

/// The part that a media type stands for.
fn media(source: Source, media_type: Option<String>, name: Option<String>, detail: Option<Detail>) -> Part {
    let kind = media_type.as_deref().unwrap_or_default().split('/').next().unwrap_or_default();
    let media = |media_type| Media { source: source.clone(), media_type, detail, cache: None };
    match kind {
        "image" => Part::Image(media(media_type)),
        "audio" => Part::Audio(media(media_type)),
        "video" => Part::Video(media(media_type)),
        _ => Part::File(File { source, media_type, name, context: None, cite: false, cache: None }),
    }
}

/// What a part that only this dialect knows says to others.
pub(crate) fn gist(part: &wire::Part<'_>) -> Option<String> {
    traces::program(part, 0)?.words()
}

/// Whether a part holds nothing but its signature.
fn is_only_signature(json: &str) -> bool {
    dialect::scan::object(json.as_bytes()).is_ok_and(|object| {
        let known = |key: &str| matches!(key, "thoughtSignature" | "thought_signature" | "thought");
        object.entries(json.as_bytes()).all(|(key, _)| known(&key))
    })
}

/// The thinking configuration, however odd.
pub(crate) fn thinking_config(raw: wire::Raw<'_>) -> wire::ThinkingConfig<'_> {
    lenient(raw)
}
