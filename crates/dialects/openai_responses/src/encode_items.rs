//! Writes the input of a request: turns as typed items.
//!
//! Item ids are left out: one that this account never gave out is looked up and not found. Reasoning goes only where
//! it is OpenAI's own, with its proof; foreign reasoning is nobody's here.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::{BufMut, BytesMut};
use dialect::openai::media::{self, data_url, detail_word, file_text, picture_type, refuse};
use dialect::{NameMap, Object, Target, array, quoted};
use hub::{
    CacheHint, CallKind, Citation, Fault, File, Foreign, Losses, Media, Part, Request, Role, Source, Text, Thought,
    Tool, ToolCall, ToolResult,
};

use crate::typed::{self, Typed};
use crate::{ID, items, seals, typed_calls};

/// OpenAI takes no more breakpoints in one request.
const MAX_BREAKPOINTS: u8 = 4;
/// Longest id of a call.
const MAX_CALL_ID: usize = 64;

/// Writes the items of one request.
pub(crate) struct Items<'a, 'l> {
    target: &'a Target<'a>,
    names: &'a NameMap,
    losses: &'l mut Losses,
    /// The form of each call, for its output.
    forms: HashMap<&'a str, Form>,
    tools: &'a [Tool],
    /// What must wait for the next user message.
    carried: Vec<Piece<'a>>,
    breakpoints: u8,
    first: bool,
}

/// A piece of content.
enum Piece<'a> {
    Text { text: Cow<'a, str>, sources: &'a [Citation], cache: Option<CacheHint> },
    Refusal(&'a str),
    Media { part: &'a Part, cache: Option<CacheHint> },
}

/// Which words a message's parts go by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Input,
    Output,
}

impl<'a, 'l> Items<'a, 'l> {
    pub(crate) fn new(target: &'a Target<'a>, names: &'a NameMap, losses: &'l mut Losses) -> Self {
        Self {
            target,
            names,
            losses,
            forms: HashMap::new(),
            tools: &[],
            carried: Vec::new(),
            breakpoints: MAX_BREAKPOINTS,
            first: true,
        }
    }

    /// Writes the whole list. `system` are the texts that are not sent as instructions.
    pub(crate) fn write(
        mut self,
        system: &'a [Text],
        note: Option<&'a str>,
        request: &'a Request,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        self.tools = &request.tools;
        out.put_u8(b'[');
        let note = note.map(|note| Piece::Text { text: Cow::Borrowed(note), sources: &[], cache: None });
        for piece in system.iter().filter_map(text_piece).chain(note) {
            self.message("developer", &[piece], out)?;
        }
        for turn in &request.turns {
            match turn.role {
                Role::System => self.system(&turn.parts, out)?,
                Role::User => self.user(&turn.parts, out)?,
                Role::Assistant => self.assistant(&turn.parts, out)?,
            }
        }
        self.flush(out)?;
        out.put_u8(b']');
        match self.first {
            true => Err(Fault::bad_request("the conversation has no content").at("messages")),
            false => Ok(()),
        }
    }

