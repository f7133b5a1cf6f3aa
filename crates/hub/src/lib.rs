//! What a conversation is: the typed meeting point of all dialects.
//!
//! A dialect decodes its own wire form into these nouns and encodes them back; no two dialects ever meet
//! anywhere else. Nothing here derives a serialisation, knows a runtime, or names a vendor's spelling.

mod assemble;
mod cut;
mod event;
mod fault;
mod grammar;
mod json;
mod loss;
mod mend;
mod odds;
mod others;
mod prompt;
mod remote;
mod request;
mod response;
mod seal;
mod speech;
mod thinking;
mod trace;
mod usage;
mod veil;

pub use assemble::{Assembler, replay};
pub use cut::Cutter;
pub use event::{Block, BlockId, Event};
pub use fault::{Blame, Fault, FaultKind, RawFault};
pub use grammar::{Grammar, Violation};
pub use json::Json;
pub use loss::{Loss, LossKind, Losses};
pub use mend::mend;
pub use odds::Token;
pub use others::{Others, aside};
pub use prompt::Prompt;
pub use remote::{Remote, RemoteKind, remotes};
pub use request::{
    Builtin, CacheHint, CallKind, Citation, Detail, Extra, File, Foreign, Format, Media, Part, Request, Role, Sampling,
    Schema, Service, Source, Text, Thought, Tier, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn, UserLocation,
    WebSearch,
};
pub use response::{Response, Stop, StopReason};
pub use seal::{Carried, Seal};
pub use speech::{SoundForm, Speech, Timbre, Voice};
pub use thinking::{Level, Mode, Show, Thinking, split_suffix};
pub use trace::{Code, Printed, Program, Search, SearchAction, Trace, WebPage};
pub use usage::{CacheWrite, Cost, Usage};
pub use veil::Veil;

/// The name of a dialect: `"anthropic"`, `"openai_chat"`, ... Unique in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialectId(pub &'static str);

impl std::fmt::Display for DialectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
