//! The rows of the performance budget as data: who asks what of whom, how often, and what it may cost.

use std::time::Duration;

use crate::bodies::{Answer, Ask, CHUNKS, Dialect};
use crate::mock::Pace;

/// Work whose CPU time is compared with the bare proxy's.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name for `--only`.
    pub name: &'static str,
    /// What the table says.
    pub title: &'static str,
    /// The dialect that the client speaks.
    pub client: Dialect,
    /// The dialect that the upstream speaks.
    pub upstream: Dialect,
    /// The model that the client names.
    pub model: &'static str,
    /// The request.
    pub ask: Ask,
    /// The answer.
    pub answer: Answer,
    /// How the answer is sent.
    pub pace: Pace,
    /// Connections at once.
    pub connections: usize,
    /// Calls in one leg of a full run.
    pub calls: usize,
    /// Whether the figure is per streamed piece; else per request.
    pub per_chunk: bool,
    /// Times the bare proxy's CPU time that are allowed.
    pub budget: f64,
}

const PACED: Pace = Pace::Every(Duration::from_millis(2));

const SMALL: Row = Row {
    name: "chat-small",
    title: "Chat to Chat, small reply",
    client: Dialect::Chat,
    upstream: Dialect::Chat,
    model: "m-chat",
    ask: Ask::Small,
    answer: Answer::Small,
    pace: Pace::Unpaced,
    connections: 8,
    calls: 8000,
    per_chunk: false,
    budget: 1.25,
};

const STREAM: Row = Row {
    name: "chat-stream",
    title: "Chat to Chat, 200-chunk stream",
    answer: Answer::Text(CHUNKS),
    calls: 320,
    per_chunk: true,
    ..SMALL
};

const PICTURE: Row = Row {
    name: "chat-picture",
    title: "Chat to Chat, 1 MB picture",
    ask: Ask::Picture,
    connections: 4,
    calls: 400,
    budget: 1.3,
    ..SMALL
};

const AGENT: Row = Row {
    name: "agent-messages-chat",
    title: "Anthropic to Chat, 100 KB agent request, streamed answer",
    client: Dialect::Messages,
    ask: Ask::Agent,
    answer: Answer::Agent,
    calls: 320,
    budget: 1.8,
    ..SMALL
};

/// From a Chat row to the same row in Anthropic Messages on both sides.
const fn messages(row: Row, name: &'static str, title: &'static str) -> Row {
    Row { name, title, client: Dialect::Messages, upstream: Dialect::Messages, model: "m-claude", ..row }
}

/// From a Chat row to one with a client of another dialect.
const fn messages_to_chat(row: Row, name: &'static str, title: &'static str, budget: f64) -> Row {
    Row { name, title, client: Dialect::Messages, budget, ..row }
}

/// From a Chat row to one with an upstream of another dialect.
const fn chat_to_messages(row: Row, name: &'static str, title: &'static str, budget: f64) -> Row {
    Row { name, title, client: Dialect::Chat, upstream: Dialect::Messages, model: "m-claude", budget, ..row }
}

/// The same row with one piece every 2 ms: each piece is a wake-up of its own.
const fn paced(row: Row, name: &'static str, title: &'static str) -> Row {
    Row { name, title, pace: PACED, connections: 16, calls: 64, ..row }
}

/// All rows, in the order of the table.
pub const ROWS: [Row; 18] = [
    SMALL,
    messages(SMALL, "messages-small", "Anthropic to Anthropic, small reply"),
    Row { name: "chat-small-alias", title: "Chat to Chat, small reply, aliased model", model: "fast", ..SMALL },
    STREAM,
    messages(STREAM, "messages-stream", "Anthropic to Anthropic, 200-chunk stream"),
    paced(STREAM, "chat-stream-paced", "Chat to Chat, 200 chunks 2 ms apart"),
    paced(messages(STREAM, "", ""), "messages-stream-paced", "Anthropic to Anthropic, 200 chunks 2 ms apart"),
    PICTURE,
    Row { name: "chat-picture-alias", title: "Chat to Chat, 1 MB picture, aliased model", model: "fast", ..PICTURE },
    messages(PICTURE, "messages-picture", "Anthropic to Anthropic, 1 MB picture"),
    Row {
        model: "quick",
        ..messages(PICTURE, "messages-picture-alias", "Anthropic to Anthropic, 1 MB picture, aliased model")
    },
    messages_to_chat(SMALL, "small-messages-chat", "Anthropic to Chat, small reply", 2.0),
    chat_to_messages(SMALL, "small-chat-messages", "Chat to Anthropic, small reply", 2.0),
    messages_to_chat(STREAM, "stream-messages-chat", "Anthropic to Chat, 200-chunk stream", 1.5),
    chat_to_messages(STREAM, "stream-chat-messages", "Chat to Anthropic, 200-chunk stream", 1.5),
    AGENT,
    chat_to_messages(AGENT, "agent-chat-messages", "Chat to Anthropic, 100 KB agent request, streamed answer", 1.8),
    paced(AGENT, "agent-messages-chat-paced", "Anthropic to Chat, agent request, chunks 2 ms apart"),
];

/// The models that the product's config must serve, per upstream: (upstream name, client's name).
pub fn models(upstream: Dialect) -> [(&'static str, &'static str); 2] {
    match upstream {
        Dialect::Chat => [("m-chat", "m-chat"), ("m-chat", "fast")],
        Dialect::Messages => [("m-claude", "m-claude"), ("m-claude", "quick")],
    }
}

impl Row {
    /// How many units one answer counts for.
    pub fn units(&self) -> usize {
        if self.per_chunk { CHUNKS } else { 1 }
    }

    /// The model's name at the upstream.
    pub fn upstream_model(&self) -> &'static str {
        models(self.upstream)[0].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_models_are_served() {
        let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
        for row in ROWS {
            assert!(models(row.upstream).iter().any(|(_, alias)| *alias == row.model), "{}", row.name);
        }
    }

    #[test]
    fn only_streams_count_chunks() {
        for row in ROWS {
            assert!(!row.per_chunk || row.answer == Answer::Text(CHUNKS), "{}", row.name);
        }
    }
}
