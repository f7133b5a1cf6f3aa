//! What tools did that a provider ran: read from the two blocks that tell of it here, and written as them for what
//! another vendor ran.
//!
//! What stands for Anthropic's own proofs in blocks of others bears our mark, and so do their ids: the relay cuts such
//! blocks out of what goes to Anthropic itself, which would refuse them.

use bytes::BytesMut;
use dialect::{Reply, mint};
use hub::Trace;

use crate::json::Open;
use crate::{programs, searches};

/// How the ids of what Anthropic did not run begin.
pub(crate) const FOREIGN_ID: &str = "ws_";
/// Stands where Anthropic puts text that only itself can read.
pub(crate) const NO_PROOF: &str = "bos1:none";
/// Ids of halves that another dialect only numbers lie far from those of blocks.
const NUMBERED: u32 = 1 << 24;

/// The half that a block tells; `None` for other blocks.
pub(crate) fn read(json: &str) -> Option<Box<Trace>> {
    let search = searches::read(json).map(Trace::Search);
    search.or_else(|| programs::read(json).map(Trace::Code)).map(Box::new)
}

/// The two blocks of what another vendor ran, as far as it has their halves. `number` numbers the block of the answer,
/// for an id of ours.
pub(crate) fn blocks(trace: &Trace, reply: &Reply, number: u32) -> Vec<Asked> {
    let id = match trace.id() {
        "" => mint(FOREIGN_ID, reply.seed, number),
        id if id.starts_with(FOREIGN_ID) => id.to_owned(),
        id => match id.parse::<u32>() {
            Ok(half) => mint(FOREIGN_ID, reply.seed, half.saturating_add(NUMBERED)),
            Err(_) => format!("{FOREIGN_ID}{id}"),
        },
    };
    match trace {
        Trace::Search(search) => searches::blocks(search, &id),
        Trace::Code(code) => programs::blocks(code, &id),
    }
}

/// One of the two blocks.
#[derive(Debug)]
pub(crate) enum Asked {
    /// What the tool was to do: one text under one name.
    Use { id: String, name: &'static str, field: &'static str, words: String },
    /// What came of it, as JSON.
    Result { id: String, kind: &'static str, content: String },
}

impl Asked {
    /// The input of the call, which a stream tells in a piece of its own.
    pub(crate) fn input(&self) -> Option<String> {
        let Self::Use { field, words, .. } = self else { return None };
        let mut out = BytesMut::with_capacity(words.len() + 16);
        let mut input = Open::object(&mut out);
        input.text(field, words);
        input.end();
        Some(dialect::into_text(out))
    }

    /// Writes the block; with `input` instead of its own.
    pub(crate) fn write(&self, input: &str, out: &mut BytesMut) {
        match self {
            Self::Use { id, name, .. } => {
                let mut block = Open::typed(out, "server_tool_use");
                block.text("id", id);
                block.text("name", name);
                block.raw("input", input);
                block.end();
            }
            Self::Result { id, kind, content } => {
                let mut block = Open::typed(out, kind);
                block.text("tool_use_id", id);
                block.raw("content", content);
                block.end();
            }
        }
    }
}
