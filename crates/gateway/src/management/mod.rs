//! The management API: a table of routes, one guard before all of them, errors in one shape (`{"error": "..."}`).
//!
//! A new route is a line of [`ENTRIES`] and an arm of [`Worker::act`]. Without a management key in the configuration
//! none of this exists, and a request to it is one to an unknown path.

mod guard;
mod orders;

use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use hub::Fault;
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use transport::{PeerInfo, ReplyBody};

pub(crate) use guard::Guard;
pub use orders::{Order, Reloaded};
pub(crate) use orders::{Orders, Source};

use crate::admit::query_value;
use crate::app::Worker;
use crate::explain::Question;
use crate::headers;
use crate::snapshot::Snapshot;

/// Where management lives.
pub(crate) const ROOT: &str = "/v0/management";
/// Longest wait for a reload that was asked for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a route does.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// Tells who would answer a request.
    Explain,
    /// Puts an account back in use.
    Recover,
    /// Reads the configuration file again.
    Reload,
}

struct Entry {
    method: Method,
    path: &'static str,
    action: Action,
}

static ENTRIES: &[Entry] = &[
    Entry { method: Method::GET, path: "/v0/management/explain", action: Action::Explain },
    Entry { method: Method::POST, path: "/v0/management/recover", action: Action::Recover },
    Entry { method: Method::POST, path: "/v0/management/reload", action: Action::Reload },
];

/// What management needs for the life of the process.
#[derive(Debug)]
pub(crate) struct Management {
    guard: Guard,
    pub(crate) orders: Orders,
    pub(crate) source: Source,
    /// Long work is done by one at a time, beside the workers.
    heavy: Semaphore,
}

impl Default for Management {
    fn default() -> Self {
        Self { guard: Guard::default(), orders: Orders::default(), source: Source::default(), heavy: Semaphore::new(1) }
    }
}

/// What came of putting an account back in use.
#[derive(Serialize)]
struct Recovered<'a> {
    status: &'static str,
    account: &'a str,
    /// Whether anything of it was benched.
    recovered: bool,
}

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    /// Further words.
    message: Option<String>,
    retry_after: Option<Duration>,
    allow: Option<&'static Method>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), message: None, retry_after: None, allow: None }
    }

    fn of(fault: &Fault) -> Self {
        Self { retry_after: fault.retry_after, ..Self::new(fault.status(), fault.message.to_string()) }
    }

    fn unavailable(error: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error)
    }

    fn rendered(self) -> Response<ReplyBody> {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
        }
        let mut response = json(self.status, &Body { error: &self.error, message: self.message.as_deref() });
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if let Some(Ok(method)) = self.allow.map(|method| HeaderValue::from_str(method.as_str())) {
            response.headers_mut().insert(ALLOW, method);
        }
        response
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<ReplyBody> {
    let text = serde_json::to_vec(body).unwrap_or_else(|_| b"{}".to_vec());
    let mut response = Response::new(ReplyBody::whole(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers::json();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a request is one for management, and there is such a thing.
pub(crate) fn is_asked(snapshot: &Snapshot, head: &Parts) -> bool {
    let below = head.uri.path().strip_prefix(ROOT);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && snapshot.config.management_key.is_some()
}

impl Worker {
    /// Answers a request for management; and the route, where there is one.
    pub(crate) async fn manage(
        &self,
        snapshot: &Arc<Snapshot>,
        head: &Parts,
        peer: PeerInfo,
    ) -> (Response<ReplyBody>, &'static str) {
        if let Err(refusal) = self.app.management.guard.admit(&snapshot.config, head, peer, &self.app.accounts).await {
            return (refusal.rendered(), ROOT);
        }
        match find(head) {
            Ok(entry) => (self.act(entry.action, head).await.unwrap_or_else(Refusal::rendered), entry.path),
            Err(refusal) => (refusal.rendered(), ROOT),
        }
    }

    async fn act(&self, action: Action, head: &Parts) -> Result<Response<ReplyBody>, Refusal> {
        match action {
            Action::Explain => self.explain(question(head)?).await,
            Action::Recover => self.recover(head),
            Action::Reload => self.reload().await,
        }
    }

    async fn explain(&self, question: Question) -> Result<Response<ReplyBody>, Refusal> {
        let stopping = || Refusal::unavailable("the gateway is stopping");
        let _turn = self.app.management.heavy.acquire().await.map_err(|_| stopping())?;
        let app = Arc::clone(&self.app);
        let explained = tokio::task::spawn_blocking(move || app.explain(&question)).await.map_err(|_| stopping())?;
        explained.map(|explanation| json(StatusCode::OK, &explanation)).map_err(|fault| Refusal::of(&fault))
    }

    /// What was benched is asked again from now on; if it still fails, it is benched again.
    fn recover(&self, head: &Parts) -> Result<Response<ReplyBody>, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let value = |name| query_value(query, name).filter(|value| !value.is_empty());
        let named = value("account").ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "`account` is missing"))?;
        let snapshot = self.app.snapshot();
        let account = snapshot.accounts.iter().find(|account| account.id.as_str() == named || account.label == named);
        let nobody = || Refusal::new(StatusCode::NOT_FOUND, format!("no account has the id or label `{named}`"));
        let account = account.ok_or_else(nobody)?;
        let purse = snapshot.purses.iter().find(|(purse, _)| purse.id == account.id);
        let revived = purse.is_some_and(|(purse, _)| purse.revive());
        let recovered = account.recover(value("model").as_deref()) || revived;
        Ok(json(StatusCode::OK, &Recovered { status: "ok", account: account.id.as_str(), recovered }))
    }

    async fn reload(&self) -> Result<Response<ReplyBody>, Refusal> {
        let (told, outcome) = oneshot::channel();
        let nobody = || Refusal::unavailable("nobody reloads the configuration now");
        self.app.management.orders.give(Order::Reload(told)).map_err(|_| nobody())?;
        let late = |_| Refusal::unavailable("the configuration file is still being read; the log will tell");
        match timeout(PATIENCE, outcome).await.map_err(late)?.map_err(|_| nobody())? {
            Ok(reloaded) => Ok(json(StatusCode::OK, &reloaded)),
            Err(why) => {
                let refused = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_config");
                Err(Refusal { message: Some(why), ..refused })
            }
        }
    }
}

