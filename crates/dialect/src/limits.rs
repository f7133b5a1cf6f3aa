//! What is left of a caller's limits, and the headers in which dialects tell it.

use std::time::Duration;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens of prompts and answers.
    Tokens,
}

/// What is left of one limit of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it counts.
    pub counted: Counted,
    /// How much a minute has.
    pub limit: u64,
    /// How much is left now.
    pub remaining: u64,
    /// Until all of it is there again.
    pub reset: Duration,
}

/// `x-ratelimit-*`, as OpenAI's API and many that copy it send them: the reset is a length of time such as `6m0s`.
pub fn x_ratelimit(left: &Left) -> Vec<(&'static str, String)> {
    let [limit, remaining, reset] = match left.counted {
        Counted::Requests => {
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
        }
        Counted::Tokens => ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    };
    vec![(limit, left.limit.to_string()), (remaining, left.remaining.to_string()), (reset, length(left.reset))]
}

fn length(time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    match (minutes, seconds) {
        (0, 0) => format!("{}ms", time.as_millis()),
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_the_vendor_does() {
        let written = [0, 20, 1_500, 60_000, 366_000].map(|ms| length(Duration::from_millis(ms)));
        assert_eq!(written, ["0ms", "20ms", "1s", "1m0s", "6m6s"]);
    }
}
