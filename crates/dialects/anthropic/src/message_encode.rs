//! Writes ordered messages as JSON.

use bytes::BytesMut;
use dialect::{NameMap, object_arguments, quoted, wrap_custom_input};
use hub::{CacheHint, CallKind, Citation, Role, Text, ToolCall, ToolResult};

use crate::attach::{Attachment, Body};
use crate::breakpoints::{Breakpoints, Section};
use crate::history::{Block, History, Message};
use crate::ids::Ids;
use crate::json::Open;
use crate::names::ID;

/// What the blocks of one request share.
#[derive(Debug)]
pub(crate) struct Writer<'w> {
    pub(crate) names: &'w NameMap,
    pub(crate) ids: &'w Ids<'w>,
    pub(crate) breakpoints: &'w mut Breakpoints,
}

/// How many breakpoints the messages ask for.
pub(crate) fn count_breakpoints(history: &History<'_>) -> usize {
    let blocks = history.messages.iter().flat_map(|message| &message.blocks);
    blocks.filter(|block| hint(block).is_some()).count()
}

/// The last block of each user turn, counted through all blocks that could have a breakpoint.
pub(crate) fn ends_of_user_turns(history: &History<'_>) -> Vec<usize> {
    let mut passed = 0;
    let mut ends = Vec::new();
    for message in &history.messages {
        let own = message.blocks.iter().filter(|block| !matches!(block, Block::Own(_))).count();
        passed += own;
        if message.role == Role::User && own > 0 {
            ends.push(passed - 1);
        }
    }
    ends
}

fn hint(block: &Block<'_>) -> Option<CacheHint> {
    match block {
        Block::Text { cache, .. } => *cache,
        Block::Attachment(attachment) => attachment.cache,
        Block::Call(call) => call.cache,
        // Breakpoints inside a result end at the same place as one after it.
        Block::Result { result, blocks } => result.cache.or_else(|| blocks.iter().find_map(hint)),
        Block::Thinking { .. } | Block::Redacted(_) | Block::Own(_) => None,
    }
}

impl Writer<'_> {
    /// Writes the system blocks and what follows them.
    pub(crate) fn system(&mut self, blocks: &[&Text], more: Option<&str>, out: &mut BytesMut) {
        let mut list = Open::array(out);
        for text in blocks {
            let mut object = Open::typed(list.item(), "text");
            object.text("text", &text.text);
            self.cache(Section::System, text.cache, &mut object);
            object.end();
        }
        if let Some(words) = more {
            let mut object = Open::typed(list.item(), "text");
            object.text("text", words);
            object.end();
        }
        list.end();
    }

    /// Writes all messages.
    pub(crate) fn messages(&mut self, messages: &[Message<'_>], out: &mut BytesMut) {
        let mut list = Open::array(out);
        for message in messages {
            let mut object = Open::object(list.item());
            object.raw(
                "role",
                match message.role {
                    Role::User => "\"user\"",
                    Role::Assistant => "\"assistant\"",
                    Role::System => "\"system\"",
                },
            );
            self.blocks(&message.blocks, object.key("content"));
            object.end();
        }
        list.end();
    }

    fn blocks(&mut self, blocks: &[Block<'_>], out: &mut BytesMut) {
        let mut list = Open::array(out);
        for block in blocks {
            self.block(block, list.item());
        }
        list.end();
    }

    fn block(&mut self, block: &Block<'_>, out: &mut BytesMut) {
        let cache = hint(block);
        let mut object = match block {
            Block::Own(json) => return out.extend_from_slice(json.as_bytes()),
            Block::Text { text, citations, .. } => text_block(text, citations, out),
            Block::Attachment(attachment) => attachment_block(attachment, out),
            Block::Thinking { text, signature } => {
                let mut object = Open::typed(out, "thinking");
                object.text("thinking", text);
                object.text("signature", signature);
                object
            }
            Block::Redacted(data) => {
                let mut object = Open::typed(out, "redacted_thinking");
                object.text("data", data);
                object
            }
            Block::Call(call) => self.call(call, out),
            Block::Result { result, blocks } => self.result(result, blocks, out),
        };
        self.cache(Section::Messages, cache, &mut object);
        object.end();
    }

    fn call<'o>(&mut self, call: &ToolCall, out: &'o mut BytesMut) -> Open<'o> {
        let mut object = Open::typed(out, "tool_use");
        object.text("id", self.ids.wire(&call.id));
        object.text("name", self.names.wire(&call.name));
        match call.kind {
            CallKind::Function => object.raw("input", &object_arguments(&call.arguments)),
            CallKind::Custom => object.raw("input", &wrap_custom_input(&call.arguments)),
        }
        object
    }

    fn result<'o>(&mut self, result: &ToolResult, blocks: &[Block<'_>], out: &'o mut BytesMut) -> Open<'o> {
        let mut object = Open::typed(out, "tool_result");
        object.text("tool_use_id", self.ids.wire(&result.call_id));
        match blocks {
            [] => (),
            [Block::Text { text, .. }] => object.text("content", text),
            blocks => {
                let mut list = Open::array(object.key("content"));
                for block in blocks {
                    inner_block(block, list.item());
                }
                list.end();
            }
        }
        if result.is_error {
            object.flag("is_error", true);
        }
        object
    }

    fn cache(&mut self, section: Section, hint: Option<CacheHint>, object: &mut Open<'_>) {
        if let Some(control) = self.breakpoints.take(section, hint) {
            object.raw("cache_control", control);
        }
    }
}

