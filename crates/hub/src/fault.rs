//! What went wrong, whose fault it is, and what to tell the client.
//!
//! Faults are made in three places only: from upstream bytes (`dialects/*/fault.rs`), by the engine, and by decoders
//! that refuse a request. They are rendered in one: the client's dialect.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::DialectId;

/// A failure, told so that every dialect can render it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// Who has to change something.
    pub blame: Blame,
    /// For the human; the upstream's own words where it spoke.
    pub message: Cow<'static, str>,
    /// The path of the field at fault, in the client's words.
    pub param: Option<Cow<'static, str>>,
    /// The upstream's own error code.
    pub code: Option<Cow<'static, str>>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// What the upstream really said.
    pub upstream: Option<Box<RawFault>>,
}

/// What happened. Matches on this are exhaustive everywhere: a new kind does not compile until each dialect decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request is malformed or breaks a rule.
    BadRequest,
    /// The request asks for what the target cannot do.
    Unsupported,
    /// The client's own key is missing or wrong.
    Unauthenticated,
    /// The client's key may not do this.
    Forbidden,
    /// No such route or resource.
    NotFound,
    /// No such model.
    ModelNotFound,
    /// The route exists for another method.
    MethodNotAllowed,
    /// The body arrived too slowly.
    RequestTimeout,
    /// The resource changed or is busy.
    Conflict,
    /// The body is over the limit.
    TooLarge,
    /// The body's coding or type is unknown.
    UnsupportedMedia,
    /// The headers are over the limit.
    HeadersTooLarge,
    /// The conversation does not fit the model's window.
    ContextOverflow,
    /// Too many requests or tokens just now.
    RateLimited,
    /// The quota or the credit is used up.
    QuotaExhausted,
    /// The upstream has no room just now.
    Overloaded,
    /// The upstream refuses our credential.
    UpstreamRefused,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream's answer makes no sense or broke off.
    UpstreamGarbled,
    /// The upstream failed.
    UpstreamFailed,
    /// The gateway is full or draining.
    Unavailable,
    /// The gateway failed.
    Internal,
}

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request: no other account would answer it.
    Request,
    /// The account.
    Account,
    /// The account, for this model only.
    AccountModel,
    /// The upstream site.
    Upstream,
    /// Us.
    Gateway,
    /// Nobody: this account speaks a language into which the request does not go. Another may speak a better one.
    Pairing,
}

/// An upstream's refusal as it came.
#[derive(Clone)]
pub struct RawFault {
    /// The dialect of the body.
    pub dialect: DialectId,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, capped by the reader.
    pub body: Bytes,
}

impl std::fmt::Debug for RawFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and body may repeat what the client sent or name the account: sizes only.
        write!(f, "RawFault({}, {}, {} bytes)", self.dialect, self.status, self.body.len())
    }
}

impl FaultKind {
    /// All kinds, for tests that must cover each.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::Unsupported,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::ModelNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::HeadersTooLarge,
        Self::ContextOverflow,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Overloaded,
        Self::UpstreamRefused,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamGarbled,
        Self::UpstreamFailed,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The HTTP status that all dialects share; a dialect with its own (529) says so in its `render_fault`.
    ///
    /// An upstream that refuses *our* credential is a 502: a 401 would make clients log out.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::Unsupported | Self::ContextOverflow => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::ModelNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RateLimited | Self::QuotaExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamRefused | Self::UpstreamUnreachable | Self::UpstreamGarbled => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::UpstreamFailed | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Who is to blame unless the upstream's folder knows better.
    pub fn blame(self) -> Blame {
        match self {
            Self::BadRequest
            | Self::Unsupported
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::Conflict
            | Self::TooLarge
            | Self::UnsupportedMedia
            | Self::HeadersTooLarge
            | Self::ContextOverflow => Blame::Request,
            // On one account an unknown model may be a matter of the plan: another may have it.
            Self::ModelNotFound | Self::RateLimited | Self::Overloaded => Blame::AccountModel,
            Self::QuotaExhausted | Self::UpstreamRefused => Blame::Account,
            Self::UpstreamUnreachable | Self::UpstreamTimeout | Self::UpstreamGarbled | Self::UpstreamFailed => {
                Blame::Upstream
            }
            Self::Unavailable | Self::Internal => Blame::Gateway,
        }
    }

