//! What a request asks of an account. Whatever it is, it goes through the same admission, tries, deadlines and log line.

use dialect::embed::EmbedClient;
use dialect::{Body, ClientSide, Operation, Peek};
use http::request::Parts;
use hub::Fault;

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Errand {
    /// An answer of a model.
    Answer,
    /// Vectors for texts.
    Vectors(&'static dyn EmbedClient),
}

impl Errand {
    /// The errand of an operation.
    pub(crate) fn of(operation: Operation) -> Self {
        match operation {
            Operation::Embed(client) => Self::Vectors(client),
            Operation::Generate
            | Operation::CountTokens
            | Operation::ListModels(_)
            | Operation::GetModel(_)
            | Operation::ShowModel(_)
            | Operation::Fixed(_) => Self::Answer,
        }
    }

    /// What routing needs to know.
    pub(crate) fn peek(self, client: &dyn ClientSide, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        match self {
            Self::Answer => client.peek(head, body),
            Self::Vectors(client) => client.peek(head, body),
        }
    }
}
