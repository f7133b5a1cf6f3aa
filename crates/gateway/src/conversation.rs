//! By which name a request's conversation is known, so that its turns find the account where the last one was.
//!
//! A client may name it; else its beginning does. A first turn goes wherever the strategy says, and the turns after it
//! follow: a thousand equal questions are spread over the accounts, and a talk stays where it is.

use dialect::{ClientSide, Opening};

use crate::errand::Errand;
use crate::inbound::Inbound;

/// What a conversation is known by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// Its name from now on.
    pub(crate) name: Vec<u8>,
    /// What it was known by a turn ago.
    pub(crate) before: Option<Vec<u8>>,
    /// It begins with this request.
    pub(crate) is_new: bool,
}

impl Conversation {
    /// The conversation of a request; `None` when nothing tells.
    pub(crate) fn of(client: &dyn ClientSide, inbound: &Inbound<'_>) -> Option<Self> {
        match dialect::session(client.sessions(), &inbound.head.headers, &inbound.body) {
            Some(name) => Some(Self::named(name)),
            None if !matches!(inbound.errand, Errand::Answer) => None,
            None => dialect::opening(&inbound.body).map(Self::opened),
        }
    }

    /// One that the client has named.
    pub(crate) fn named(name: String) -> Self {
        Self { name: name.into(), before: None, is_new: false }
    }

    fn opened(opening: Opening) -> Self {
        match opening.answered {
            None => Self { name: opening.question, before: None, is_new: true },
            Some(answered) => Self { name: answered, before: Some(opening.question), is_new: false },
        }
    }
}
