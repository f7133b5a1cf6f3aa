//! A credential that ends: renewed once for all that need it, and a renewal that fails is everybody's answer.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hub::Fault;

use crate::flight::Flight;
use crate::{Credential, Secret};

/// A token that ends sooner than this is renewed before it is used: it must outlive the request's way.
const MARGIN: Duration = Duration::from_secs(30);

/// The present credential of an account.
#[derive(Debug)]
pub struct Token {
    now: Mutex<Credential>,
    renewal: Flight<Result<Credential, Fault>>,
}

impl Token {
    /// A token.
    pub fn new(credential: Credential) -> Self {
        Self { now: Mutex::new(credential), renewal: Flight::default() }
    }

    /// The credential, however old.
    pub fn credential(&self) -> Credential {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The secret; renewed before when it has ended. However many ask at once, `renew` runs once, and whoever comes
    /// while it runs waits for its result.
    ///
    /// # Errors
    /// Why it could not be renewed.
    pub async fn secret<F>(&self, now: SystemTime, renew: impl FnOnce(Credential) -> F) -> Result<Secret, Fault>
    where
        F: Future<Output = Result<Credential, Fault>>,
    {
        let held = self.credential();
        if held.is_fresh(now, MARGIN) {
            return Ok(held.secret);
        }
        let renewed = self.renewal.share(|| async {
            // Somebody may have renewed it between the look above and our turn.
            let held = self.credential();
            if held.is_fresh(now, MARGIN) {
                return Ok(held);
            }
            let fresh = renew(held).await?;
            *self.now.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
            Ok(fresh)
        });
        Ok(renewed.await?.secret)
    }

    /// The upstream has refused `refused`: it has ended, whatever its date says. Another one in its place is left alone.
    pub fn reject(&self, refused: &Secret) {
        let mut held = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if held.secret == *refused {
            held.expires = Some(SystemTime::UNIX_EPOCH);
        }
    }
}

impl Credential {
    /// Whether it will be good for a time.
    pub fn is_fresh(&self, now: SystemTime, margin: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > now + margin)
    }
}
