//! Who may manage: the holder of the management key, from this machine unless the configuration opens it to others.
//! Whoever guesses is banned for a while, by the address of the connection and never by what a header claims.
//!
//! Unlike the program whose API this is, a request without any key counts as no guess (a panel that polls must not lock
//! its owner out), and a connection from this machine that carries somebody else's request is not local.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use config::{Config, Secret};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderName, StatusCode};
use pool::{Accounts, Moment};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use transport::PeerInfo;

use super::Refusal;
use crate::admit::without_scheme;

const KEY: HeaderName = HeaderName::from_static("x-management-key");
/// Headers of requests that somebody has passed on.
static PASSED_ON: [HeaderName; 4] = [
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("via"),
];
/// Wrong keys after which an address is banned, and for how long.
const GUESSES: u32 = 5;
const BAN: Duration = Duration::from_secs(30 * 60);
/// Wrong keys are forgotten after a while without any.
const MEMORY: Duration = Duration::from_secs(2 * 3600);
/// Addresses that are remembered.
const MOST: usize = 4096;
/// Longest key that is looked at.
const MAX_KEY: usize = 4096;

/// What is remembered of guesses.
#[derive(Debug)]
pub(crate) struct Guard {
    guessers: Mutex<HashMap<IpAddr, Guesser>>,
    /// Of the hash and the key that last fitted it: bcrypt is slow on purpose.
    fitted: Mutex<Option<[u8; 32]>>,
    /// Slow comparisons are made one at a time.
    slow: Semaphore,
}

#[derive(Clone, Copy, Debug)]
struct Guesser {
    wrong: u32,
    last: Moment,
}

impl Default for Guard {
    fn default() -> Self {
        Self { guessers: Mutex::default(), fitted: Mutex::default(), slow: Semaphore::new(1) }
    }
}

impl Guard {
    /// Lets a request in.
    ///
    /// # Errors
    /// Why not.
    pub(super) async fn admit(
        &self,
        config: &Config,
        head: &Parts,
        peer: PeerInfo,
        accounts: &Accounts,
    ) -> Result<(), Refusal> {
        let from = address(peer.addr.ip());
        let now = || accounts.clock().now();
        self.look(from, now())?;
        if !config.allow_remote_management && !is_local(peer, head) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "remote management disabled"));
        }
        let Some(key) = &config.management_key else {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "remote management key not set"));
        };
        let Some(presented) = presented(head) else {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "missing management key"));
        };
        if self.fits(key, presented, || self.look(from, now())).await? {
            self.guessers().remove(&from);
            return Ok(());
        }
        self.note(from, now());
        tracing::warn!(target: "management", peer = %peer.addr.ip(), "a wrong management key was presented");
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid management key"))
    }

    /// Compares what was presented with the key; `look` is asked again after a wait.
    async fn fits(
        &self,
        key: &Secret,
        presented: &str,
        look: impl Fn() -> Result<(), Refusal>,
    ) -> Result<bool, Refusal> {
        let key = key.expose();
        if !is_hash(key) {
            return Ok(digest(&[key]).ct_eq(&digest(&[presented])).into());
        }
        let both = digest(&[key, presented]);
        let known =
            || self.fitted.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|it| it.ct_eq(&both).into());
        if known() {
            return Ok(true);
        }
        let stopping = || Refusal::unavailable("the gateway is stopping");
        let _turn = self.slow.acquire().await.map_err(|_| stopping())?;
        look()?;
        let (hash, text) = (key.to_owned(), presented.to_owned());
        let fits = tokio::task::spawn_blocking(move || bcrypt::verify(text, &hash)).await.map_err(|_| stopping())?;
        let fits = fits.unwrap_or_else(|error| {
            tracing::error!(target: "management", %error, "the bcrypt hash of the management key cannot be used");
            false
        });
        if fits {
            *self.fitted.lock().unwrap_or_else(PoisonError::into_inner) = Some(both);
        }
        Ok(fits)
    }

    fn guessers(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Guesser>> {
        self.guessers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an address is banned.
    fn look(&self, from: IpAddr, now: Moment) -> Result<(), Refusal> {
        let Some(guesser) = self.guessers().get(&from).copied() else { return Ok(()) };
        let left = BAN.saturating_sub(now.since(guesser.last));
        if guesser.wrong < GUESSES || left.is_zero() {
            return Ok(());
        }
        let seconds = left.as_secs().max(1);
        let error =
            format!("IP banned due to too many failed attempts. Try again in {}m{}s", seconds / 60, seconds % 60);
        Err(Refusal { retry_after: Some(left), ..Refusal::new(StatusCode::FORBIDDEN, error) })
    }

    /// Counts a wrong key.
    fn note(&self, from: IpAddr, now: Moment) {
        let mut guessers = self.guessers();
        if guessers.len() >= MOST {
            guessers.retain(|_, guesser| now.since(guesser.last) < MEMORY);
        }
        if guessers.len() >= MOST && !guessers.contains_key(&from) {
            let oldest = guessers.iter().min_by_key(|(_, guesser)| guesser.last).map(|(from, _)| *from);
            oldest.and_then(|oldest| guessers.remove(&oldest));
        }
        let guesser = guessers.entry(from).or_insert(Guesser { wrong: 0, last: now });
        let over = now.since(guesser.last) >= if guesser.wrong >= GUESSES { BAN } else { MEMORY };
        guesser.wrong = if over { 1 } else { guesser.wrong.saturating_add(1) };
        guesser.last = now;
    }
}

/// The address by which guesses are counted: whoever has one of IPv6 has a whole network of them.
fn address(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        ip => ip,
    }
}

