//! Decides how a request thinks on this wire: off, by budget, or by itself, and with what effort.
//!
//! Models differ in what they take. What is not known of a model is answered with the
//! oldest form, a budget. The API's own limits hold here: a budget is at least 1,024 tokens and below the cap on
//! output, and no thinking goes with a forced tool, a prefilled answer, or a tool loop whose proofs are lost.

use bytes::BytesMut;
use dialect::{Target, ThinkingTraits};
use hub::{Level, Losses, Mode, Request, Show, Thinking};

use crate::json::Open;

/// The least budget that the API takes, in tokens.
const MIN_BUDGET: u64 = 1_024;
/// The budget for "decide for yourself" on models that take budgets only, in tokens.
const AUTO_BUDGET: u32 = 8_192;
/// The cap on output when neither the client nor the model's traits name one, in tokens. All models take it.
const DEFAULT_OUTPUT: u64 = 8_192;
/// The highest cap that is chosen for a model of which nothing is known: the least of the thinking models' own caps.
const UNKNOWN_MOST: u64 = 32_000;
/// What a budget leaves for the answer under a cap that the client did not name, in tokens.
const ANSWER_ROOM: u64 = 4_096;

/// What is written about thinking and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The `thinking` field.
    pub(crate) mode: Wire,
    /// `output_config.effort`.
    pub(crate) effort: Option<Level>,
    /// `max_tokens`.
    pub(crate) max_tokens: u64,
}

/// The `thinking` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Not written.
    Absent,
    /// `disabled`.
    Disabled,
    /// `enabled` with a budget in tokens.
    Budget { tokens: u64, hide: bool },
    /// `adaptive`.
    Adaptive { show: bool },
}

impl Wire {
    /// Whether the model is asked to think.
    pub(crate) fn is_on(self) -> bool {
        matches!(self, Self::Budget { .. } | Self::Adaptive { .. })
    }

    /// Writes the value of the `thinking` field.
    pub(crate) fn write(self, traits: &ThinkingTraits, out: &mut BytesMut) {
        match self {
            Self::Absent => out.extend_from_slice(b"null"),
            Self::Disabled => out.extend_from_slice(br#"{"type":"disabled"}"#),
            Self::Budget { tokens, hide } => {
                let mut object = Open::typed(out, "enabled");
                object.count("budget_tokens", tokens);
                // Older models, which know budgets only, do not know the field.
                if hide && traits.adaptive == Some(true) {
                    object.raw("display", "\"omitted\"");
                }
                object.end();
            }
            Self::Adaptive { show } => {
                let mut object = Open::typed(out, "adaptive");
                object.text("display", if show { "summarized" } else { "omitted" });
                object.end();
            }
        }
    }
}

/// What in a request stands against thinking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Obstacles {
    /// A tool must be called.
    pub(crate) forced_tool: bool,
    /// The answer is begun by the client.
    pub(crate) prefill: bool,
    /// The current tool loop has calls without this vendor's proof before them.
    pub(crate) lost_proofs: bool,
}

/// Decides, and notes what the client loses by it.
pub(crate) fn plan(request: &Request, target: &Target<'_>, obstacles: Obstacles, losses: &mut Losses) -> Plan {
    let traits = &target.traits.thinking;
    let wish = &request.thinking;
    let mode = wished(wish, traits, losses);
    let mode = unhindered(mode, traits, obstacles, losses);
    let max_tokens = max_tokens(request, target, mode);
    let mode = match mode {
        Wire::Budget { tokens, hide } => {
            // Under the client's own cap the answer's room is the client's affair.
            let room = if request.sampling.max_tokens.is_some() { 1 } else { ANSWER_ROOM.min(max_tokens / 2) };
            fitted(tokens.min(max_tokens.saturating_sub(room)), hide, losses)
        }
        other => other,
    };
    let effort = effort(wish, traits, mode);
    Plan { mode, effort, max_tokens }
}

