//! What providers' errors mean, where their dialect alone does not tell: tables of what is said, and whose fault it is.
//!
//! A place's own table is asked first, then the one that holds everywhere. The first row that fits decides; what fits
//! none stays as its dialect reads it. Each row says where it was read. Nothing here reads a user's rules: those
//! stand above.

use std::time::Duration;

use hub::{Blame, Fault, FaultKind};

/// One thing that a provider says.
#[derive(Debug)]
pub(crate) struct Sign {
    /// The statuses that it comes with; empty is any, and errors inside a stream have none.
    pub(crate) status: &'static [u16],
    /// Its code or type, of which one must be there; empty is any. Case does not matter.
    pub(crate) codes: &'static [&'static str],
    /// Words of its message in lower case, of which one must be there; empty is any.
    pub(crate) words: &'static [&'static str],
    pub(crate) means: Means,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    /// The request breaks a rule, and would everywhere.
    Request,
    /// The conversation does not fit the model, whoever asks.
    Overflow,
    /// The request is too much for this account alone, or about something that only another has: nobody is benched.
    NotHere(FaultKind),
    /// The credential is no good.
    Credential,
    /// The account's money or quota is spent, for at least this long where that is known.
    Spent(Option<Duration>),
    /// The account's quota for this model is spent, whatever short wait is named beside it.
    ModelSpent,
    /// Too much at once, of this model.
    Limited,
    /// The account has no such model.
    Model,
    /// The model has no room just now.
    Full,
    /// The model fails there; others of the place may not.
    ModelFails,
    /// Something before the provider turned us away.
    Site,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// xAI's free allowance comes back within a day (CLIProxyAPI's rule, read 2026-08).
pub(crate) const A_DAY: Means = Means::Spent(Some(DAY));
pub(crate) const SPENT: Means = Means::Spent(None);

