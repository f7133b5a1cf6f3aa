//! The parts of an answer as they arrive.
//!
//! Legal order: `Start (Open (Tokens|Delta|Seal|Cite)* Close | Usage)* Stop`. Blocks may interleave; `Stop` is always
//! last. A source may also come for a block that is closed: some vendors tell them at the very end.
//!
//! Where a request asked for several answers, the first one is told as above, and each step of another one is an
//! `Aside`: `(Open (Tokens|Delta|Seal|Cite)* Close)* Stop`, complete before the `Stop` of the first.

use crate::{CallKind, Citation, Foreign, Seal, Stop, Token, Usage};

/// Names a block within one answer. Decoders count from 0 and never reuse a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id; may be empty.
        id: String,
        /// The model that answers; may be empty.
        model: String,
    },
    /// A block begins. Its kind and, for a call, its name are known.
    Open {
        /// Its name in later events.
        block: BlockId,
        /// What it is.
        kind: Block,
    },
    /// How likely the tokens are of the text that follows in the same block. Only for clients that asked.
    Tokens {
        /// The block, a text.
        block: BlockId,
        /// The tokens.
        tokens: Vec<Token>,
    },
    /// More of a block: text, reasoning, arguments, or base64.
    Delta {
        /// The block.
        block: BlockId,
        /// What is added.
        text: String,
    },
    /// The proof of a block. That of a call comes right after its `Open` where the upstream's order allows: some
    /// dialects have a place for it before the call only.
    Seal {
        /// The block.
        block: BlockId,
        /// The proof, whole.
        seal: Seal,
    },
    /// A source for what the block says.
    Cite {
        /// The block, open or closed.
        block: BlockId,
        /// The source.
        citation: Citation,
    },
    /// A block is complete.
    Close {
        /// The block.
        block: BlockId,
    },
    /// Token counts so far; each figure replaces the one before.
    Usage(Usage),
    /// A step of another answer to the same question.
    Aside {
        /// Which answer, from 1. Its blocks are numbered apart from all others.
        answer: u32,
        /// The step: of a block, or the end.
        event: Box<Event>,
    },
    /// The answer is complete.
    Stop(Stop),
}

/// What a block is.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Visible text.
    Text,
    /// A refusal.
    Refusal,
    /// Reasoning.
    Thinking,
    /// Reasoning that its vendor hides; carries a seal and no text.
    Redacted,
    /// A call of a client tool; its deltas are the arguments.
    ToolCall {
        /// The id of the call; may be empty, then the encoder mints one.
        id: String,
        /// The tool's name, as the client declared it.
        name: String,
        /// The form of the arguments.
        kind: CallKind,
    },
    /// A picture; its deltas are base64.
    Image {
        /// The media type.
        media_type: String,
    },
    /// Sound; its deltas are base64 whose sum is base64 too: each but the last stands for whole groups of bytes.
    Audio {
        /// The media type.
        media_type: String,
    },
    /// A block that only its own dialect understands, whole.
    Foreign(Foreign),
}

impl Event {
    /// Whether the client would see content: the moment at which an answer may be committed.
    pub fn is_meaningful(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::Usage(_)
            | Self::Tokens { .. }
            | Self::Open { kind: Block::Text | Block::Thinking, .. } => false,
            Self::Open { .. } | Self::Seal { .. } | Self::Cite { .. } | Self::Close { .. } | Self::Stop(_) => true,
            Self::Delta { text, .. } => !text.is_empty(),
            Self::Aside { event, .. } => event.is_meaningful(),
        }
    }
}
