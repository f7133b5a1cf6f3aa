//! Reads the content blocks of a client's turns into hub parts.

use dialect::{carrier, unread};
use hub::{
    CacheHint, CallKind, Citation, Fault, File, Foreign, Json, Media, Part, Role, Source, Text, Thought, ToolCall, Turn,
};
use serde_json::value::RawValue;

use crate::names::{ID, REDACTED, SIGNATURE};
use crate::place::Place;
use crate::wire::{self, Block, CacheControl, CitationSwitch, Content, SourceField};
use crate::{seals, traces};

/// The block of instructions that an operator gives in the middle of a message (`MidConversationSystemBlockParam` of
/// anthropic-sdk-python, 2026-08).
const INSTRUCTIONS: &str = "mid_conv_system";

/// Reads what one message says: one turn, unless it holds instructions, which are a turn of their own.
///
/// # Errors
/// A bad-request fault that names the block.
pub(crate) fn turns(content: Content<'_>, role: Role, place: &Place<'_, '_>, out: &mut Vec<Turn>) -> Result<(), Fault> {
    match content {
        Content::Blocks(blocks) if blocks.iter().any(|block| block.kind == INSTRUCTIONS) => {
            apart(blocks, role, place, out)
        }
        content => {
            out.push(Turn { role, parts: self::content(content, place)? });
            Ok(())
        }
    }
}

fn apart(blocks: Vec<Block<'_>>, role: Role, place: &Place<'_, '_>, out: &mut Vec<Turn>) -> Result<(), Fault> {
    let mut turns: Vec<Turn> = Vec::new();
    for (at, block) in blocks.into_iter().enumerate() {
        let place = place.at(at);
        let (role, parts) = match block.kind == INSTRUCTIONS {
            true => (Role::System, instructions(block, &place)?),
            false => {
                let mut parts = Vec::with_capacity(1);
                self::block(block, &place, &mut parts)?;
                (role, parts)
            }
        };
        match turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.parts.extend(parts),
            None => turns.push(Turn { role, parts }),
        }
    }
    turns.iter_mut().for_each(|turn| carrier::settle(&mut turn.parts));
    out.append(&mut turns);
    Ok(())
}

/// The words of the operator's block, whose breakpoint is that of the last of them.
fn instructions(block: Block<'_>, place: &Place<'_, '_>) -> Result<Vec<Part>, Fault> {
    let mut parts = content(block.content, &place.field("content"))?;
    if let Some(Part::Text(last)) = parts.last_mut() {
        last.cache = last.cache.or_else(|| cache(block.cache_control.as_ref()));
    }
    Ok(parts)
}

/// Reads content into parts. `place` gives the text of a block that only this dialect understands.
///
/// # Errors
/// A bad-request fault that names the block.
pub(crate) fn content(content: Content<'_>, place: &Place<'_, '_>) -> Result<Vec<Part>, Fault> {
    let mut parts = match content {
        Content::Absent | Content::Other => Vec::new(),
        Content::Text(text) => vec![Part::Text(Text::plain(text))],
        Content::Blocks(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (at, block) in blocks.into_iter().enumerate() {
                self::block(block, &place.at(at), &mut parts)?;
            }
            parts
        }
    };
    carrier::settle(&mut parts);
    Ok(parts)
}

fn block(block: Block<'_>, place: &Place<'_, '_>, out: &mut Vec<Part>) -> Result<(), Fault> {
    match &*block.kind {
        "text" => out.push(text(block)),
        "thinking" => out.push(Part::Thinking(Thought {
            text: block.thinking.unwrap_or_default(),
            seal: seals::read(block.signature, SIGNATURE),
            redacted: false,
        })),
        "redacted_thinking" => {
            let seal = seals::read(block.data, REDACTED);
            out.push(Part::Thinking(Thought { text: String::new(), seal, redacted: true }));
        }
        "tool_use" => out.push(Part::ToolCall(call(block, place)?)),
        "tool_result" => out.push(Part::ToolResult(result(block, place)?)),
        "image" => out.push(Part::Image(image(block, place)?)),
        "document" => document(block, place, out)?,
        _ => out.push(foreign(&block, place)),
    }
    Ok(())
}

