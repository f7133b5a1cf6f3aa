//! Model names that select a behaviour, for suites that cannot hand over a script.

use std::time::Duration;

use crate::gate::Gate;
use crate::reply::{Encoding, Quirk, Reply, Style, Trouble};

/// Names that a fresh fake answers to. Classes of models go by name: see the providers' own rules.
pub(crate) const MODELS: [&str; 16] = [
    "chat-model",
    "claude-model",
    "claude-old-model",
    "claude-adaptive-model",
    "gemini-2.5-model",
    "gemini-3-model",
    "gpt-5-model",
    "reasoning-model",
    "slow",
    "agent-model",
    "gemini-3-agent-model",
    "gpt-5-agent-model",
    "claude-adaptive-agent-model",
    "ollama-model",
    "ollama-plain-model",
    "ollama-agent-model",
];

/// Names that select a fault or an oddity.
pub(crate) const FAULTS: [&str; 33] = [
    "fault-429",
    "fault-overloaded",
    "fault-500",
    "fault-401",
    "fault-403",
    "fault-context",
    "fault-html-200",
    "fault-html-502",
    "fault-wrong-type",
    "fault-200-error",
    "fault-midstream-error",
    "fault-truncated",
    "fault-no-terminator",
    "fault-empty",
    "fault-two-terminators",
    "fault-garbage",
    "fault-hang",
    "fault-silent",
    "odd-gzip",
    "odd-br",
    "odd-zstd",
    "odd-crlf",
    "odd-no-space",
    "odd-comments",
    "odd-bom",
    "odd-bytes",
    "odd-multiline",
    "odd-usage",
    "odd-late-usage",
    "odd-heartbeats",
    "odd-tiny",
    "odd-long-line",
    "odd-pause",
];

/// Names that select a status with words that are in nobody's shape: what an error means is in the status then.
pub(crate) const STATUSES: [&str; 14] = [
    "status-400",
    "status-401",
    "status-402",
    "status-403",
    "status-404",
    "status-408",
    "status-409",
    "status-413",
    "status-422",
    "status-429",
    "status-500",
    "status-502",
    "status-503",
    "status-529",
];

/// Events of a scenario that come before its fault.
const SOME: usize = 4;

/// The script that a model name stands for; None for models that answer plainly.
pub(crate) fn reply(model: &str) -> Option<Reply> {
    let reply = Reply::lively();
    Some(match model {
        "slow" => Reply::tiny_chunks(2_000).pace(Duration::from_millis(20)),
        "fault-429" => Reply::trouble(Trouble::RateLimited(7)),
        "fault-overloaded" => Reply::trouble(Trouble::Overloaded),
        "fault-500" => Reply::trouble(Trouble::Internal),
        "fault-401" => Reply::trouble(Trouble::Unauthorized),
        "fault-403" => Reply::trouble(Trouble::Forbidden),
        "fault-context" => Reply::trouble(Trouble::ContextOverflow),
        "fault-html-200" => Reply::html(200),
        "fault-html-502" => Reply::html(502),
        "fault-wrong-type" => Reply::mislabelled("text/plain"),
        "fault-200-error" => Reply::trouble_as_200(Trouble::Overloaded),
        "fault-midstream-error" => reply.error_after(SOME),
        "fault-truncated" => reply.cut_after(SOME),
        "fault-no-terminator" => reply.end_after(SOME),
        "fault-empty" => reply.end_after(0),
        "fault-two-terminators" => reply.terminated_twice(),
        "fault-garbage" => reply.garbage_after_end(),
        "fault-hang" => reply.hold(&Gate::new()),
        "fault-silent" => reply.stall_after(SOME, &Gate::new()),
        other => return oddity(other),
    })
}

fn oddity(model: &str) -> Option<Reply> {
    let reply = Reply::lively();
    Some(match model {
        "odd-gzip" => reply.encoded(Encoding::Gzip),
        "odd-br" => reply.encoded(Encoding::Brotli),
        "odd-zstd" => reply.encoded(Encoding::Zstd),
        "odd-crlf" => reply.style(Style::Crlf),
        "odd-no-space" => reply.style(Style::NoSpace),
        "odd-comments" => reply.style(Style::Comments),
        "odd-bom" => reply.style(Style::Bom),
        "odd-bytes" => reply.style(Style::EveryByte),
        "odd-multiline" => reply.style(Style::MultiLine),
        "odd-usage" => reply.quirk(Quirk::UsageOnEveryChunk),
        "odd-late-usage" => reply.quirk(Quirk::LateUsage),
        "odd-heartbeats" => reply.quirk(Quirk::Heartbeats),
        "odd-tiny" => Reply::tiny_chunks(10_000),
        "odd-pause" => reply.pause_after(SOME + 2, Duration::from_millis(2_500)),
        "odd-long-line" => Reply::long_line(20 << 20),
        other => return status(other),
    })
}

fn status(model: &str) -> Option<Reply> {
    let status: u16 = model.strip_prefix("status-")?.parse().ok()?;
    let words = format!(r#"{{"message":"the upstream's own words for {status}"}}"#);
    Some(Reply::raw(status, "application/json", words))
}
