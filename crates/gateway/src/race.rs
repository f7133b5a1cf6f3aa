//! One attempt, and a second account beside it when it is slow. Whoever has something to show first answers, and the
//! other is let go, which says nothing about it. A fault of the request itself, told by the first, is not waited out.

use std::time::{Duration, Instant};

use hub::Fault;
use tokio::time::timeout;

use crate::attempt::Committed;
use crate::hedge::Terms;
use crate::inbound::Inbound;
use crate::record::Record;
use crate::route::ModelRoute;
use crate::serve::Serve;
use crate::tries::{Tries, Try};

/// Who answered, or failed last, and how.
pub(crate) struct Ran<'a> {
    pub(crate) by: Try<'a>,
    pub(crate) tried: Tried,
}

type Tried = Result<Committed, Fault>;

/// Who was ready first.
enum Ahead {
    First(Tried),
    Second(Tried),
}

impl Serve<'_> {
    /// The terms on which a request may be hedged; `None` for nearly all.
    pub(crate) fn terms(&self, route: &ModelRoute, inbound: &Inbound<'_>) -> Option<Terms<'_>> {
        let hedge = self.snapshot.config.hedge.as_ref()?;
        let eligible = route.seats.len() > 1 && inbound.can_be_asked_twice();
        eligible.then(|| self.worker.app.hedges.terms(hedge, &inbound.peek.model, inbound.peek.reply.stream)).flatten()
    }

    /// Tries an account, and a second one if it is slow.
    ///
    /// # Errors
    /// A fault that ends the request.
    pub(crate) async fn race<'t>(
        &self,
        terms: &mut Terms<'_>,
        tries: &mut Tries<'t>,
        first: Try<'t>,
        route: &ModelRoute,
        inbound: &mut Inbound<'_>,
        notes: &mut Record,
    ) -> Result<Ran<'t>, Fault> {
        let (begun, since) = (Instant::now(), notes.elapsed());
        let (mut twin, mut aside) = (inbound.twin(), notes.beside());
        let attempt = self.attempt(&first, route);
        let mut asking = Box::pin(attempt.run(inbound, notes));
        if let Some(tried) = unless_slow(&mut asking, terms.after.take()).await {
            drop(asking);
            return Ok(terms.ran(first, tried, begun));
        }
        let Some(second) = terms.second(tries, &first) else {
            let tried = asking.await;
            return Ok(terms.ran(first, tried, begun));
        };
        let since = since + begun.elapsed();
        let other = self.attempt(&second, route);
        let mut beside = Box::pin(other.run(&mut twin, &mut aside));
        match ahead(&mut asking, &mut beside).await {
            Ahead::First(Ok(committed)) => {
                drop((asking, beside));
                notes.answers();
                notes.lets_go(&second.seat.account, since);
                Ok(terms.ran(first, Ok(committed), begun))
            }
            Ahead::Second(Ok(committed)) => {
                drop((asking, beside));
                notes.goes_on_with(&second.seat.account, since, &aside);
                Ok(terms.ran(second, Ok(committed), begun))
            }
            Ahead::First(Err(fault)) => {
                drop(asking);
                notes.failed(&fault);
                goes_on(first.label(), &fault);
                tries.failed(first.seat, first.lease, fault)?;
                let tried = beside.await;
                notes.goes_on_with(&second.seat.account, since, &aside);
                Ok(terms.ran(second, tried, begun))
            }
            Ahead::Second(Err(fault)) => {
                drop(beside);
                // Whatever it says of the request, the first is still at it.
                goes_on(second.label(), &fault);
                let _ = tries.failed(second.seat, second.lease, fault.clone());
                let tried = asking.await;
                notes.fails_beside(&second.seat.account, since, &fault, tried.as_ref().err());
                Ok(terms.ran(first, tried, begun))
            }
        }
    }
}

impl Try<'_> {
    fn label(&self) -> &str {
        &self.seat.account.label
    }
}

impl Terms<'_> {
    /// A second account, paid for; nobody when nobody is ready or the share is used up.
    fn second<'t>(&self, tries: &mut Tries<'t>, first: &Try<'t>) -> Option<Try<'t>> {
        let slow = first.label();
        let second = if self.pay() { tries.beside(&first.seat.account.id).or_else(|| self.refund()) } else { None };
        let beside = second.as_ref().map(Try::label);
        let told = if beside.is_some() { "a second account is asked" } else { "no second account may be asked" };
        tracing::debug!(target: "hedge", slow, beside, "{told}");
        second
    }

    fn ran<'t>(&self, by: Try<'t>, tried: Tried, begun: Instant) -> Ran<'t> {
        if tried.is_ok() {
            self.note(begun.elapsed());
        }
        Ran { by, tried }
    }
}

fn goes_on(account: &str, fault: &Fault) {
    tracing::debug!(target: "hedge", account, kind = ?fault.kind, "failed; the request goes on with the other");
}

async fn ahead(first: impl Future<Output = Tried>, second: impl Future<Output = Tried>) -> Ahead {
    tokio::select! {
        biased;
        tried = first => Ahead::First(tried),
        tried = second => Ahead::Second(tried),
    }
}

/// The outcome, unless it takes longer than that.
async fn unless_slow<T>(work: &mut (impl Future<Output = T> + Unpin), after: Option<Duration>) -> Option<T> {
    match after {
        None => Some(work.await),
        Some(after) => timeout(after, work).await.ok(),
    }
}
