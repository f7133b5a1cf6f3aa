//! The headers that are a language's own, told by the language, so that the engine needs to know none of them.
//!
//! What is nobody's own (`authorization`, `retry-after`, the headers of a connection) is the engine's. Headers of requests
//! to an upstream come with each request ([`crate::Relay`], [`crate::Encoded`]).

use http::HeaderName;

/// The headers of one language. Names are in lower case.
#[derive(Clone, Copy, Debug)]
pub struct OwnHeaders {
    /// In which its programs bring their key, where that is not where all programs may.
    pub keys: &'static [HeaderName],
    /// In answers, for its programs or for a ticket with whoever sent them. They pass to a client of the same language.
    pub answers: &'static [&'static str],
    /// As `answers`, but how their names begin.
    pub answer_families: &'static [&'static str],
    /// By which a service knows the requests of one turn: it comes with an answer, and goes back to whoever gave it with
    /// what follows in the turn.
    pub turn: Option<&'static str>,
}

impl OwnHeaders {
    /// A language without any.
    pub const NONE: Self = Self { keys: &[], answers: &[], answer_families: &[], turn: None };
}