fn text(block: Block<'_>) -> Part {
    Part::Text(Text {
        text: block.text.unwrap_or_default(),
        cache: cache(block.cache_control.as_ref()),
        citations: block.citations.map(citations).unwrap_or_default(),
        tokens: Vec::new(),
    })
}

fn call(block: Block<'_>, place: &Place<'_, '_>) -> Result<ToolCall, Fault> {
    let missing = |field: &str| Fault::bad_request(format!("tool_use needs `{field}`")).at(place.path());
    Ok(ToolCall {
        id: block.id.ok_or_else(|| missing("id"))?,
        name: block.name.ok_or_else(|| missing("name"))?,
        arguments: block.input.map_or("{}", RawValue::get).to_owned(),
        kind: CallKind::Function,
        seal: None,
        cache: cache(block.cache_control.as_ref()),
    })
}

fn result(block: Block<'_>, place: &Place<'_, '_>) -> Result<hub::ToolResult, Fault> {
    let call_id =
        block.tool_use_id.ok_or_else(|| Fault::bad_request("tool_result needs `tool_use_id`").at(place.path()))?;
    let inner = place.field("content");
    let parts = match block.content {
        // An object or a number is data: its JSON text is the result.
        Content::Other => {
            inner.text().inspect(|json| unread::kept(json)).map(Text::plain).map(Part::Text).into_iter().collect()
        }
        other => content(other, &inner)?.into_iter().map(told).collect(),
    };
    let is_error = block.is_error.unwrap_or(false);
    Ok(hub::ToolResult { call_id, name: None, parts, is_error, cache: cache(block.cache_control.as_ref()) })
}

/// A block of a type that nobody knows is data, too: what a tool gave must reach the model.
fn told(mut part: Part) -> Part {
    if let Part::Foreign(foreign) = &mut part {
        foreign.gist.get_or_insert_with(|| foreign.json.as_str().to_owned());
    }
    part
}

fn image(block: Block<'_>, place: &Place<'_, '_>) -> Result<Media, Fault> {
    let Some(SourceField::Record(record)) = block.source else { return Err(no_source("image", place)) };
    let (source, media_type) = plain_source(&record).ok_or_else(|| no_source("image", place))?;
    Ok(Media { source, media_type, detail: None, cache: cache(block.cache_control.as_ref()) })
}

fn no_source(kind: &str, place: &Place<'_, '_>) -> Fault {
    Fault::bad_request(format!("{kind}: `source` must be base64, url, file or, for documents, text or content"))
        .at(place.path())
}

/// The content and its type, as the bytes show it where they are at hand.
fn plain_source(record: &wire::Source<'_>) -> Option<(Source, Option<String>)> {
    let declared = record.media_type.as_deref();
    let inline = |data: &str| {
        let (base64, media_type) = dialect::inlined(data, declared);
        (!base64.is_empty()).then_some((Source::Base64(base64), media_type))
    };
    let told = |source: Source| (source, record.media_type.clone());
    match &*record.kind {
        "base64" => inline(record.data.as_deref()?),
        // Clients put data URLs where addresses belong.
        "url" if record.url.as_deref().is_some_and(is_data_url) => inline(record.url.as_deref()?),
        "url" => record.url.clone().map(Source::Url).map(told),
        "file" => record.file_id.clone().map(Source::FileId).map(told),
        "text" => record.data.clone().map(Source::Text).map(told),
        _ => None,
    }
}