fn find(head: &Parts) -> Result<&'static Entry, Refusal> {
    let path = head.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut here = ENTRIES.iter().filter(|entry| entry.path == path).peekable();
    let Some(first) = here.peek().copied() else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such management route"));
    };
    let fits =
        |entry: &&Entry| entry.method == head.method || (entry.method == Method::GET && head.method == Method::HEAD);
    here.find(fits).ok_or_else(|| Refusal {
        allow: Some(&first.method),
        ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("use {}", first.method))
    })
}

fn question(head: &Parts) -> Result<Question, Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let value = |name| query_value(query, name).filter(|value| !value.is_empty());
    let model = value("model").ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "`model` is missing"))?;
    Ok(Question {
        model,
        key: value("key"),
        dialect: value("dialect"),
        operation: value("operation"),
        provider: value("provider"),
        session: value("session"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_below_the_root_and_stands_once() {
        for (at, entry) in ENTRIES.iter().enumerate() {
            assert!(entry.path.strip_prefix(ROOT).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')));
            let again = |other: &Entry| other.path == entry.path && other.method == entry.method;
            assert!(!ENTRIES[at + 1..].iter().any(again), "{}", entry.path);
        }
    }

    fn head(method: Method, uri: &str) -> Parts {
        http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn paths_and_methods_are_told_apart() {
        let found = |method, uri| find(&head(method, uri)).map(|entry| entry.path).map_err(|refusal| refusal.status);
        assert_eq!(found(Method::GET, "/v0/management/explain?model=m"), Ok("/v0/management/explain"));
        assert_eq!(found(Method::HEAD, "/v0/management/explain/"), Ok("/v0/management/explain"));
        assert_eq!(found(Method::POST, "/v0/management/explain"), Err(StatusCode::METHOD_NOT_ALLOWED));
        assert_eq!(found(Method::GET, "/v0/management/explainer"), Err(StatusCode::NOT_FOUND));
        assert_eq!(found(Method::GET, "/v0/management"), Err(StatusCode::NOT_FOUND));
    }

    #[test]
    fn a_question_is_read_from_the_query() {
        let read = |uri| question(&head(Method::GET, uri)).map_err(|refusal| refusal.error);
        let asked = read("/x?model=a%2Fb%3Ac&key=team%20a&session=").unwrap();
        assert_eq!((asked.model.as_str(), asked.key.as_deref(), asked.session), ("a/b:c", Some("team a"), None));
        assert!(read("/x?models=m").is_err());
    }
}
