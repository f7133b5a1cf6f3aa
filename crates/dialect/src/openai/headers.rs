//! The headers of OpenAI's answers (API reference, "Debugging requests" and "Rate limits in headers", 2025-11).

use crate::OwnHeaders;

/// Those of both languages.
pub const OWN: OwnHeaders = OwnHeaders {
    answers: &["openai-processing-ms", "openai-version"],
    answer_families: &["x-ratelimit-"],
    ..OwnHeaders::NONE
};
