//! What of an answer its client does not get: thoughts that it does not want to see, what its answer is wrapped in, and
//! what comes after a stop string. In this order, for whole answers as for streams.

use dialect::{Memo, Peeler};
use hub::{Cutter, Event, Response, Veil};

/// The sieve of one answer. Idle when there is nothing to take away.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    veil: Veil,
    peeler: Peeler,
    cutter: Cutter,
    /// What the veil let through of one event.
    shown: Vec<Event>,
    /// What the peeler made of that.
    peeled: Vec<Event>,
}

impl Sieve {
    /// The sieve that a request asked for.
    pub(crate) fn of(memo: &Memo) -> Self {
        Self {
            veil: Veil::new(memo.hides),
            peeler: Peeler::new(memo.peel),
            cutter: Cutter::new(memo.stop.clone()),
            ..Self::default()
        }
    }

    /// Whether everything passes.
    pub(crate) fn is_idle(&self) -> bool {
        self.cutter.is_idle() && self.veil.is_idle() && self.peeler.is_idle()
    }

    /// Whether the answer has been cut: nothing more of it is wanted.
    pub(crate) fn has_cut(&self) -> bool {
        self.cutter.has_cut()
    }

    /// Takes an event and gives what becomes of it.
    pub(crate) fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        self.veil.push(event, &mut self.shown);
        self.shown.drain(..).for_each(|event| self.peeler.push(event, &mut self.peeled));
        self.peeled.drain(..).for_each(|event| self.cutter.push(event, out));
    }

    /// Sifts a whole answer.
    pub(crate) fn apply(&self, response: &mut Response) {
        self.veil.apply(response);
        self.peeler.apply(response);
        self.cutter.apply(response);
    }
}
