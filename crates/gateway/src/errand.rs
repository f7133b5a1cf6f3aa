//! What a request asks of an account. Whatever it is, it goes through the same admission, tries, deadlines and log line.

use dialect::embed::EmbedClient;
use dialect::{Body, ClientSide, Operation, Peek, Reply, Service};
use http::request::Parts;
use hub::{Fault, Part, Response};

use crate::upload::{self, Upload};

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) enum Errand<'a> {
    /// An answer of a model.
    Answer,
    /// A conversation made shorter.
    Compact,
    /// Vectors for texts.
    Vectors(&'static dyn EmbedClient),
    /// Something that is passed on, in JSON.
    Pass(Service),
    /// The same, in a form with files.
    Upload(&'a Upload),
}

impl Errand<'_> {
    /// The errand of an operation.
    pub(crate) fn of(operation: Operation) -> Self {
        match operation {
            Operation::Embed(client) => Self::Vectors(client),
            Operation::Pass(service) => Self::Pass(service),
            Operation::Compact => Self::Compact,
            Operation::Generate
            | Operation::CountTokens
            | Operation::ListModels(_)
            | Operation::GetModel(_)
            | Operation::ShowModel(_)
            | Operation::Kept
            | Operation::Socket(_)
            | Operation::Fixed(_)
            | Operation::Greet(_) => Self::Answer,
        }
    }

    /// The service that comes with a form and not with JSON.
    pub(crate) fn form(self, head: &Parts) -> Option<Service> {
        match self {
            Self::Pass(service) => upload::form_of(head).map(|_| service),
            Self::Answer | Self::Compact | Self::Vectors(_) | Self::Upload(_) => None,
        }
    }

    /// What routing needs to know.
    pub(crate) fn peek(self, client: &dyn ClientSide, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        match self {
            Self::Answer | Self::Compact => client.peek(head, body),
            Self::Vectors(client) => client.peek(head, body),
            Self::Upload(upload) => upload.peek(),
            Self::Pass(service) => match service.default_model() {
                Some(model) if !body.has("model") => {
                    Ok(Peek { model: model.to_owned(), reply: Reply::new(model, false) })
                }
                _ => client.peek(head, body),
            },
        }
    }

    /// Looks whether a translated answer serves the errand.
    ///
    /// # Errors
    /// When a conversation would be replaced by nothing.
    pub(crate) fn accept(self, answer: &Response) -> Result<(), Fault> {
        let says = |part: &Part| matches!(part, Part::Text(text) if !text.text.trim().is_empty());
        match self {
            Self::Compact if !answer.parts.iter().any(says) => {
                Err(Fault::garbled("the model wrote no summary of the conversation"))
            }
            Self::Compact | Self::Answer | Self::Vectors(_) | Self::Pass(_) | Self::Upload(_) => Ok(()),
        }
    }

    /// Whether another account may be asked when one fails.
    pub(crate) fn can_be_repeated(self) -> bool {
        match self {
            Self::Upload(upload) => upload.can_be_repeated(),
            Self::Answer | Self::Compact | Self::Vectors(_) | Self::Pass(_) => true,
        }
    }
}
