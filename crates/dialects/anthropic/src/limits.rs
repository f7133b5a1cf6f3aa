//! Anthropic's headers for what is left of a limit (API reference, rate limits, 2025-11): the reset is a moment.

use std::time::SystemTime;

use dialect::limits::{Counted, Left};

pub(crate) fn headers(left: &Left, now: SystemTime) -> Vec<(&'static str, String)> {
    let [limit, remaining, reset] = match left.counted {
        Counted::Requests => [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        Counted::Tokens => [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
    };
    let moment = dialect::time::format(now + left.reset);
    vec![(limit, left.limit.to_string()), (remaining, left.remaining.to_string()), (reset, moment)]
}