    /// What an upstream's status means when its body says nothing better. 401 and 403 there concern our credential.
    pub fn of_upstream_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::UpstreamRefused,
            402 => Self::QuotaExhausted,
            404 => Self::ModelNotFound,
            408 | 504 | 524 => Self::UpstreamTimeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            // Somebody there gave the call up; we did not.
            499 => Self::UpstreamFailed,
            400..=498 => Self::BadRequest,
            500..=599 => Self::UpstreamFailed,
            _ => Self::UpstreamGarbled,
        }
    }
}

/// Most bytes of a message: room for a vendor's longest list of reasons. Readers of JSON repeat the value that they do
/// not like, which may be all of the request.
const MOST_WORDS: usize = 4_000;
/// Most bytes of a field's path, in which names that a client chose may stand.
const MOST_PATH: usize = 500;

/// The text, without its middle where it is longer than that: the end says what was expected.
fn within(most: usize, text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= most {
        return text;
    }
    let (head, tail) = (text.floor_char_boundary(most * 3 / 4), text.ceil_char_boundary(text.len() - most / 4));
    Cow::Owned([&text[..head], " \u{2026} ", &text[tail..]].concat())
}

/// Those who make one are marked as cold, so that code which finds a fault lies beside the code which finds none.
impl Fault {
    /// A fault of `kind`, blamed as the kind suggests. What is longer than a person reads loses its middle.
    #[cold]
    pub fn new(kind: FaultKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            blame: kind.blame(),
            message: within(MOST_WORDS, message.into()),
            param: None,
            code: None,
            retry_after: None,
            upstream: None,
        }
    }

    /// The request is malformed: `message` says how.
    #[cold]
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::BadRequest, message)
    }

    /// The target cannot do what `param` asks.
    #[cold]
    pub fn unsupported(param: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::Unsupported, message).at(param)
    }

    /// The upstream's answer makes no sense.
    #[cold]
    pub fn garbled(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FaultKind::UpstreamGarbled, message)
    }

    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(within(MOST_PATH, param.into()));
        self
    }

    /// Adds the error code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Adds what the upstream really said.
    #[must_use]
    pub fn with_raw(mut self, raw: RawFault) -> Self {
        self.upstream = Some(Box::new(raw));
        self
    }

    /// The status for the client: the kind's own, or the upstream's where that tells more within the same meaning.
    pub fn status(&self) -> StatusCode {
        let own = self.kind.status();
        let refines = |status: &StatusCode| match self.kind {
            FaultKind::BadRequest | FaultKind::Unsupported => status.is_client_error(),
            FaultKind::UpstreamFailed => status.is_server_error(),
            _ => false,
        };
        self.upstream.as_ref().map(|raw| raw.status).filter(refines).unwrap_or(own)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_refused_upstream_is_never_the_clients_401() {
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let kind = FaultKind::of_upstream_status(status);
            assert_eq!(kind.status(), StatusCode::BAD_GATEWAY);
            assert_eq!(kind.blame(), Blame::Account);
        }
    }

    #[test]
    fn long_words_lose_their_middle() {
        let fault = Fault::bad_request(format!("invalid: \"{}\", expected a number", "é".repeat(MOST_WORDS)));
        assert!(fault.message.len() < MOST_WORDS + 9, "{}", fault.message.len());
        assert!(fault.message.starts_with("invalid: \"é") && fault.message.ends_with("expected a number"));
        let vendors = "x".repeat(MOST_WORDS);
        assert_eq!(Fault::bad_request(vendors.clone()).message, vendors);
        assert!(Fault::bad_request("no").at("a".repeat(MOST_WORDS)).param.is_some_and(|path| path.len() < 600));
    }

    #[test]
    fn the_upstreams_status_refines_only_within_its_class() {
        let raw = |status| RawFault { dialect: DialectId("x"), status, headers: HeaderMap::new(), body: Bytes::new() };
        let bad = Fault::bad_request("no").with_raw(raw(StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let refused = Fault::new(FaultKind::UpstreamRefused, "no").with_raw(raw(StatusCode::UNAUTHORIZED));
        assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
        let odd = Fault::bad_request("in the stream").with_raw(raw(StatusCode::OK));
        assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    }
}