    fn begin<'o>(&mut self, kind: &str, out: &'o mut BytesMut) -> Object<'o> {
        if !self.first {
            out.put_u8(b',');
        }
        self.first = false;
        let mut item = Object::open(out);
        item.text("type", kind);
        item
    }

    /// Writes a message, if it has any content.
    fn message(&mut self, role: &str, pieces: &[Piece<'_>], out: &mut BytesMut) -> Result<(), Fault> {
        if pieces.is_empty() {
            return Ok(());
        }
        let side = if role == "assistant" { Side::Output } else { Side::Input };
        let mut item = self.begin("message", out);
        item.text("role", role);
        self.content(side, pieces, item.key("content"))?;
        item.close();
        Ok(())
    }

    fn content(&mut self, side: Side, pieces: &[Piece<'_>], out: &mut BytesMut) -> Result<(), Fault> {
        let mut result = Ok(());
        array(pieces, out, |piece, out| {
            let mut object = Object::open(out);
            let written = match piece {
                Piece::Text { text, sources, .. } => {
                    object.text("type", if side == Side::Output { "output_text" } else { "input_text" });
                    object.text("text", text);
                    if side == Side::Output && !sources.is_empty() {
                        let placed = sources.iter().filter(|source| items::has_form(source));
                        object.array("annotations", placed, |source, out| items::annotation(source, text, out));
                    }
                    Ok(())
                }
                Piece::Refusal(words) => {
                    object.text("type", "refusal");
                    object.text("refusal", words);
                    Ok(())
                }
                Piece::Media { part, .. } => media(part, self.target, &mut object),
            };
            if side == Side::Input {
                self.breakpoint(piece.cache(), &mut object);
            }
            object.close();
            if result.is_ok() {
                result = written;
            }
        });
        result
    }

    fn breakpoint(&mut self, cache: Option<CacheHint>, part: &mut Object<'_>) {
        if cache.is_none() {
            return;
        }
        if self.target.traits.quirks.cache_breakpoints && self.breakpoints > 0 {
            self.breakpoints -= 1;
            // Twelve hours cost more and are never chosen for the client.
            part.raw("prompt_cache_breakpoint", "{\"mode\":\"explicit\",\"ttl\":\"30m\"}");
        } else {
            self.losses.silent("cache_control");
        }
    }

    fn system(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        self.flush(out)?;
        let pieces = self.pieces(parts);
        self.message("developer", &pieces, out)
    }

    fn user(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        for part in parts {
            if let Part::ToolResult(result) = part {
                self.result(result, out)?;
            }
        }
        let mut pieces = std::mem::take(&mut self.carried);
        pieces.extend(self.pieces(parts));
        self.message("user", &pieces, out)
    }

    /// What still waits goes into a user message of its own.
    fn flush(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        let pieces = std::mem::take(&mut self.carried);
        self.message("user", &pieces, out)
    }

    fn pieces(&mut self, parts: &'a [Part]) -> Vec<Piece<'a>> {
        parts.iter().filter_map(|part| self.piece(part)).collect()
    }

    /// A part of a user's message or of an output; `None` for what has no place there.
    fn piece(&mut self, part: &'a Part) -> Option<Piece<'a>> {
        match part {
            Part::Text(text) => text_piece(text),
            Part::Refusal(words) => plain(Cow::Borrowed(words.as_str())),
            Part::Image(media) | Part::Audio(media) | Part::Video(media) => {
                Some(Piece::Media { part, cache: media.cache })
            }
            Part::File(file) => Some(match file_text(file) {
                Some(text) => Piece::Text { text: Cow::Owned(text), sources: &[], cache: file.cache },
                None => Piece::Media { part, cache: file.cache },
            }),
            Part::Foreign(foreign) => self.gist(foreign).and_then(|gist| plain(Cow::Borrowed(gist))),
            Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => None,
        }
    }

    fn gist(&mut self, foreign: &'a Foreign) -> Option<&'a str> {
        foreign.told("messages", self.losses)
    }

    fn result(&mut self, result: &'a ToolResult, out: &mut BytesMut) -> Result<(), Fault> {
        let mut pieces = self.pieces(&result.parts);
        let kind = match self.forms.get(result.call_id.as_str()) {
            Some(Form::Typed(typed)) => {
                self.typed_result(*typed, result, pieces, out);
                return Ok(());
            }
            Some(Form::Plain(CallKind::Custom)) => "custom_tool_call_output",
            Some(Form::Plain(CallKind::Function)) | None => "function_call_output",
        };
        if result.is_error {
            mark_error(&mut pieces);
        }
        let mut item = self.begin(kind, out);
        item.text("call_id", &call_id(&result.call_id));
        match pieces.as_slice() {
            [] => item.text("output", ""),
            [Piece::Text { text, cache: None, .. }] => item.text("output", text),
            _ => self.content(Side::Input, &pieces, item.key("output"))?,
        }
        item.close();
        Ok(())
    }

    /// These outputs hold text only: what else there is follows as the user's.
    fn typed_result(&mut self, typed: Typed, result: &ToolResult, pieces: Vec<Piece<'a>>, out: &mut BytesMut) {
        let mut words: Vec<Cow<'a, str>> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text { text, .. } => words.push(text),
                Piece::Refusal(text) => words.push(Cow::Borrowed(text)),
                Piece::Media { .. } => self.carried.push(piece),
            }
        }
        let mut item = self.begin(typed.items().1, out);
        typed_calls::write_output(typed, &call_id(&result.call_id), &words.join("\n"), result.is_error, &mut item);
        item.close();
    }

    /// Texts that follow one another are one message; reasoning and calls are items of their own, in order.
    fn assistant(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        self.flush(out)?;
        let mut said: Vec<Piece<'a>> = Vec::new();
        let end = parts.iter().rposition(is_item).map_or(0, |last| last + 1);
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Refusal(words) if !words.is_empty() => said.push(Piece::Refusal(words)),
                Part::Text(_) | Part::Refusal(_) | Part::Foreign(_) => {
                    if let Part::Foreign(foreign) = part
                        && foreign.origin == ID
                    {
                        self.message("assistant", &std::mem::take(&mut said), out)?;
                        self.own(foreign, out);
                        continue;
                    }
                    said.extend(self.piece(part));
                }
                // Foreign reasoning leaves no seam. What led to nothing, because the answer was cut short in it, is
                // refused as an item that lacks the next one.
                Part::Thinking(thought) if !is_own(thought) || at >= end => self.losses.silent("reasoning"),
                Part::Thinking(thought) => {
                    self.message("assistant", &std::mem::take(&mut said), out)?;
                    self.reasoning(thought, out);
                }
                Part::ToolCall(call) => {
                    self.message("assistant", &std::mem::take(&mut said), out)?;
                    self.call(call, out);
                }
                Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_) => {
                    self.carried.extend(plain(Cow::Borrowed("[from the assistant's turn above]")));
                    let piece = self.piece(part);
                    self.carried.extend(piece);
                }
                Part::ToolResult(_) => (),
            }
        }
        self.message("assistant", &said, out)
    }

    fn own(&mut self, foreign: &Foreign, out: &mut BytesMut) {
        if !self.first {
            out.put_u8(b',');
        }
        self.first = false;
        out.extend_from_slice(foreign.json.as_str().as_bytes());
    }

    fn reasoning(&mut self, thought: &Thought, out: &mut BytesMut) {
        let Some(seal) = &thought.seal else { return };
        let mut item = self.begin("reasoning", out);
        let summary = Some(thought.text.as_str()).filter(|text| !text.is_empty());
        item.array("summary", summary, |text, out| {
            let mut part = Object::open(out);
            part.text("type", "summary_text");
            part.text("text", text);
            part.close();
        });
        item.text("encrypted_content", &seal.data);
        item.close();
    }

    fn typed_call(&mut self, typed: Typed, call_id: &str, payload: &str, out: &mut BytesMut) {
        let mut item = self.begin(typed.items().0, out);
        if typed == Typed::LocalShell {
            // The only one that must have it.
            item.text("id", call_id);
        }
        item.text("call_id", call_id);
        item.text("status", "completed");
        item.raw(typed_calls::field(typed), payload);
        if typed == Typed::ToolSearch {
            item.text("execution", "client");
        }
        item.close();
    }

    fn call(&mut self, call: &'a ToolCall, out: &mut BytesMut) {
        let typed = typed::of_name(&call.name, self.tools);
        if let Some((typed, payload)) =
            typed.and_then(|typed| Some((typed, typed_calls::payload(typed, &call.arguments)?)))
        {
            self.forms.insert(&call.id, Form::Typed(typed));
            return self.typed_call(typed, &call_id(&call.id), &payload, out);
        }
        self.forms.insert(&call.id, Form::Plain(call.kind));
        let (kind, field) = match call.kind {
            CallKind::Function => ("function_call", "arguments"),
            CallKind::Custom => ("custom_tool_call", "input"),
        };
        let name = self.names.wire(&call.name);
        let mut item = self.begin(kind, out);
        item.text("call_id", &call_id(&call.id));
        item.text("name", name);
        let empty = call.kind == CallKind::Function && call.arguments.trim().is_empty();
        item.text(field, if empty { "{}" } else { &call.arguments });
        item.close();
    }
}

