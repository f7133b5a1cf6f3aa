//! What the model answered, whole.

use crate::{Extra, Part, Usage};

/// One whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The upstream's id of the answer; may be empty.
    pub id: String,
    /// The model that the upstream says has answered.
    pub model: String,
    /// What it said, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
    /// Fields that only their own dialect understands.
    pub extras: Vec<Extra>,
    /// The other answers to the same question, where the request asked for several: their parts and why they ended.
    /// Who gave them and what they cost stands here only.
    pub others: Vec<Response>,
}

/// Why the answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The reason.
    pub reason: StopReason,
    /// The stop string that matched, where known.
    pub sequence: Option<String>,
    /// The provider's category of a refusal, or its explanation.
    pub detail: Option<String>,
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self { reason, sequence: None, detail: None }
    }
}

/// The reasons of all dialects, each told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model was done.
    #[default]
    End,
    /// A stop string matched.
    StopSequence,
    /// The model waits for tool results.
    ToolCalls,
    /// The cap on output was reached.
    Length,
    /// The context window is full.
    ContextFull,
    /// The model declined.
    Refusal,
    /// The provider's filter cut in.
    Filter,
    /// The provider paused a long turn; it can be resumed in its own dialect.
    Paused,
    /// The model wrote a tool call that could not be read.
    MalformedCall,
}

impl StopReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::End,
        Self::StopSequence,
        Self::ToolCalls,
        Self::Length,
        Self::ContextFull,
        Self::Refusal,
        Self::Filter,
        Self::Paused,
        Self::MalformedCall,
    ];
}
