//! A second account for requests whose first one is slow. Each costs tokens twice, so there is none unless the file asks.

use std::time::Duration;

/// When a second account is asked, and how often at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hedge {
    /// How long the first account may take.
    pub after: HedgeAfter,
    /// Of a hundred requests that may be hedged, how many are at most.
    pub max_percent: u32,
    /// Streams are hedged until their first meaningful event.
    pub streams: bool,
    /// Replies that are not streamed are hedged until their end.
    pub whole_replies: bool,
    /// Patterns of model names, in lower case; empty means all.
    pub models: Vec<String>,
}

/// How long the first account may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgeAfter {
    /// So long.
    Time(Duration),
    /// As long as so many of a hundred answers of the model take.
    Percentile(u32),
}
