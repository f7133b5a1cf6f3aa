//! A credential that ends: renewed once for all that need it, and a renewal that fails is everybody's answer.
//!
//! It knows neither who renews nor where: whoever finds that there is nothing at hand entrusts somebody with the renewal
//! and waits, and when that caller hangs up the renewal goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hub::Fault;

use crate::flight::{Entrusted, Flight};
use crate::{Credential, Secret};

/// A token that ends sooner than this is renewed before it is used: it must outlive the request's way.
const MARGIN: Duration = Duration::from_secs(30);

/// What a renewal leads to.
pub type Renewal = Result<Secret, Fault>;

/// The right to renew a token, for whoever does it.
pub type Renewing = Entrusted<Renewal>;

/// The present credential of an account.
#[derive(Debug, Default)]
pub struct Token {
    held: Mutex<Held>,
    renewal: Arc<Flight<Renewal>>,
}

#[derive(Debug, Default)]
struct Held {
    credential: Option<Credential>,
    /// Somebody has asked for it since it was made.
    used: bool,
    /// Why there will be no other.
    ended: Option<Fault>,
}

impl Token {
    /// A token, or the place of one that nobody has asked for yet.
    pub fn new(credential: Option<Credential>) -> Self {
        Self { held: Mutex::new(Held { credential, ..Held::default() }), renewal: Arc::default() }
    }

    /// The secret while it is good, or why there will be none; `None` when it must be renewed.
    pub fn at_hand(&self, now: SystemTime) -> Option<Renewal> {
        let mut held = self.held();
        if let Some(fault) = &held.ended {
            return Some(Err(fault.clone()));
        }
        held.used = true;
        let fresh = held.credential.as_ref().filter(|credential| credential.is_fresh(now, MARGIN))?;
        Some(Ok(fresh.secret.clone()))
    }

    /// What the renewal under way leads to. When there is none, `start` gets the right to do it, and must look again
    /// whether there is something at hand before it does. However many ask at once, one renews. `None` when nobody
    /// ends it.
    pub async fn renewed(&self, start: impl Fn(Renewing)) -> Option<Renewal> {
        Flight::entrust(&self.renewal, start).await
    }

    /// Takes another credential.
    pub fn put(&self, credential: Credential) {
        *self.held() = Held { credential: Some(credential), ..Held::default() };
    }

    /// There will be no other credential: that is everybody's answer from now on.
    pub fn end(&self, why: Fault) {
        *self.held() = Held { ended: Some(why), ..Held::default() };
    }

    /// Why there is none and will be none.
    pub fn ended(&self) -> Option<Fault> {
        self.held().ended.clone()
    }

    /// There may be another credential after all; whether that was in doubt.
    pub fn revive(&self) -> bool {
        self.held().ended.take().is_some()
    }

    /// The upstream has refused `refused`: it has ended, whatever its date says. Another one in its place is left alone.
    pub fn reject(&self, refused: &Secret) {
        let mut held = self.held();
        if let Some(credential) = held.credential.as_mut().filter(|credential| credential.secret == *refused) {
            credential.expires = Some(SystemTime::UNIX_EPOCH);
        }
    }

    /// When it ends, and whether somebody has asked for it; `None` when there is none, or one that never ends.
    pub fn end_of_use(&self) -> Option<(SystemTime, bool)> {
        let held = self.held();
        Some((held.credential.as_ref()?.expires?, held.used))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Credential {
    /// Whether it will be good for a time.
    pub fn is_fresh(&self, now: SystemTime, margin: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > now + margin)
    }
}

#[cfg(test)]
mod tests;
