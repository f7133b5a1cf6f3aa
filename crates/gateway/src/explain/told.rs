//! An explanation as JSON tells it: a contract with whoever asks over the network, apart from what the engine has.

use serde::{Deserialize, Serialize};

/// Who would answer, and why not others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The model as it was asked for.
    pub asked: String,
    /// The name under which it is served.
    pub model: String,
    /// The label of the key that asks.
    pub key: Option<String>,
    /// The client's dialect.
    pub dialect: String,
    /// What is asked for.
    pub operation: String,
    /// How one is chosen among those of one priority.
    pub strategy: Option<String>,
    /// Who would be asked now.
    pub pick: Option<Pick>,
    /// Labels of the pick and of those that would follow, failure by failure.
    pub order: Vec<String>,
    /// All that serve the model, highest priority first.
    pub candidates: Vec<Candidate>,
    /// Further candidates that are not listed.
    pub not_shown: usize,
    /// Accounts that would serve the model if something did not keep them from it.
    pub left_out: Vec<LeftOut>,
    /// How many accounts do not have the model at all.
    pub elsewhere: usize,
    /// Account files that are not used as they stand, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// What follows when all in `order` have failed, or when there is nobody.
    pub next: Next,
    /// What the client would be told now, where nobody would be asked.
    pub error: Option<Told>,
    /// A second account for a slow first one; `None` where that is off.
    pub hedge: Option<Hedging>,
}

/// Whether and when a second account is asked beside the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hedging {
    /// For streams.
    pub streams: Hedged,
    /// For whole replies.
    pub whole_replies: Hedged,
    /// Of a hundred requests that may be, so many are.
    pub max_percent: u32,
    /// So many may be at once now; requests earn them.
    pub saved: u64,
    /// The label of the one that would be asked beside the first.
    pub second: Option<String>,
}

/// When a second account is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Hedged {
    /// The configuration does not want it, or there is no second account.
    Never,
    /// Too few answers have come to tell how long one takes.
    NotYet,
    /// When the first has shown nothing for so long.
    After {
        /// Milliseconds.
        ms: u64,
    },
}

/// When an account is checked by small requests of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// When the last check ended (UTC).
    pub last: Option<String>,
    /// The trouble that it found.
    pub found: Option<String>,
    /// When the next one is due (UTC); it is left out if clients have found out meanwhile.
    pub next: Option<String>,
    /// How long that is from now.
    pub next_in_ms: Option<u64>,
}

/// Who would be asked now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The account's id.
    pub account: String,
    /// Its label.
    pub label: String,
    /// Why that one.
    pub why: Reason,
}

/// Why an account would be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The conversation is with it.
    Session,
    /// The strategy chooses it.
    Strategy,
    /// Nobody is ready; in its line there is room.
    Line,
    /// Nobody is ready; it is benched, but back first, and its provider named no time.
    LastResort,
}

/// One account that serves the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The account's id.
    pub account: String,
    /// Its label.
    pub label: String,
    /// The kind of its place.
    pub kind: String,
    /// The upstream's name of the model.
    pub model: String,
    /// The language in which it would be asked.
    pub speaks: Speaks,
    /// Higher is tried first.
    pub priority: i32,
    /// Its share where the strategy weighs.
    pub weight: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls that it has answered.
    pub answered: u64,
    /// Calls that have failed by its fault.
    pub failed: u64,
    /// What its first word is expected to take.
    pub latency_ms: Option<f64>,
    /// Whether it may be asked.
    pub state: State,
    /// Why its credential is not made anew until its file changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Its place in the order, from 1 on.
    pub place: Option<usize>,
    /// Its checks; `None` when it is never checked.
    pub check: Option<Checked>,
}

/// The language in which an account would be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Speaks {
    /// The client's own: the bytes pass as they are.
    Relayed {
        /// Which one.
        dialect: String,
    },
    /// Another one.
    Translated {
        /// Which one.
        dialect: String,
    },
    /// It answers by itself, without any network.
    Itself,
    /// It is not asked: the gateway estimates.
    Estimate,
    /// It cannot do what is asked.
    Nothing,
}

/// Whether an account may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum State {
    /// It may.
    Ready,
    /// It has all the calls that it may have.
    Busy {
        /// How many wait for one to end.
        waiting: usize,
        /// No more may wait.
        line_full: bool,
    },
    /// It is benched.
    Out {
        /// What benched it.
        cause: String,
        /// What is out.
        extent: Extent,
        /// When it is tried again.
        back_in_ms: u64,
        /// The same as a moment (UTC).
        until: String,
        /// The upstream named that time; else it is asked as a last resort.
        named: bool,
        /// One request is finding out whether it is well again.
        probing: bool,
    },
}

/// How much a bench takes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// The account for this model.
    Model,
    /// The account.
    Account,
    /// Every account of its site.
    Site,
}

/// An account that would serve the model if something did not keep it from that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The account's id.
    pub account: String,
    /// Its label.
    pub label: String,
    /// The kind of its place.
    pub kind: String,
    /// What keeps it away.
    pub why: Hindrance,
}

/// What keeps an account away from a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Hindrance {
    /// The client key may not use it.
    Key,
    /// It is not of the provider that was named.
    Provider,
    /// The model is excluded there.
    Excluded {
        /// By this pattern.
        pattern: Option<String>,
    },
    /// Its entry is disabled.
    Disabled,
    /// Its weight is 0, and the strategy goes by weights.
    Weight,
}

/// What follows when all in the order have failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// How often the order may be gone through.
    pub rounds: u32,
    /// The pause before the order is gone through again; none, if it is not.
    pub wait_ms: Option<u64>,
    /// What is asked in place of the model.
    pub fallback: Vec<Way>,
    /// What the client is told in the end. Where somebody would be asked first, it is supposed that none of them begins
    /// to answer in time; what a provider would say instead is the provider's.
    pub error: Option<Told>,
}

/// What is asked in place of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The model.
    pub model: String,
    /// Labels of those that would be asked.
    pub order: Vec<String>,
    /// Why nobody would.
    pub error: Option<Told>,
}

/// What a client would be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The message.
    pub message: String,
    /// When trying again makes sense.
    pub retry_after_ms: Option<u64>,
    /// The body, in the client's dialect.
    #[serde(default)]
    pub body: serde_json::Value,
}
