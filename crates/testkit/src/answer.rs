//! What a fake model says, before any dialect spells it.

use serde_json::Value;

use crate::media::Media;

/// One part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Thinking {
        text: String,
        /// Sent with an empty text, as models do whose thinking is kept from view.
        hidden: bool,
    },
    Redacted(String),
    Text(String),
    Tool {
        /// Minted by the dialect when empty.
        id: String,
        name: String,
        /// JSON text, passed on as written.
        arguments: String,
    },
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Length,
    Sequence(String),
    Tools,
    Refusal,
}

/// Disjoint token buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) fresh: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    /// Includes the thinking.
    pub(crate) output: u64,
    pub(crate) thinking: u64,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) blocks: Vec<Block>,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
    /// Streams every block as one delta, however long.
    pub(crate) whole: bool,
}

/// What may be called, as the request offered it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// How free the model is to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    Auto,
    Never,
    Any,
    This(String),
}

/// Whether thinking was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Think {
    Off,
    Shown,
    Hidden,
}

/// The form that the answer's text must have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Free,
    Json,
    Schema(Value),
    /// A single word, without quotation marks.
    Word(String),
}

/// What a fake reads out of a request that passed the checks.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The client wants a usage chunk (OpenAI's `include_usage`).
    pub(crate) stream_usage: bool,
    pub(crate) system: String,
    /// User text since the last assistant turn.
    pub(crate) text: String,
    /// Tool results since the last assistant turn.
    pub(crate) results: Vec<String>,
    pub(crate) media: Vec<Media>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: Choice,
    pub(crate) parallel: bool,
    pub(crate) think: Think,
    pub(crate) shape: Shape,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) stop: Vec<String>,
    /// How many answers (OpenAI's `n`).
    pub(crate) copies: u64,
    /// Asked by one prompt and not by messages, and so answered (Ollama).
    pub(crate) prompt_form: bool,
    /// Size of the prompt in fake tokens.
    pub(crate) prompt_tokens: u64,
    pub(crate) cache: Cache,
}

/// What the fake's prompt cache does with this request: decided by the request alone, so that tests can foresee it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    Untouched,
    Written,
    Read,
}

/// Tokens that a cache hit or write accounts for.
pub(crate) const CACHED_TOKENS: u64 = 64;

/// Cuts text into the pieces that a stream sends and that count as one token each: a word with the space after it.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

/// Fake token count of a text.
pub(crate) fn tokens(text: &str) -> u64 {
    pieces(text).len() as u64
}

impl Answer {
    /// Applies the request's limits, and counts.
    pub(crate) fn settle(mut self, ask: &Ask) -> Self {
        self.cut_at_stop_sequence(&ask.stop);
        self.cut_at_limit(ask.max_tokens);
        self.usage = usage(&self.blocks, ask);
        self
    }

    fn cut_at_stop_sequence(&mut self, sequences: &[String]) {
        let found = self.blocks.iter().enumerate().find_map(|(index, block)| {
            let Block::Text(text) = block else { return None };
            let hit = sequences.iter().filter_map(|word| text.find(word.as_str()).map(|at| (at, word)));
            hit.min_by_key(|(at, _)| *at).map(|(at, word)| (index, at, word.clone()))
        });
        let Some((index, at, word)) = found else { return };
        self.blocks.truncate(index + 1);
        if let Some(Block::Text(text)) = self.blocks.get_mut(index) {
            text.truncate(at);
        }
        self.stop = Stop::Sequence(word);
    }

    fn cut_at_limit(&mut self, limit: Option<u64>) {
        let Some(mut left) = limit else { return };
        for index in 0..self.blocks.len() {
            let used = block_tokens(&self.blocks[index]);
            if used > left {
                shorten(&mut self.blocks[index], usize::try_from(left).unwrap_or(usize::MAX));
                self.blocks.truncate(index + 1);
                self.stop = Stop::Length;
                return;
            }
            left -= used;
        }
    }
}

fn shorten(block: &mut Block, keep: usize) {
    if let Block::Text(text) | Block::Tool { arguments: text, .. } = block {
        *text = pieces(text).into_iter().take(keep).collect();
    }
}

fn block_tokens(block: &Block) -> u64 {
    match block {
        Block::Thinking { text, .. } | Block::Text(text) | Block::Redacted(text) => tokens(text),
        Block::Tool { arguments, .. } => tokens(arguments),
    }
}

fn usage(blocks: &[Block], ask: &Ask) -> Usage {
    let is_thinking = |block: &&Block| matches!(block, Block::Thinking { .. } | Block::Redacted(_));
    let (cache_read, cache_write) = match ask.cache {
        Cache::Untouched => (0, 0),
        Cache::Written => (0, CACHED_TOKENS),
        Cache::Read => (CACHED_TOKENS, 0),
    };
    Usage {
        fresh: ask.prompt_tokens,
        cache_read,
        cache_write,
        output: blocks.iter().map(block_tokens).sum(),
        thinking: blocks.iter().filter(is_thinking).map(block_tokens).sum(),
    }
}
