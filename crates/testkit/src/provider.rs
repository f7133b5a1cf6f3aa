//! What a fake must know of its provider: paths, checks, words. The serving itself is the same for all.

use std::fmt;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::answer::{Answer, Ask};
use crate::beside::Answered;
use crate::delivery::{Frame, Framing};
use crate::lively::Ids;
use crate::reply::{Quirk, Trouble};

/// What a request path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Generate,
    Count,
    Compact,
    Models,
    Model(String),
}

/// The provider says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// OpenAI only: the field.
    pub(crate) param: Option<String>,
    /// OpenAI and Google: a word for programs.
    pub(crate) code: Option<&'static str>,
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), param: None, code: None, retry_after: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) route: &'a Route,
}

/// One provider's language, as strict as the provider.
pub(crate) trait Provider: Send + Sync + fmt::Debug {
    /// The key that the fake accepts unless told otherwise.
    fn default_key(&self) -> &'static str;
    /// Finds the route, or words the provider's 404 and 405.
    fn route(&self, method: &Method, path: &str) -> Result<Route, Refusal>;
    /// Checks key and version headers.
    fn admit(&self, headers: &HeaderMap, key: &str) -> Result<(), Refusal>;
    /// Checks the whole request.
    fn check(&self, call: &Call<'_>) -> Result<Ask, Refusal>;
    fn unknown_model(&self, model: &str) -> Refusal;
    fn answer(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Value;
    fn frames(&self, answer: &Answer, ask: &Ask, ids: &Ids) -> Vec<Frame>;
    fn twist(&self, quirk: Quirk, frames: Vec<Frame>, answer: &Answer) -> Vec<Frame>;
    fn refusal_body(&self, refusal: &Refusal, request_id: &str) -> Value;
    fn trouble(&self, trouble: Trouble) -> Refusal;
    fn error_frame(&self, refusal: &Refusal) -> Frame;
    /// Content that comes after the end, and must reach nobody.
    fn ghost_frame(&self) -> Frame;
    fn models(&self, names: &[String]) -> Value;
    fn model(&self, name: &str) -> Value;
    /// The answer to a token count.
    fn count(&self, ask: &Ask) -> Value;
    /// The answer to a conversation that shall be shorter.
    fn compact(&self, _body: &[u8]) -> Value {
        Value::Null
    }
    /// The answer to what is no conversation; `None` for paths that are.
    fn beside(&self, _head: &Parts, _body: &[u8]) -> Option<Answered> {
        None
    }
    /// The name of the header that carries the request id.
    fn id_header(&self) -> &'static str;
    /// How the pieces of a stream are told apart.
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// Whether the time to wait stands in a header.
    fn says_retry_after(&self) -> bool {
        true
    }
}