/// What the client asks, in a form that the model takes.
fn wished(wish: &Thinking, traits: &ThinkingTraits, losses: &mut Losses) -> Wire {
    let says_nothing = wish.mode.is_none() && wish.level.is_none();
    if says_nothing {
        return Wire::Absent;
    }
    if traits.supported == Some(false) {
        if !wish.is_off() {
            losses.dropped("thinking", "this model does not think");
        }
        return Wire::Absent;
    }
    let show = wish.show != Show::No;
    match wish.mode {
        Some(Mode::Off) if traits.can_disable == Some(false) => {
            losses.approximated("thinking", "this model always thinks: the least effort was asked");
            Wire::Adaptive { show: wish.show == Show::Yes }
        }
        Some(Mode::Off) => Wire::Disabled,
        // The one class that takes both keeps an exact budget exact.
        Some(Mode::Budget(tokens)) if traits.adaptive == Some(true) && traits.budget.is_none() => {
            losses.silent(format!("thinking budget of {tokens} tokens"));
            Wire::Adaptive { show }
        }
        Some(Mode::Budget(tokens)) => Wire::Budget { tokens: clamp(tokens, traits), hide: !show },
        Some(Mode::Auto) | None if traits.adaptive == Some(true) => Wire::Adaptive { show },
        Some(Mode::Auto) | None => {
            Wire::Budget { tokens: clamp(wish.budget().unwrap_or(AUTO_BUDGET), traits), hide: !show }
        }
    }
}

fn clamp(tokens: u32, traits: &ThinkingTraits) -> u64 {
    let (least, most) = traits.budget.unwrap_or((0, u32::MAX));
    u64::from(tokens.min(most).max(least)).max(MIN_BUDGET)
}

/// Takes thinking away where something in the request stands against it.
fn unhindered(mode: Wire, traits: &ThinkingTraits, obstacles: Obstacles, losses: &mut Losses) -> Wire {
    // Models without a budget form may think unasked, and then refuse a forced tool all the same.
    let thinks_unasked = traits.adaptive == Some(true) && traits.budget.is_none();
    if mode == Wire::Absent && obstacles.forced_tool && thinks_unasked && traits.can_disable == Some(true) {
        return Wire::Disabled;
    }
    let manual = matches!(mode, Wire::Budget { .. });
    let reason = match obstacles {
        _ if !mode.is_on() || traits.can_disable == Some(false) => return mode,
        Obstacles { forced_tool: true, .. } => "thinking does not go with a forced tool: it is off for this request",
        Obstacles { prefill: true, .. } => "thinking does not go with a begun answer: it is off for this request",
        Obstacles { lost_proofs: true, .. } if manual => {
            "the proofs of earlier thinking did not come back: thinking is off for this request"
        }
        Obstacles { .. } => return mode,
    };
    losses.approximated("thinking", reason);
    Wire::Disabled
}

/// The client's cap, lowered to what the model can do. Without one: the model's own, else a default that leaves room
/// beside the thinking budget.
fn max_tokens(request: &Request, target: &Target<'_>, mode: Wire) -> u64 {
    let most = target.traits.max_output;
    let asked = request.sampling.max_tokens.or(most).unwrap_or_else(|| match mode {
        Wire::Budget { tokens, .. } => (DEFAULT_OUTPUT + tokens).min(UNKNOWN_MOST),
        Wire::Absent | Wire::Disabled | Wire::Adaptive { .. } => DEFAULT_OUTPUT,
    });
    asked.min(most.unwrap_or(u64::MAX))
}

/// A budget that fits under the cap on output; no thinking when nothing useful fits. The client's cap is never raised.
fn fitted(tokens: u64, hide: bool, losses: &mut Losses) -> Wire {
    if tokens >= MIN_BUDGET {
        return Wire::Budget { tokens, hide };
    }
    losses.approximated("thinking", "the cap on output leaves no room for thinking: it is off for this request");
    Wire::Disabled
}

/// The effort in a word that the model takes. Off takes none: some models refuse the pair.
fn effort(wish: &Thinking, traits: &ThinkingTraits, mode: Wire) -> Option<Level> {
    if !matches!(mode, Wire::Adaptive { .. }) {
        return None;
    }
    if wish.is_off() {
        return Some(traits.levels.iter().min().copied().unwrap_or(Level::Low));
    }
    let level = wish.effort()?;
    const USUAL: [Level; 4] = [Level::Low, Level::Medium, Level::High, Level::Max];
    level.nearest(if traits.levels.is_empty() { &USUAL } else { &traits.levels })
}

#[cfg(test)]
#[path = "think_tests.rs"]
mod tests;
