//! Requests that name an earlier answer, and answers that later requests may name.
//!
//! Such a request goes to the account that gave the answer, as it stands, where that account keeps answers too; to
//! every other it goes with the conversation written out. What nobody here can find is refused and never left out.

mod store;
mod tap;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use config::{ResponsesStore, StoreMode};
use dialect::{Body, ClientSide, HttpReply, Memory, Reader, Recorded, Reply, Round, Verb};
use http::request::Parts;
use hub::Fault;
use pool::AccountId;

pub(crate) use store::{Caller, Found, Store};
pub(crate) use tap::Tapped;

use crate::app::App;
use crate::restore::Field;
use crate::route::ModelRoute;
use crate::seats::Seat;
use store::{Fresh, Scope, Turn};

/// Said to a client whose request names an answer that cannot be found.
const GONE: &str = "It has expired, was not stored, or is not yours: send the whole conversation as input.";
const OFF: &str = "This gateway keeps no answers (responses-store.mode is off): send the whole conversation as input.";

/// What one request has to do with kept answers.
pub(crate) struct Recall {
    memory: &'static dyn Memory,
    before: Before,
    /// What is kept of this request.
    keep: Option<Keep>,
    /// The request as an upstream gets it that does not know the earlier answers.
    written: OnceLock<Body>,
    /// The account that should know the answer does not.
    forgotten: bool,
    why: &'static str,
}

enum Before {
    Nothing,
    Known(String, Arc<Turn>),
    /// Nobody here knows it; an upstream may.
    Unknown(String),
}

#[derive(Clone)]
struct Keep {
    scope: Scope,
    /// `None` where the request leaves a part of the conversation to what is kept elsewhere.
    input: Option<bytes::Bytes>,
}

/// What a request is read with.
pub(crate) struct Asking<'a> {
    pub(crate) client: &'static dyn ClientSide,
    pub(crate) store: &'a Store,
    pub(crate) limits: &'a ResponsesStore,
    pub(crate) caller: Caller,
    /// It asks for an answer, and not only about a request.
    pub(crate) answer: bool,
}

impl Recall {
    /// Reads a request; `None` when it has nothing to do with kept answers.
    ///
    /// # Errors
    /// When it names an answer that is not its caller's, or makes no sense.
    pub(crate) fn of_request(asking: &Asking<'_>, body: &Body) -> Result<Option<Box<Self>>, Fault> {
        let Some(memory) = asking.client.memory() else { return Ok(None) };
        let terms = memory.terms(body)?;
        let is_on = asking.limits.mode == StoreMode::Memory;
        let why = if is_on { GONE } else { OFF };
        let before = match terms.previous {
            None => Before::Nothing,
            Some(id) => match asking.store.find(&id, &asking.caller, asking.limits, Instant::now()) {
                Found::Kept(turn) => Before::Known(id, turn),
                Found::Foreign => return Err(memory.unknown(&id, why)),
                Found::Nothing => Before::Unknown(id),
            },
        };
        let lasting = terms.keep && is_on;
        let keep = (asking.answer && (lasting || asking.caller.connection.is_some())).then(|| Keep {
            scope: asking.caller.scope(lasting),
            input: (terms.complete && !matches!(before, Before::Unknown(_))).then(|| memory.input(body)),
        });
        if keep.is_none() && matches!(before, Before::Nothing) {
            return Ok(None);
        }
        Ok(Some(Box::new(Self { memory, before, keep, written: OnceLock::new(), forgotten: false, why })))
    }

    /// Whether the request names no earlier answer.
    pub(crate) fn stands_alone(&self) -> bool {
        matches!(self.before, Before::Nothing)
    }

    /// Whether the answer will be there for later requests of any connection.
    pub(crate) fn keeps(&self) -> bool {
        self.keep.as_ref().is_some_and(|keep| keep.scope.is_lasting())
    }

    /// The request with the conversation in it, to be translated; `None` where it is whole as it stands.
    ///
    /// # Errors
    /// When the conversation is not known here.
    pub(crate) fn for_hub(&self, body: &Body) -> Result<Option<Body>, Fault> {
        match &self.before {
            Before::Nothing => Ok(None),
            Before::Known(id, turn) => self.write_out(id, turn, body, Reader::Hub).map(Some),
            Before::Unknown(id) => Err(self.memory.unknown(id, self.why)),
        }
    }

    /// The request for an upstream of the same dialect.
    ///
    /// # Errors
    /// When only another account knows the conversation.
    pub(crate) fn for_wire<'b>(&'b self, body: &'b Body, account: &AccountId) -> Result<&'b Body, Fault> {
        match &self.before {
            Before::Nothing | Before::Unknown(_) => Ok(body),
            Before::Known(_, turn) if self.knows(turn, account) => Ok(body),
            Before::Known(id, turn) => match self.written.get() {
                Some(written) => Ok(written),
                None => {
                    let written = self.write_out(id, turn, body, Reader::Wire)?;
                    Ok(self.written.get_or_init(|| written))
                }
            },
        }
    }

    /// Whether an account can be told the answer's id instead of the conversation.
    fn knows(&self, turn: &Turn, account: &AccountId) -> bool {
        turn.owner.as_ref() == Some(account) && !self.forgotten
    }