/// The form that a call has in the input.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain(CallKind),
    /// An item of a type of its own.
    Typed(Typed),
}

impl Piece<'_> {
    fn cache(&self) -> Option<CacheHint> {
        match self {
            Self::Text { cache, .. } | Self::Media { cache, .. } => *cache,
            Self::Refusal(_) => None,
        }
    }
}

fn text_piece(text: &Text) -> Option<Piece<'_>> {
    let (words, sources) = (Cow::Borrowed(text.text.as_str()), text.citations.as_slice());
    (!words.is_empty()).then_some(Piece::Text { text: words, sources, cache: text.cache })
}

fn plain(text: Cow<'_, str>) -> Option<Piece<'_>> {
    (!text.is_empty()).then_some(Piece::Text { text, sources: &[], cache: None })
}

/// Whether a part of an assistant's turn is an item that its reasoning can have led to.
fn is_item(part: &Part) -> bool {
    match part {
        Part::Text(text) => !text.text.is_empty(),
        Part::Refusal(words) => !words.is_empty(),
        Part::Foreign(foreign) => foreign.origin == ID || foreign.gist.as_ref().is_some_and(|gist| !gist.is_empty()),
        Part::ToolCall(_) => true,
        _ => false,
    }
}

/// Whether OpenAI itself made the proof of a thought.
fn is_own(thought: &Thought) -> bool {
    thought.seal.as_ref().is_some_and(seals::is_own)
}

/// There is no mark for a failed tool: the text says so, unless it does already.
fn mark_error(pieces: &mut Vec<Piece<'_>>) {
    let told = |text: &str| text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    match pieces.first_mut() {
        Some(Piece::Text { text, .. }) if told(text) => (),
        Some(Piece::Text { text, .. }) => *text = Cow::Owned(format!("Error: {text}")),
        _ => pieces.splice(..0, plain(Cow::Borrowed("Error: the tool failed"))).for_each(drop),
    }
}

/// The id of a call as OpenAI takes it: a longer one becomes a stable hash of itself, for call and output alike.
fn call_id(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_CALL_ID && !id.is_empty() {
        return Cow::Borrowed(id);
    }
    let fold = |seed: u64| id.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    Cow::Owned(format!("call_{:016x}{:016x}", fold(0xCBF2_9CE4_8422_2325), fold(0x9E37_79B9_7F4A_7C15)))
}

/// Writes the fields of a picture, a sound or a file.
fn media(part: &Part, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    match part {
        Part::Image(media) => image(media, target, object),
        Part::Audio(media) => media::write_sound(media, target, false, object),
        Part::Video(_) => Err(refuse(target, "films", "send pictures of it")),
        Part::File(file) => write_file(file, target, object),
        // Their callers write these as text or items.
        Part::Text(_)
        | Part::Refusal(_)
        | Part::Thinking(_)
        | Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Foreign(_) => Ok(()),
    }
}

fn image(media: &Media, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    if target.traits.images == Some(false) {
        return Err(refuse(target, "pictures", "describe them in words, or use a model that sees"));
    }
    object.text("type", "input_image");
    match &media.source {
        Source::Base64(data) => {
            let kind = picture_type(media, data, target)?;
            data_url("image_url", kind, data, object);
        }
        Source::Url(url) => object.text("image_url", url),
        Source::FileId(_) | Source::Text(_) => {
            return Err(refuse(target, "pictures from another provider's file store", "send the picture itself"));
        }
    }
    object.text("detail", media.detail.map_or("auto", detail_word));
    Ok(())
}

fn write_file(file: &File, target: &Target<'_>, object: &mut Object<'_>) -> Result<(), Fault> {
    object.text("type", "input_file");
    match &file.source {
        Source::Base64(data) => media::write_file(file, data, object),
        Source::Url(url) => quoted(url, object.key("file_url")),
        Source::FileId(_) | Source::Text(_) => {
            return Err(refuse(target, "documents from another provider's file store", "send its bytes"));
        }
    }
    Ok(())
}
