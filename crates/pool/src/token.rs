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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Waker};

    use hub::FaultKind;

    use super::*;
    use crate::BoxFuture;

    const HOUR: Duration = Duration::from_secs(3600);

    fn token(expires: SystemTime) -> Token {
        Token::new(Credential { secret: Secret::new("old"), expires: Some(expires) })
    }

    /// Is pending a few times, as the network is.
    async fn network() {
        let mut left = 3;
        std::future::poll_fn(|cx| {
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Polls all in turn until all are done.
    fn run_all<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut left: Vec<_> = futures.into_iter().map(Some).collect();
        let mut done = Vec::new();
        for _ in 0..1_000 {
            for slot in &mut left {
                if let Some(Poll::Ready(value)) = slot.as_mut().map(|future| future.as_mut().poll(&mut cx)) {
                    done.push(value);
                    *slot = None;
                }
            }
        }
        assert!(left.iter().all(Option::is_none), "somebody waits for ever");
        done
    }

    fn fifty<'a>(
        token: &'a Token,
        now: SystemTime,
        renewals: &'a AtomicU32,
        result: Result<(), FaultKind>,
    ) -> Vec<BoxFuture<'a, Result<Secret, Fault>>> {
        let call = move || {
            let renew = move |old: Credential| async move {
                renewals.fetch_add(1, Ordering::Relaxed);
                network().await;
                assert_eq!(old.secret.expose(), "old");
                result.map_err(|kind| Fault::new(kind, "no"))?;
                Ok(Credential { secret: Secret::new("new"), expires: Some(now + HOUR) })
            };
            Box::pin(token.secret(now, renew)) as BoxFuture<'_, _>
        };
        (0..50).map(|_| call()).collect()
    }

    #[test]
    fn fifty_calls_on_an_expired_token_renew_it_once() {
        let now = SystemTime::UNIX_EPOCH + HOUR;
        let (token, renewals) = (token(now), AtomicU32::new(0));
        let secrets = run_all(fifty(&token, now, &renewals, Ok(())));
        assert_eq!((secrets.len(), renewals.load(Ordering::Relaxed)), (50, 1));
        assert!(secrets.iter().all(|secret| secret.as_ref().unwrap().expose() == "new"));
        run_all(fifty(&token, now, &renewals, Ok(())));
        assert_eq!(renewals.load(Ordering::Relaxed), 1, "a fresh one is used as it is");
    }

    #[test]
    fn a_renewal_that_fails_is_everybodys_answer_and_the_next_may_try_again() {
        let now = SystemTime::UNIX_EPOCH + HOUR;
        let (token, renewals) = (token(now), AtomicU32::new(0));
        let answers = run_all(fifty(&token, now, &renewals, Err(FaultKind::UpstreamRefused)));
        assert!(
            answers.iter().all(|answer| answer.as_ref().is_err_and(|fault| fault.kind == FaultKind::UpstreamRefused))
        );
        assert_eq!(renewals.load(Ordering::Relaxed), 1);
        run_all(fifty(&token, now, &renewals, Ok(())));
        assert_eq!(renewals.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_client_that_hangs_up_while_it_renews_leaves_it_to_the_next() {
        let now = SystemTime::UNIX_EPOCH + HOUR;
        let (token, renewals) = (token(now), AtomicU32::new(0));
        let mut calls = fifty(&token, now, &renewals, Ok(()));
        let mut cx = Context::from_waker(Waker::noop());
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut cx).is_pending());
        }
        drop(calls.remove(0));
        assert_eq!(run_all(calls).len(), 49);
        assert_eq!(renewals.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_token_that_was_refused_is_renewed_unless_it_is_another_one_by_now() {
        let now = SystemTime::UNIX_EPOCH + HOUR;
        let token = token(now + HOUR);
        token.reject(&Secret::new("older still"));
        assert!(token.credential().is_fresh(now, MARGIN));
        token.reject(&Secret::new("old"));
        assert!(!token.credential().is_fresh(now, MARGIN));
    }
}