    /// The field that its answer lacks, where the account is told the conversation.
    pub(crate) fn written_for(&self, account: &AccountId) -> Option<Field> {
        match &self.before {
            Before::Known(id, turn) if !self.knows(turn, account) => Some(Field::new(self.memory.field(), id)),
            Before::Known(..) | Before::Nothing | Before::Unknown(_) => None,
        }
    }

    fn write_out(&self, id: &str, turn: &Turn, body: &Body, reader: Reader) -> Result<Body, Fault> {
        let rounds = turn.rounds().ok_or_else(|| self.memory.unknown(id, self.why))?;
        self.memory.write_out(body, &rounds, reader)
    }

    /// The seat to ask first: the account that gave the answer, or one that may know an answer nobody here knows.
    pub(crate) fn first_seat(&self, route: &ModelRoute, client: &dyn ClientSide, model: &str) -> Option<usize> {
        let same =
            |seat: Seat<'_>| seat.upstream.wire(seat.model(model).0).is_some_and(|wire| wire.id == client.dialect());
        match &self.before {
            Before::Nothing => None,
            Before::Known(_, turn) => {
                let owner = turn.owner.as_ref()?;
                route.seats.iter().position(|seat| seat.account.id == *owner && same(seat))
            }
            Before::Unknown(_) => route.seats.iter().position(same),
        }
    }

    /// Whether the account that should know the answer said that it does not, and the conversation is known here.
    pub(crate) fn falls_back(&mut self, fault: &Fault, account: &AccountId) -> bool {
        let Before::Known(_, turn) = &self.before else { return false };
        let falls = self.knows(turn, account) && self.memory.is_forgotten(fault) && turn.rounds().is_some();
        self.forgotten |= falls;
        falls
    }

    /// Makes what keeps the answer of `account`; `None` when it is not to be kept.
    pub(crate) fn tape(&self, app: &Arc<App>, reply: &Reply, cap: usize, account: &AccountId) -> Option<Tape> {
        let keep = self.keep.clone()?;
        let before = match &self.before {
            Before::Known(_, turn) => Some(Arc::clone(turn)),
            Before::Nothing | Before::Unknown(_) => None,
        };
        let recorder = self.memory.recorder(reply, cap);
        Some(Tape { recorder, keep, before, account: account.clone(), app: Arc::clone(app) })
    }
}

impl std::fmt::Debug for Recall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recall").field("keeps", &self.keeps()).finish_non_exhaustive()
    }
}

/// Keeps one answer when it is complete.
pub(crate) struct Tape {
    pub(crate) recorder: Box<dyn dialect::Recorder>,
    keep: Keep,
    before: Option<Arc<Turn>>,
    account: AccountId,
    app: Arc<App>,
}

impl Tape {
    /// Keeps a whole answer.
    pub(crate) fn whole(mut self, body: &bytes::Bytes) {
        if let Some(recorded) = self.recorder.whole(body) {
            self.store(recorded);
        }
    }

    /// Keeps a stream that is all there.
    pub(crate) fn stream(mut self, bytes: &bytes::Bytes, mut framer: dialect::Framer) {
        let mut recorded = None;
        let heard = framer.feed(bytes, &mut |frame| {
            recorded = recorded.take().or_else(|| self.recorder.frame(frame));
            Ok(())
        });
        if let (Ok(_), Some(recorded)) = (heard, recorded) {
            self.store(recorded);
        }
    }

    /// Keeps what was recorded. The limits are those of now: the configuration may have changed meanwhile.
    pub(crate) fn store(self, recorded: Recorded) {
        let Recorded { id, answer, kept_there } = recorded;
        let round = self.keep.input.zip(answer).map(|(input, answer)| Round { input, answer });
        // What is kept for a connection only was not to be stored by anybody.
        let owner = (kept_there && self.keep.scope.is_lasting()).then_some(self.account);
        if round.is_none() && owner.is_none() {
            return;
        }
        let fresh = Fresh { id: id.into(), scope: self.keep.scope, round, before: self.before, owner };
        self.app.kept.keep(fresh, &self.app.snapshot().config.responses_store, Instant::now());
    }
}

/// Answers what is asked of a kept answer.
///
/// # Errors
/// When it is not kept, or not its caller's.
pub(crate) fn answer(asking: &Asking<'_>, head: &Parts, rest: &str) -> Result<HttpReply, Fault> {
    let missing = || Fault::new(hub::FaultKind::NotFound, "this dialect keeps no answers");
    let memory = asking.client.memory().ok_or_else(missing)?;
    let query = head.uri.query().unwrap_or_default();
    let (id, verb) = memory.asked(&head.method, rest, query)?;
    let Found::Kept(turn) = asking.store.find(id, &asking.caller, asking.limits, Instant::now()) else {
        return Err(memory.absent(id));
    };
    match verb {
        Verb::Show => turn.round().map(|round| memory.show(round)).ok_or_else(|| memory.absent(id)),
        Verb::ListInput => {
            let rounds = turn.rounds().ok_or_else(|| memory.absent(id))?;
            memory.list_input(id, &rounds, query)
        }
        Verb::Forget => {
            asking.store.forget(id, &asking.caller);
            Ok(memory.forgotten(id))
        }
    }
}