/// A block inside a tool's result: what results may hold, without breakpoints.
fn inner_block(block: &Block<'_>, out: &mut BytesMut) {
    match block {
        Block::Text { text, .. } => text_block(text, &[], out).end(),
        Block::Attachment(attachment) => attachment_block(attachment, out).end(),
        Block::Own(json) => out.extend_from_slice(json.as_bytes()),
        // The ordering never puts these into a result; an empty object would be refused, a null is no block at all.
        Block::Thinking { .. } | Block::Redacted(_) | Block::Call(_) | Block::Result { .. } => {
            text_block("(unreadable part)", &[], out).end();
        }
    }
}

/// A source as this dialect wrote it: others lack the proof that it must have in a history.
pub(crate) fn own(citation: &Citation) -> Option<&str> {
    citation.native.as_ref().filter(|(origin, _)| *origin == ID).map(|(_, json)| json.as_str())
}

fn text_block<'o>(text: &str, citations: &[Citation], out: &'o mut BytesMut) -> Open<'o> {
    let mut object = Open::typed(out, "text");
    object.text("text", text);
    let own: Vec<&str> = citations.iter().filter_map(own).collect();
    if !own.is_empty() {
        let mut list = Open::array(object.key("citations"));
        for json in own {
            list.item().extend_from_slice(json.as_bytes());
        }
        list.end();
    }
    object
}

fn attachment_block<'o>(attachment: &Attachment<'_>, out: &'o mut BytesMut) -> Open<'o> {
    let is_picture = matches!(attachment.body, Body::Picture { .. } | Body::PictureUrl(_));
    let mut object = Open::typed(out, if is_picture { "image" } else { "document" });
    source(&attachment.body, object.key("source"));
    if !is_picture {
        object.maybe_text("title", attachment.title);
        object.maybe_text("context", attachment.context);
        if attachment.cite {
            object.raw("citations", r#"{"enabled":true}"#);
        }
    }
    object
}

fn source(body: &Body<'_>, out: &mut BytesMut) {
    let encoded = |media_type: &str, data: &str, out: &mut BytesMut| {
        let mut object = Open::typed(out, "base64");
        object.text("media_type", media_type);
        // Base64 needs no escapes, but the client's word for it is not enough.
        quoted(data, object.key("data"));
        object.end();
    };
    match body {
        Body::Picture { media_type, data } => encoded(media_type, data, out),
        Body::Pdf(data) => encoded("application/pdf", data, out),
        Body::PictureUrl(url) | Body::PdfUrl(url) => {
            let mut object = Open::typed(out, "url");
            object.text("url", url);
            object.end();
        }
        Body::Text(text) => {
            let mut object = Open::typed(out, "text");
            object.raw("media_type", "\"text/plain\"");
            object.text("data", text);
            object.end();
        }
    }
}
