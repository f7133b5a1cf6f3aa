//! Writes the messages of a request.
//!
//! Each tool result is a message of its own, right after its call; a result can only be text, so pictures and files of
//! results follow in a user message after all of them, and so do pictures that the model made earlier. Plain texts
//! stay plain strings, which every compatible server takes.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use dialect::openai::media::file_text;
use dialect::{NameMap, Object, Target, array, quoted, wrap_custom_input};
use hub::{
    CacheHint, CallKind, Fault, Foreign, Losses, Part, Request, Role, Seal, Text, Thought, ToolCall, ToolResult,
};

use crate::ID;
use crate::encode_media;
use crate::response::extra_content;
use crate::stream_encode::call_words;

/// OpenAI takes no more breakpoints in one request.
const MAX_BREAKPOINTS: u8 = 4;

/// Writes the messages of one request.
pub(crate) struct Messages<'a, 'l> {
    target: &'a Target<'a>,
    names: &'a NameMap,
    losses: &'l mut Losses,
    /// What must wait for the next user message.
    carried: Vec<Piece<'a>>,
    breakpoints: u8,
    first: bool,
}

/// A piece of content, as Chat knows it.
enum Piece<'a> {
    Text { text: Cow<'a, str>, cache: Option<CacheHint> },
    Media { part: &'a Part, cache: Option<CacheHint> },
}

impl<'a, 'l> Messages<'a, 'l> {
    pub(crate) fn new(target: &'a Target<'a>, names: &'a NameMap, losses: &'l mut Losses) -> Self {
        Self { target, names, losses, carried: Vec::new(), breakpoints: MAX_BREAKPOINTS, first: true }
    }

    /// Writes the whole list. `note` is one more system text.
    pub(crate) fn write(
        mut self,
        request: &'a Request,
        note: Option<&'a str>,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        out.put_u8(b'[');
        let note = note.map(|note| Piece::Text { text: Cow::Borrowed(note), cache: None });
        let system: Vec<Piece<'_>> = request.system.iter().filter_map(text_piece).chain(note).collect();
        self.message("system", &system, out)?;
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

    fn begin<'o>(&mut self, out: &'o mut BytesMut) -> Object<'o> {
        if !self.first {
            out.put_u8(b',');
        }
        self.first = false;
        Object::open(out)
    }

    /// Writes a message of plain content, if there is any.
    fn message(&mut self, role: &str, pieces: &[Piece<'_>], out: &mut BytesMut) -> Result<(), Fault> {
        if pieces.is_empty() {
            return Ok(());
        }
        let mut message = self.begin(out);
        message.text("role", role);
        self.content(pieces, message.key("content"))?;
        message.close();
        Ok(())
    }

    fn content(&mut self, pieces: &[Piece<'_>], out: &mut BytesMut) -> Result<(), Fault> {
        let quirks = &self.target.traits.quirks;
        let plain: Option<Vec<&str>> = pieces.iter().map(Piece::as_text).collect();
        let marked = quirks.cache_breakpoints && pieces.iter().any(|piece| piece.cache().is_some());
        match plain {
            Some(texts) if texts.len() == 1 && !marked => quoted(texts[0], out),
            Some(texts) if quirks.flatten_content => quoted(&texts.join("\n\n"), out),
            _ => return self.parts(pieces, out),
        }
        Ok(())
    }

    fn parts(&mut self, pieces: &[Piece<'_>], out: &mut BytesMut) -> Result<(), Fault> {
        let mut result = Ok(());
        array(pieces, out, |piece, out| {
            let mut object = Object::open(out);
            let written = match piece {
                Piece::Text { text, .. } => {
                    object.text("type", "text");
                    object.text("text", text);
                    Ok(())
                }
                Piece::Media { part, .. } => encode_media::write(part, self.target, &mut object),
            };
            self.breakpoint(piece.cache(), &mut object);
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
            // Half an hour is all that Chat offers, whatever was asked.
            part.raw("prompt_cache_breakpoint", "{\"mode\":\"explicit\",\"ttl\":\"30m\"}");
        } else {
            self.losses.silent("cache_control");
        }
    }

    /// An instruction in mid-conversation; where the model takes none, the user passes it on.
    fn system(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        self.flush(out)?;
        let mut pieces = self.pieces(parts);
        if self.target.traits.system_turns != Some(false) {
            return self.message("system", &pieces, out);
        }
        self.losses.approximated("messages", "a system message in mid-conversation was sent as the user's reminder");
        for piece in &mut pieces {
            if let Piece::Text { text, .. } = piece {
                *text = Cow::Owned(format!("<system-reminder>\n{text}\n</system-reminder>"));
            }
        }
        self.message("user", &pieces, out)
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
        let mut pieces = Vec::with_capacity(parts.len());
        for part in parts {
            pieces.extend(self.piece(part));
        }
        pieces
    }

    /// A part of a user's message or of a result; `None` for what has no place there.
    fn piece(&mut self, part: &'a Part) -> Option<Piece<'a>> {
        match part {
            Part::Text(text) => text_piece(text),
            Part::Refusal(words) => plain(Cow::Borrowed(words.as_str())),
            Part::Image(media) | Part::Audio(media) | Part::Video(media) => {
                Some(Piece::Media { part, cache: media.cache })
            }
            Part::File(file) => Some(match file_text(file) {
                Some(text) => Piece::Text { text: Cow::Owned(text), cache: file.cache },
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
        let (mut texts, media): (Vec<_>, Vec<_>) =
            self.pieces(&result.parts).into_iter().partition(|piece| piece.as_text().is_some());
        if result.is_error {
            mark_error(&mut texts);
        }
        if !media.is_empty() {
            let name = result.name.as_deref().unwrap_or("the tool");
            texts.push(Piece::Text {
                text: Cow::Owned(format!("[{} in the next user message]", count(media.len()))),
                cache: None,
            });
            let heading = format!("[attached to the result of {name}, call {}]", result.call_id);
            self.carried.push(Piece::Text { text: Cow::Owned(heading), cache: None });
            self.carried.extend(media);
        }
        let mut message = self.begin(out);
        message.text("role", "tool");
        message.text("tool_call_id", &result.call_id);
        match texts.is_empty() {
            true => message.text("content", ""),
            false => self.content(&texts, message.key("content"))?,
        }
        message.close();
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        self.flush(out)?;
        let said = self.said(parts);
        let replay = self.target.traits.quirks.replay_reasoning;
        let silent = said.text.is_empty() && said.calls.is_empty() && !(replay && said.thinks());
        if !silent {
            let mut message = self.begin(out);
            message.text("role", "assistant");
            match said.text.is_empty() {
                true => message.raw("content", "null"),
                false => message.text("content", &said.text),
            }
            if replay {
                said.write_thinking(&mut message);
            }
            if !said.calls.is_empty() {
                message.array("tool_calls", said.calls, |call, out| self.call(call, out));
            }
            message.close();
        }
        Ok(())
    }

    /// Texts are joined as a stream would have joined them; pictures wait for the next user message.
    fn said(&mut self, parts: &'a [Part]) -> Said<'a> {
        let mut said = Said::default();
        for part in parts {
            match part {
                Part::Text(text) => said.text.push_str(&text.text),
                Part::Refusal(words) => said.text.push_str(words),
                Part::Foreign(foreign) => said.text.push_str(self.gist(foreign).unwrap_or_default()),
                Part::Thinking(thought) => {
                    let own = thought.seal.as_ref().is_none_or(|seal| seal.vendor == ID.0);
                    if !own || !self.target.traits.quirks.replay_reasoning {
                        self.losses.silent("messages.thinking");
                    }
                    said.think(thought);
                }
                Part::ToolCall(call) => said.calls.push(call),
                Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_) => {
                    let heading = "[from the assistant's turn above]";
                    self.carried.push(Piece::Text { text: Cow::Borrowed(heading), cache: None });
                    let piece = self.piece(part);
                    self.carried.extend(piece);
                }
                Part::ToolResult(_) => (),
            }
        }
        said
    }

    fn call(&self, call: &ToolCall, out: &mut BytesMut) {
        let quirks = &self.target.traits.quirks;
        let kind = if quirks.openai_tools { call.kind } else { CallKind::Function };
        let (word, field) = call_words(kind);
        let mut object = Object::open(out);
        object.text("id", &call.id);
        object.text("type", word);
        let mut inner = Object::open(object.key(word));
        inner.text("name", self.names.wire(&call.name));
        inner.text(field, &arguments(call, kind));
        inner.close();
        if let Some(seal) = call.seal.as_ref().filter(|seal| seal.vendor == "gemini" && quirks.thought_signatures) {
            extra_content(&mut object, seal);
        }
        object.close();
    }
}

impl Piece<'_> {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            Self::Media { .. } => None,
        }
    }

    fn cache(&self) -> Option<CacheHint> {
        match self {
            Self::Text { cache, .. } | Self::Media { cache, .. } => *cache,
        }
    }
}

fn text_piece(text: &Text) -> Option<Piece<'_>> {
    (!text.text.is_empty()).then_some(Piece::Text { text: Cow::Borrowed(&text.text), cache: text.cache })
}

fn plain(text: Cow<'_, str>) -> Option<Piece<'_>> {
    (!text.is_empty()).then_some(Piece::Text { text, cache: None })
}

fn count(attachments: usize) -> String {
    if attachments == 1 { "1 attachment".to_owned() } else { format!("{attachments} attachments") }
}

/// Chat has no mark for a failed tool: the text says so, unless it does already.
fn mark_error(texts: &mut Vec<Piece<'_>>) {
    let told = |text: &str| text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    match texts.first_mut() {
        Some(Piece::Text { text, .. }) if told(text) => (),
        Some(Piece::Text { text, .. }) => *text = Cow::Owned(format!("Error: {text}")),
        _ => texts.push(Piece::Text { text: Cow::Borrowed("Error: the tool failed"), cache: None }),
    }
}

/// The arguments as the wire wants them: never empty, a free text inside an object where functions stand for free text.
fn arguments(call: &ToolCall, sent: CallKind) -> Cow<'_, str> {
    match (call.kind, sent) {
        (CallKind::Custom, CallKind::Function) => Cow::Owned(wrap_custom_input(&call.arguments)),
        (CallKind::Function, _) if call.arguments.trim().is_empty() => Cow::Borrowed("{}"),
        _ => Cow::Borrowed(&call.arguments),
    }
}

/// An assistant turn, sorted as Chat sorts it.
#[derive(Default)]
struct Said<'a> {
    text: String,
    thinking: String,
    details: Option<&'a Seal>,
    calls: Vec<&'a ToolCall>,
}

impl<'a> Said<'a> {
    fn think(&mut self, thought: &'a Thought) {
        self.thinking.push_str(&thought.text);
        self.details = thought.seal.as_ref().filter(|seal| seal.vendor == ID.0).or(self.details);
    }

    fn thinks(&self) -> bool {
        !self.thinking.is_empty() || self.details.is_some()
    }

    fn write_thinking(&self, message: &mut Object<'_>) {
        if !self.thinking.is_empty() {
            message.text("reasoning_content", &self.thinking);
        }
        if let Some(details) =
            self.details.filter(|seal| serde_json::from_str::<serde::de::IgnoredAny>(&seal.data).is_ok())
        {
            message.raw("reasoning_details", &details.data);
        }
    }
}
