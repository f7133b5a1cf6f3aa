//! Ollama's spelling, as serde reads it: borrowed text, raw JSON wherever more than one shape occurs.
//!
//! Sources: the types of ollama-python 0.6.3 and of Ollama's own server. Every field is optional,
//! null counts as absent, unknown fields are skipped.

use dialect::read::{Raw, Str};
use serde::Deserialize;

/// A message of a request, or the answer inside a line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) role: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
    #[serde(borrow)]
    pub(crate) thinking: Raw<'a>,
    /// Bare base64.
    #[serde(borrow)]
    pub(crate) images: Option<Vec<Str<'a>>>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, alias = "name")]
    pub(crate) tool_name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) tool_call_id: Option<Str<'a>>,
}

/// A call of a tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    /// An object; some programs send its text.
    #[serde(borrow)]
    pub(crate) arguments: Raw<'a>,
}

/// A tool as it is declared.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool<'a> {
    #[serde(borrow)]
    pub(crate) function: Option<Declaration<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Declaration<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) description: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) parameters: Raw<'a>,
}

/// A line of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    pub(crate) model: Raw<'a>,
    #[serde(borrow)]
    pub(crate) message: Option<Message<'a>>,
    /// The text of the form without messages, and what stands beside it there.
    #[serde(borrow)]
    response: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(crate) logprobs: Raw<'a>,
    pub(crate) done: Option<bool>,
    #[serde(borrow)]
    pub(crate) done_reason: Option<Str<'a>>,
    #[serde(borrow)]
    pub(crate) prompt_eval_count: Raw<'a>,
    #[serde(borrow)]
    pub(crate) eval_count: Raw<'a>,
    #[serde(borrow)]
    pub(crate) error: Raw<'a>,
}

impl<'a> Chunk<'a> {
    /// The same with a message, which one form has and the other spreads over the line.
    pub(crate) fn with_message(mut self) -> Self {
        if self.message.is_none() && (self.response.is_some() || self.thinking.is_some() || self.tool_calls.is_some()) {
            let (content, thinking, tool_calls) = (self.response, self.thinking, self.tool_calls.take());
            self.message = Some(Message { content, thinking, tool_calls, ..Message::default() });
        }
        self
    }
}