/// Whether the request was made on this machine, as far as the connection tells.
fn is_local(peer: PeerInfo, head: &Parts) -> bool {
    peer.addr.ip().to_canonical().is_loopback() && !PASSED_ON.iter().any(|name| head.headers.contains_key(name))
}

fn presented(head: &Parts) -> Option<&str> {
    let value = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let keys = [value(AUTHORIZATION).map(without_scheme), value(KEY)];
    keys.into_iter().flatten().find(|key| !key.is_empty() && key.len() <= MAX_KEY)
}

fn is_hash(key: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| key.starts_with(prefix))
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pool::{Clock, Hand};
    use transport::serve::Security;

    struct Door {
        guard: Guard,
        config: Config,
        accounts: Accounts,
        hand: Hand,
    }

    impl Door {
        fn new(key: &str, remote: bool) -> Self {
            let (clock, hand) = Clock::manual();
            let management_key = Some(Secret::new(key));
            let config = Config { management_key, allow_remote_management: remote, ..Config::default() };
            Self { guard: Guard::default(), config, accounts: Accounts::new(clock), hand }
        }

        async fn knock(&self, from: &str, headers: &[(&str, &str)]) -> Result<(), (u16, String)> {
            let mut request = http::Request::get("/v0/management/explain");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let peer = PeerInfo { addr: (from.parse::<IpAddr>().unwrap(), 1).into(), security: Security::Plain };
            let admitted = self.guard.admit(&self.config, &head, peer, &self.accounts).await;
            admitted.map_err(|refusal| (refusal.status.as_u16(), refusal.error))
        }

        async fn with_key(&self, from: &str, key: &str) -> u16 {
            self.knock(from, &[("x-management-key", key)]).await.map_or_else(|(status, _)| status, |()| 200)
        }
    }

    const RIGHT: &str = "the-right-management-key";

    #[tokio::test]
    async fn the_key_is_taken_in_every_form() {
        let door = Door::new(RIGHT, false);
        let bearer = format!("Bearer {RIGHT}");
        for headers in [[("authorization", bearer.as_str())], [("authorization", RIGHT)], [("x-management-key", RIGHT)]]
        {
            assert_eq!(door.knock("127.0.0.1", &headers).await, Ok(()), "{headers:?}");
        }
        assert_eq!(door.knock("::1", &[]).await.unwrap_err().0, 401);
        assert_eq!(door.with_key("::ffff:127.0.0.1", RIGHT).await, 200);
    }

    #[tokio::test]
    async fn a_hash_is_as_good_as_the_key_and_itself_opens_nothing() {
        let hash = bcrypt::hash(RIGHT, 4).unwrap();
        let door = Door::new(&hash, false);
        assert_eq!(door.with_key("127.0.0.1", "wrong").await, 401);
        assert_eq!(door.with_key("127.0.0.1", &hash).await, 401);
        for _ in 0..3 {
            assert_eq!(door.with_key("127.0.0.1", RIGHT).await, 200);
        }
        assert_eq!(door.with_key("127.0.0.1", "the-right-management-kez").await, 401);
        let other =
            Door { config: Config { management_key: Some(Secret::new("$2b$04$torn")), ..Config::default() }, ..door };
        assert_eq!(other.with_key("127.0.0.1", RIGHT).await, 401);
    }

    #[tokio::test]
    async fn others_are_let_in_only_where_that_is_wanted_and_a_header_makes_nobody_local() {
        let door = Door::new(RIGHT, false);
        assert_eq!(door.with_key("192.0.2.1", RIGHT).await, 403);
        let forged = door.knock("192.0.2.1", &[("x-management-key", RIGHT), ("x-forwarded-for", "127.0.0.1")]).await;
        assert_eq!(forged.unwrap_err().1, "remote management disabled");
        let passed_on = door.knock("127.0.0.1", &[("x-management-key", RIGHT), ("x-forwarded-for", "192.0.2.1")]).await;
        assert_eq!(passed_on.unwrap_err().0, 403);
        let open = Door::new(RIGHT, true);
        assert_eq!(open.with_key("192.0.2.1", RIGHT).await, 200);
    }

    #[tokio::test]
    async fn guesses_are_counted_by_address_and_a_ban_ends() {
        let door = Door::new(RIGHT, true);
        for _ in 0..20 {
            assert_eq!(door.knock("192.0.2.1", &[]).await.unwrap_err().0, 401, "no key is no guess");
        }
        for _ in 0..4 {
            assert_eq!(door.with_key("192.0.2.1", "wrong").await, 401);
        }
        assert_eq!(door.with_key("192.0.2.1", RIGHT).await, 200, "the right one forgets the wrong ones");
        for _ in 0..5 {
            assert_eq!(door.with_key("192.0.2.1", "wrong").await, 401);
        }
        let (status, error) = door.knock("192.0.2.1", &[("x-management-key", RIGHT)]).await.unwrap_err();
        assert_eq!((status, error.as_str()), (403, "IP banned due to too many failed attempts. Try again in 30m0s"));
        assert_eq!(door.with_key("192.0.2.2", RIGHT).await, 200);
        door.hand.advance(BAN);
        assert_eq!(door.with_key("192.0.2.1", "wrong").await, 401, "counted from one again");
        assert_eq!(door.with_key("192.0.2.1", RIGHT).await, 200);
    }

    #[tokio::test]
    async fn whoever_has_many_addresses_has_no_more_guesses_and_takes_no_more_memory() {
        let door = Door::new(RIGHT, true);
        for number in 1..=5 {
            door.with_key(&format!("2001:db8::{number}"), "wrong").await;
        }
        assert_eq!(door.with_key("2001:db8::77", RIGHT).await, 403);
        assert_eq!(door.with_key("2001:db8:0:1::77", RIGHT).await, 200);
        for number in 0..5000_u32 {
            door.with_key(&std::net::Ipv4Addr::from(number + 1).to_string(), "wrong").await;
        }
        assert!(door.guard.guessers().len() <= MOST);
    }
}