fn is_data_url(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// A document is one file; one made of blocks is a text file and the pictures in it.
fn document(block: Block<'_>, place: &Place<'_, '_>, out: &mut Vec<Part>) -> Result<(), Fault> {
    let Some(SourceField::Record(record)) = block.source else { return Err(no_source("document", place)) };
    let mut file = File {
        source: Source::Text(String::new()),
        media_type: None,
        name: block.title,
        context: block.context,
        cite: block.citations.and_then(switch).unwrap_or(false),
        cache: cache(block.cache_control.as_ref()),
    };
    if file.cite {
        unread::left(block.citations.map(RawValue::get));
    }
    if file.context.is_some() && !matches!(&*record.kind, "text" | "content") {
        // Beside words it is a heading; nothing else can be headed.
        unread::left(place.field("context").text());
    }
    if &*record.kind != "content" {
        (file.source, file.media_type) = plain_source(&record).ok_or_else(|| no_source("document", place))?;
        out.push(Part::File(file));
        return Ok(());
    }
    let inner = content(record.content, &place.field("source").field("content"))?;
    file.media_type = Some("text/plain".into());
    file.source = Source::Text(joined_text(&inner));
    out.push(Part::File(file));
    out.extend(inner.into_iter().filter(|part| matches!(part, Part::Image(_))));
    Ok(())
}

fn switch(raw: &RawValue) -> Option<bool> {
    serde_json::from_str::<CitationSwitch>(raw.get()).ok()?.enabled
}

fn joined_text(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// A block that stays as it is; other dialects get its words, where it has any that the user gave.
fn foreign(block: &Block<'_>, place: &Place<'_, '_>) -> Part {
    let json = place.text().unwrap_or("{}");
    unread::kept(json);
    if block.cache_control.is_some() {
        unread::left(place.field("cache_control").text());
    }
    if block.citations.and_then(switch) == Some(true) {
        unread::left(block.citations.map(RawValue::get));
    }
    let json = Json::trusted(json);
    let gist = match &*block.kind {
        "search_result" => Some(search_result(block)),
        "tool_reference" => block.tool_name.clone(),
        "compaction" => match &block.content {
            Content::Text(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let trace = traces::read(json.as_str());
    // In a history the pages are told in words: what was found is part of what was said.
    let gist = gist.or_else(|| trace.as_ref()?.words());
    Part::Foreign(Foreign { origin: ID, json, gist, trace })
}

/// Title, source and words of a search result that the client found by itself.
fn search_result(block: &Block<'_>) -> String {
    let mut lines: Vec<&str> = Vec::new();
    lines.extend(block.title.as_deref());
    if let Some(SourceField::Address(address)) = &block.source {
        lines.push(address);
    }
    match &block.content {
        Content::Text(text) => lines.push(text),
        Content::Blocks(blocks) => lines.extend(blocks.iter().filter_map(|block| block.text.as_deref())),
        Content::Absent | Content::Other => (),
    }
    lines.join("\n")
}

/// The breakpoint in hub terms.
pub(crate) fn cache(control: Option<&CacheControl<'_>>) -> Option<CacheHint> {
    control.map(|control| match control.ttl.as_deref() {
        Some("5m") => CacheHint::FiveMinutes,
        Some("1h") => CacheHint::OneHour,
        _ => CacheHint::Default,
    })
}

/// The sources of a text; a shape that we cannot read is no source.
pub(crate) fn citations(raw: &RawValue) -> Vec<Citation> {
    let list: Vec<&RawValue> = dialect::read::text(raw.get()).unwrap_or_default();
    list.into_iter().filter_map(citation).collect()
}

/// One source of a text.
pub(crate) fn citation(raw: &RawValue) -> Option<Citation> {
    let record: wire::CitationRecord = serde_json::from_str(raw.get()).ok()?;
    let web = |address: &String| address.starts_with("http://") || address.starts_with("https://");
    Some(Citation {
        url: record.url.or(record.source.filter(web)),
        title: record.title.or(record.document_title),
        cited_text: record.cited_text,
        span: None,
        native: Some((ID, Json::trusted(raw.get()))),
    })
}
