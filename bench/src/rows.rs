//! The rows of the performance budget as data: who asks what of whom, how often, and what it may cost.

use std::time::Duration;

use crate::bodies::Dialect::{self, Chat, Gemini, Messages, Ollama, Responses};
use crate::bodies::{Answer, Ask, CHUNKS};
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
    client: Chat,
    upstream: Chat,
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
    client: Messages,
    ask: Ask::Agent,
    answer: Answer::Agent,
    calls: 320,
    budget: 1.8,
    ..SMALL
};

/// From a Chat row to one with a client of another dialect.
const fn from(row: Row, client: Dialect, name: &'static str, title: &'static str, budget: f64) -> Row {
    Row { name, title, client, budget, ..row }
}

/// From a Chat row to one with an upstream of another dialect.
const fn to(row: Row, upstream: Dialect, name: &'static str, title: &'static str, budget: f64) -> Row {
    Row { name, title, upstream, model: model(upstream), budget, ..row }
}

/// From a Chat row to the same row in another dialect on both sides.
const fn both(row: Row, dialect: Dialect, name: &'static str, title: &'static str) -> Row {
    Row { name, title, client: dialect, upstream: dialect, model: model(dialect), ..row }
}

const fn model(upstream: Dialect) -> &'static str {
    models(upstream)[0].1
}

/// The same row with one piece every 2 ms: each piece is a wake-up of its own.
const fn paced(row: Row, name: &'static str, title: &'static str) -> Row {
    Row { name, title, pace: PACED, connections: 16, calls: 64, ..row }
}

/// All rows, in the order of the table.
pub const ROWS: [Row; 42] = [
    SMALL,
    both(SMALL, Messages, "messages-small", "Anthropic to Anthropic, small reply"),
    both(SMALL, Responses, "responses-small", "Responses to Responses, small reply"),
    both(SMALL, Gemini, "gemini-small", "Gemini to Gemini, small reply"),
    both(SMALL, Ollama, "ollama-small", "Ollama to Ollama, small reply"),
    Row { name: "chat-small-alias", title: "Chat to Chat, small reply, aliased model", model: "fast", ..SMALL },
    STREAM,
    both(STREAM, Messages, "messages-stream", "Anthropic to Anthropic, 200-chunk stream"),
    both(STREAM, Responses, "responses-stream", "Responses to Responses, 200-chunk stream"),
    both(STREAM, Gemini, "gemini-stream", "Gemini to Gemini, 200-chunk stream"),
    both(STREAM, Ollama, "ollama-stream", "Ollama to Ollama, 200-chunk stream"),
    paced(STREAM, "chat-stream-paced", "Chat to Chat, 200 chunks 2 ms apart"),
    paced(both(STREAM, Messages, "", ""), "messages-stream-paced", "Anthropic to Anthropic, 200 chunks 2 ms apart"),
    PICTURE,
    Row { name: "chat-picture-alias", title: "Chat to Chat, 1 MB picture, aliased model", model: "fast", ..PICTURE },
    both(PICTURE, Messages, "messages-picture", "Anthropic to Anthropic, 1 MB picture"),
    Row {
        model: "quick",
        ..both(PICTURE, Messages, "messages-picture-alias", "Anthropic to Anthropic, 1 MB picture, aliased model")
    },
    from(SMALL, Messages, "small-messages-chat", "Anthropic to Chat, small reply", 2.0),
    from(SMALL, Responses, "small-responses-chat", "Responses to Chat, small reply", 2.0),
    from(SMALL, Gemini, "small-gemini-chat", "Gemini to Chat, small reply", 2.0),
    from(SMALL, Ollama, "small-ollama-chat", "Ollama to Chat, small reply", 2.0),
    to(SMALL, Messages, "small-chat-messages", "Chat to Anthropic, small reply", 2.0),
    to(SMALL, Responses, "small-chat-responses", "Chat to Responses, small reply", 2.0),
    to(SMALL, Gemini, "small-chat-gemini", "Chat to Gemini, small reply", 2.0),
    to(SMALL, Ollama, "small-chat-ollama", "Chat to Ollama, small reply", 2.0),
    from(STREAM, Messages, "stream-messages-chat", "Anthropic to Chat, 200-chunk stream", 1.5),
    from(STREAM, Responses, "stream-responses-chat", "Responses to Chat, 200-chunk stream", 1.5),
    from(STREAM, Gemini, "stream-gemini-chat", "Gemini to Chat, 200-chunk stream", 1.5),
    from(STREAM, Ollama, "stream-ollama-chat", "Ollama to Chat, 200-chunk stream", 1.5),
    to(STREAM, Messages, "stream-chat-messages", "Chat to Anthropic, 200-chunk stream", 1.5),
    to(STREAM, Responses, "stream-chat-responses", "Chat to Responses, 200-chunk stream", 1.5),
    to(STREAM, Gemini, "stream-chat-gemini", "Chat to Gemini, 200-chunk stream", 1.5),
    to(STREAM, Ollama, "stream-chat-ollama", "Chat to Ollama, 200-chunk stream", 1.5),
    AGENT,
    from(AGENT, Responses, "agent-responses-chat", "Responses to Chat, 100 KB agent request, streamed answer", 1.8),
    from(AGENT, Gemini, "agent-gemini-chat", "Gemini to Chat, 100 KB agent request, streamed answer", 1.8),
    from(AGENT, Ollama, "agent-ollama-chat", "Ollama to Chat, 100 KB agent request, streamed answer", 1.8),
    to(CHAT_AGENT, Messages, "agent-chat-messages", "Chat to Anthropic, 100 KB agent request, streamed answer", 1.8),
    to(CHAT_AGENT, Responses, "agent-chat-responses", "Chat to Responses, 100 KB agent request, streamed answer", 1.8),
    to(CHAT_AGENT, Gemini, "agent-chat-gemini", "Chat to Gemini, 100 KB agent request, streamed answer", 1.8),
    to(CHAT_AGENT, Ollama, "agent-chat-ollama", "Chat to Ollama, 100 KB agent request, streamed answer", 1.8),
    paced(AGENT, "agent-messages-chat-paced", "Anthropic to Chat, agent request, chunks 2 ms apart"),
];

const CHAT_AGENT: Row = Row { client: Chat, ..AGENT };

/// The models that the product's config must serve, per upstream: (upstream name, client's name).
pub const fn models(upstream: Dialect) -> [(&'static str, &'static str); 2] {
    match upstream {
        Chat => [("m-chat", "m-chat"), ("m-chat", "fast")],
        Messages => [("m-claude", "m-claude"), ("m-claude", "quick")],
        Responses => [("m-responses", "m-responses"), ("m-responses", "swift")],
        Gemini => [("m-gemini", "m-gemini"), ("m-gemini", "rapid")],
        Ollama => [("m-ollama", "m-ollama"), ("m-ollama", "local")],
    }
}

impl Row {
    /// How many units one answer counts for.
    pub fn units(&self) -> usize {
        if self.per_chunk { CHUNKS } else { 1 }
    }

    /// The same work for the bare proxy, which passes the client's own dialect through; where that has fewer pieces than
    /// the upstream's, it passes the upstream's, because that many pieces arrive at the product.
    pub fn bare(&self) -> Self {
        let whole_calls = matches!(self.client, Gemini | Ollama) && self.answer == Answer::Agent;
        Self { client: if whole_calls { self.upstream } else { self.client }, ..*self }
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
