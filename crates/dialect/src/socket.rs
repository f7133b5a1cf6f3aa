//! A dialect that can also be spoken in messages over one lasting connection.

use bytes::Bytes;
use hub::Fault;

use crate::{Body, Frame, HttpReply, Reply};

/// A message of a client, read.
#[derive(Debug)]
pub enum Said {
    /// It asks for an answer.
    Ask(Box<Wish>),
    /// It asks for nothing.
    Nothing,
}

/// What a message asks for.
#[derive(Debug)]
pub struct Wish {
    /// The request, as it would be posted.
    pub body: Body,
    /// A mark that every message of the answer repeats.
    pub lane: Option<String>,
    /// No answer of a model is wanted, only an id to go on from.
    pub warm_up: bool,
    /// The request without what is said in it, for a later message that does not repeat it.
    pub settings: Option<Bytes>,
}

/// What the messages of a connection have come to.
#[derive(Debug, Default)]
pub struct SoFar {
    /// The settings of the last request.
    pub settings: Option<Bytes>,
    /// The id of the last answer that was whole.
    pub answer: Option<String>,
}

/// A dialect in messages.
pub trait Socket: Send + Sync {
    /// Reads a message.
    ///
    /// # Errors
    /// A bad-request fault when it makes no sense.
    fn read(&self, message: Bytes, so_far: &SoFar) -> Result<Said, Fault>;

    /// Whether a request goes on in the turn of the answer before it, and begins none.
    fn goes_on(&self, body: &Body) -> bool;

    /// The id of the answer that this event ends, if it can be gone on from.
    fn answered(&self, frame: Frame<'_>) -> Option<String>;

    /// An event of an answer as a message; `None` when it says nothing.
    fn message(&self, frame: Frame<'_>, lane: Option<&str>) -> Option<String>;

    /// A refusal as a message.
    fn refusal(&self, reply: &HttpReply, lane: Option<&str>) -> String;

    /// Said when the connection is as old as it may become.
    fn too_old(&self) -> String;

    /// The stream that answers a request which wants no answer of a model.
    fn warmed_up(&self, reply: &Reply) -> Bytes;
}
