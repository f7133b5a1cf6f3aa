//! What a dialect adds whose requests can name an earlier answer instead of repeating the conversation.
//!
//! The dialect reads and writes; where answers are kept, for whom and for how long, is none of its business.

use bytes::Bytes;
use http::Method;
use hub::Fault;

use crate::{Body, Frame, HttpReply, Reply};

/// What a request says of kept answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The answer that it goes on from.
    pub previous: Option<String>,
    /// Its own answer may be named by later requests.
    pub keep: bool,
    /// It tells all of its part of the conversation, and leaves nothing to what is kept elsewhere.
    pub complete: bool,
}

/// One request and its answer, in the dialect's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The input as JSON text.
    pub input: Bytes,
    /// The whole answer as JSON text.
    pub answer: Bytes,
}

/// An answer that went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The id by which later requests name it.
    pub id: String,
    /// The whole answer as JSON text; `None` when it does not tell all that was said.
    pub answer: Option<Bytes>,
    /// Whether its maker has kept it, too, as far as it says.
    pub kept_there: bool,
}

/// For whom a request is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Us: it will be translated.
    Hub,
    /// An upstream of the same dialect that never saw the earlier answers.
    Wire,
}

/// What is asked of a kept answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The answer itself.
    Show,
    /// What it answered.
    ListInput,
    /// To be forgotten.
    Forget,
}

/// A dialect whose answers can be named.
pub trait Memory: Send + Sync {
    /// The field by which requests name an earlier answer, and answers the one that they go on from.
    fn field(&self) -> &'static str;

    /// Reads what a request says of kept answers.
    ///
    /// # Errors
    /// A bad-request fault when a field has the wrong type.
    fn terms(&self, body: &Body) -> Result<Terms, Fault>;

    /// The request with all that went before written out, oldest first, and no id left in it.
    ///
    /// # Errors
    /// When the whole is no request.
    fn write_out(&self, body: &Body, past: &[&Round], reader: Reader) -> Result<Body, Fault>;

    /// What of a request is kept as [`Round::input`].
    fn input(&self, body: &Body) -> Bytes;

    /// Makes the recorder of one answer, which holds at most `cap` bytes. By `reply` it tells our own answers from those
    /// of an upstream.
    fn recorder(&self, reply: &Reply, cap: usize) -> Box<dyn Recorder>;

    /// Whether an upstream says that it does not know the answer which a request names.
    fn is_forgotten(&self, fault: &Fault) -> bool;

    /// The refusal of a request that names an answer nobody here knows. `why` may be empty.
    fn unknown(&self, id: &str, why: &'static str) -> Fault;

    /// Reads what is asked of a kept answer, from the rest of the path.
    ///
    /// # Errors
    /// When there is no such thing to ask.
    fn asked<'a>(&self, method: &Method, rest: &'a str, query: &str) -> Result<(&'a str, Verb), Fault>;

    /// The refusal of such a question about an answer that is not kept.
    fn absent(&self, id: &str) -> Fault;

    /// Shows a kept answer.
    fn show(&self, round: &Round) -> HttpReply;

    /// Lists what a kept answer answered, `past` being all rounds with its own last. `query` is for paging.
    ///
    /// # Errors
    /// When the query makes no sense.
    fn list_input(&self, id: &str, past: &[&Round], query: &str) -> Result<HttpReply, Fault>;

    /// Says that an answer has been forgotten.
    fn forgotten(&self, id: &str) -> HttpReply;
}

/// Watches one answer on its way to the client.
pub trait Recorder: Send {
    /// Takes one frame of a stream; gives the answer back once it is complete.
    fn frame(&mut self, frame: Frame<'_>) -> Option<Recorded>;
    /// Takes a whole answer.
    fn whole(&mut self, body: &Bytes) -> Option<Recorded>;
}