/// A row by words.
pub(crate) const fn words(status: &'static [u16], words: &'static [&'static str], means: Means) -> Sign {
    Sign { status, codes: &[], words, means }
}

/// A row by code or type.
pub(crate) const fn codes(status: &'static [u16], codes: &'static [&'static str], means: Means) -> Sign {
    Sign { status, codes, words: &[], means }
}

/// What holds everywhere: resellers and gateways speak for any provider.
static COMMON: &[Sign] = &[
    // A bot check stands before the provider and says nothing of the key (CLIProxyAPI's rule, read 2026-08).
    words(
        &[403, 503],
        &["challenge-platform", "cf-mitigated", "just a moment...", "attention required! | cloudflare"],
        Means::Site,
    ),
    // New API and its kin (docs.newapi.pro, 2026-11).
    codes(&[], &["insufficient_user_quota", "pre_consume_token_quota_failed"], SPENT),
    words(
        &[400, 403, 429],
        &[
            "insufficient balance",
            "insufficient account balance",
            "balance is insufficient",
            "insufficient credit",
            "credit balance is too low",
            "reached your specified api usage limits",
            "reached your usage limit",
            "usage limit reached",
            "usage limit has been reached",
            "free allocated quota exceeded",
            "exceeded your monthly",
        ],
        SPENT,
    ),
    // Plans that lack a model say so with any status (CLIProxyAPI's table of cooldowns, read 2026-08).
    words(
        &[400, 403, 422],
        &[
            "model is not supported",
            "model_not_supported",
            "unsupported model",
            "model is not available",
            "not available for your plan",
            "not available for your account",
            "does not have access to model",
            "do not have access to the model",
            "no access to model",
        ],
        Means::Model,
    ),
];

/// The fault with what the tables know of it.
pub(crate) fn read(own: &[Sign], fault: Fault) -> Fault {
    let said_by_upstream = fault.upstream.is_some()
        || !matches!(
            fault.kind,
            FaultKind::UpstreamUnreachable | FaultKind::UpstreamTimeout | FaultKind::UpstreamGarbled
        );
    if !said_by_upstream || matches!(fault.blame, Blame::Gateway | Blame::Pairing) {
        return fault;
    }
    let said = Said::of(&fault);
    let found = own.iter().chain(COMMON).find(|sign| sign.fits(&said)).map(|sign| sign.means);
    match found {
        Some(means) => means.put_on(fault),
        None => fault,
    }
}

/// An error, made ready to be looked through.
struct Said {
    status: Option<u16>,
    /// Message, code and body in lower case.
    text: String,
    code: String,
}

impl Said {
    fn of(fault: &Fault) -> Self {
        let body = fault.upstream.as_ref().map(|raw| String::from_utf8_lossy(&raw.body)).unwrap_or_default();
        let headers = fault.upstream.iter().flat_map(|raw| raw.headers.keys()).map(http::HeaderName::as_str);
        let mut text = format!("{}\n{body}\n", fault.message).to_ascii_lowercase();
        headers.filter(|name| name.starts_with("cf-")).for_each(|name| text.push_str(name));
        let code = fault.code.as_deref().unwrap_or_default().to_ascii_lowercase();
        Self { status: fault.upstream.as_ref().map(|raw| raw.status.as_u16()), text, code }
    }

    /// Whether the code is the word, or the body has it as a value of its own.
    fn names(&self, code: &str) -> bool {
        let code = code.to_ascii_lowercase();
        self.code == code || self.text.contains(&format!("\"{code}\""))
    }
}

impl Sign {
    fn fits(&self, said: &Said) -> bool {
        let status = self.status.is_empty() || said.status.is_some_and(|status| self.status.contains(&status));
        let in_stream = said.status.is_none() || said.status == Some(200);
        (status || in_stream && !self.codes.is_empty())
            && (self.codes.is_empty() || self.codes.iter().any(|code| said.names(code)))
            && (self.words.is_empty() || self.words.iter().any(|words| said.text.contains(words)))
    }
}

impl Means {
    fn put_on(self, fault: Fault) -> Fault {
        let (kind, blame) = match self {
            // What is known more exactly stays so.
            Self::Request if fault.kind.blame() == Blame::Request => (fault.kind, Blame::Request),
            Self::Request => (FaultKind::BadRequest, Blame::Request),
            Self::Overflow => (FaultKind::ContextOverflow, Blame::Request),
            Self::NotHere(kind) => (kind, Blame::Pairing),
            Self::Credential => (FaultKind::UpstreamRefused, Blame::Account),
            Self::Spent(_) => (FaultKind::QuotaExhausted, Blame::Account),
            Self::ModelSpent => (FaultKind::QuotaExhausted, Blame::AccountModel),
            Self::Limited => (FaultKind::RateLimited, Blame::AccountModel),
            Self::Model => (FaultKind::ModelNotFound, Blame::AccountModel),
            Self::Full => (FaultKind::Overloaded, Blame::AccountModel),
            Self::ModelFails => (FaultKind::UpstreamFailed, Blame::AccountModel),
            Self::Site => (FaultKind::UpstreamFailed, Blame::Upstream),
        };
        let retry_after = match self {
            Self::Spent(Some(least)) => Some(fault.retry_after.map_or(least, |told| told.max(least))),
            Self::ModelSpent => None,
            _ => fault.retry_after,
        };
        Fault { kind, blame, retry_after, ..fault }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;
    use dialect::{Dialect, WireSide};
    use http::{HeaderMap, StatusCode};
    use hub::RawFault;

    use super::*;
    use crate::Upstream;

    /// What a place makes of an error answer, through its dialect's reading.
    pub(crate) fn told(at: &dyn Upstream, status: u16, body: &str) -> (FaultKind, Blame) {
        let fault = fault(at, status, body);
        (fault.kind, fault.blame)
    }

    pub(crate) fn fault(at: &dyn Upstream, status: u16, body: &str) -> Fault {
        let wire: &Dialect = at.wire("any-model").unwrap();
        let side: &dyn WireSide = wire.wire.unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let fault = side.read_fault(RawFault { dialect: wire.id, status, headers: HeaderMap::new(), body });
        let once = at.blame(fault);
        let twice = at.blame(once.clone());
        assert_eq!((once.kind, once.blame, once.retry_after), (twice.kind, twice.blame, twice.retry_after));
        once
    }

    /// A line of a table: status, body, what it means.
    pub(crate) type Row = (u16, &'static str, FaultKind, Blame);

    pub(crate) fn check(at: &dyn Upstream, table: &[Row]) {
        for (status, body, kind, blame) in table {
            assert_eq!(told(at, *status, body), (*kind, *blame), "{status} {body}");
        }
    }

    #[test]
    fn what_our_own_engine_says_is_never_read_as_a_providers_words() {
        let words = "the upstream could not be asked: insufficient balance";
        for kind in [FaultKind::UpstreamUnreachable, FaultKind::UpstreamTimeout] {
            assert_eq!(read(&[], Fault::new(kind, words)).kind, kind);
        }
        let pairing = Fault { blame: Blame::Pairing, ..Fault::new(FaultKind::Unsupported, words) };
        assert_eq!(read(&[], pairing).blame, Blame::Pairing);
        // Inside a stream there is no status: words alone are too little, a code is enough.
        let own = [words_row(), codes(&[429], &["spent_word"], SPENT)];
        assert_eq!(
            read(&own, Fault::new(FaultKind::UpstreamFailed, "insufficient balance")).kind,
            FaultKind::UpstreamFailed
        );
        let coded = Fault::new(FaultKind::UpstreamFailed, "x").with_code("Spent_Word");
        assert_eq!(read(&own, coded).kind, FaultKind::QuotaExhausted);
    }

    fn words_row() -> Sign {
        words(&[400], &["nothing like this"], Means::Request)
    }
}
