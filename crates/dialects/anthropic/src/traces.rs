//! What tools did that a provider ran: read from the two blocks that tell of it here, and written as them for what
//! another vendor ran.
//!
//! What stands for Anthropic's own proofs in blocks of others bears our mark, and so do their ids: the relay cuts such
//! blocks out of what goes to Anthropic itself, which would refuse them.

use std::borrow::Cow;

use bytes::BytesMut;
use dialect::{Reply, mint};
use hub::Trace;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::json::Open;
use crate::{programs, searches};

/// How the ids of what Anthropic did not run begin.
pub(crate) const FOREIGN_ID: &str = "ws_";
/// Stands where Anthropic puts text that only itself can read.
pub(crate) const NO_PROOF: &str = "bos1:none";
/// Ids of halves that another dialect only numbers lie far from those of blocks.
const NUMBERED: u32 = 1 << 24;

/// A block of a tool: what it was asked, or what came of it.
#[derive(Deserialize)]
pub(crate) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    tool_use_id: Option<String>,
    #[serde(default, borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

impl Block<'_> {
    /// The tool that is asked; `None` where the block asks none.
    pub(crate) fn asks(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.kind == "server_tool_use")
    }

    /// Joins the halves.
    pub(crate) fn id(&self) -> String {
        let id = if self.kind == "server_tool_use" { &self.id } else { &self.tool_use_id };
        id.clone().unwrap_or_default()
    }

    /// What the tool was asked, as far as it can be read.
    pub(crate) fn input<T: Default + DeserializeOwned>(&self) -> T {
        self.input.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// What came of it; `None` where that cannot be read.
    pub(crate) fn content<T: DeserializeOwned>(&self) -> Option<T> {
        self.content.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }
}

/// The half that a block tells; `None` for other blocks.
pub(crate) fn read(json: &str) -> Option<Box<Trace>> {
    let block: Block<'_> = serde_json::from_str(json).ok()?;
    let search = searches::read(&block).map(Trace::Search);
    search.or_else(|| programs::read(&block).map(Trace::Code)).map(Box::new)
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

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Code, Printed, Search};

    /// The half that tells what came of a tool, whatever its content is.
    fn told(kind: &str, content: &str) -> Trace {
        *read(&format!(r#"{{"type":"{kind}","tool_use_id":"s"{content}}}"#)).unwrap()
    }

    #[test]
    fn a_result_that_cannot_be_read_is_a_failure_and_a_half_all_the_same() {
        for content in ["", r#","content":null"#, r#","content":7"#, r#","content":[7]"#] {
            let search = Search { id: "s".into(), found: Some(Vec::new()), failed: true, action: None };
            assert_eq!(told("web_search_tool_result", content), Trace::Search(search.clone()), "{content}");
            assert_eq!(told("web_fetch_tool_result", content), Trace::Search(search), "{content}");
            let printed = Some(Printed { failed: true, ..Printed::default() });
            let code = Trace::Code(Code { id: "s".into(), program: None, printed });
            assert_eq!(told("code_execution_tool_result", content), code, "{content}");
            assert_eq!(told("bash_code_execution_tool_result", content), code, "{content}");
        }
        let nothing = Search { id: "s".into(), found: Some(Vec::new()), ..Search::default() };
        assert_eq!(told("web_search_tool_result", r#","content":[]"#), Trace::Search(nothing));
    }

    #[test]
    fn what_is_asked_need_not_be_readable() {
        for input in ["", r#","input":null"#, r#","input":[1]"#, r#","input":{"code":null,"query":null}"#] {
            for tool in ["web_search", "web_fetch", "code_execution", "bash_code_execution"] {
                let half = read(&format!(r#"{{"type":"server_tool_use","id":"s","name":"{tool}"{input}}}"#)).unwrap();
                assert!(half.asks() && !half.tells() && half.id() == "s", "{tool} {input}");
            }
        }
        for other in [r#"{"type":"server_tool_use","id":"s"}"#, r#"{"type":"tool_use","name":"web_search"}"#, "{}", "7"]
        {
            assert!(read(other).is_none(), "{other}");
        }
    }
}
