//! Access tokens for a service account: an assertion, signed with its key, is exchanged for a token of an hour
//! (developers.google.com/identity/protocols/oauth2/service-account, 2026-11-21). Nothing is used up by that, so nothing
//! is written down.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Request, Response};
use hub::{Blame, Fault, FaultKind};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pool::{Authority, BoxFuture, Credential, Document, Http, Refused, Renewed, Secret};
use serde::Deserialize;
use serde_json::json;

use super::key;
use super::service_account::ServiceAccount;
use crate::endpoint::OUR_NAME;

/// The scope of all that Vertex offers.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The form of the exchange.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion holds, which is the most that is taken.
const HOLDS: Duration = Duration::from_secs(3600);
/// Clocks differ: an assertion of the future is refused.
const SKEW: Duration = Duration::from_secs(30);
/// What a token's life is taken for at least and at most, whatever the answer says.
const LIVES: (u64, u64) = (1, 12 * 3600);
/// Longest token, and longest text of a refusal that is repeated.
const MAX_TOKEN: usize = 16 * 1024;
const MAX_WORDS: usize = 200;

/// Who exchanges them.
pub(super) static TOKENS: Tokens = Tokens;

/// See [`TOKENS`].
#[derive(Debug)]
pub(super) struct Tokens;

impl Authority for Tokens {
    fn renew<'a>(
        &'a self,
        http: &'a dyn Http,
        document: &'a Document,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Renewed, Refused>> {
        Box::pin(async move {
            let request = exchange(document, now).map_err(|why| broken(&why))?;
            let answer = http.send(request).await?;
            let credential = read(&answer, now)?;
            Ok(Renewed { credential, document: None })
        })
    }

    fn is_at(&self, host: &str) -> bool {
        host.ends_with(".googleapis.com")
    }

    fn lead(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn rewrites(&self) -> bool {
        false
    }
}

/// The request for a token.
fn exchange(document: &Document, now: SystemTime) -> Result<Request<Bytes>, String> {
    let account = ServiceAccount::read(document.text.expose())?;
    let key = key::read(account.private_key.expose())?;
    let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(SKEW);
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = &account.key_id {
        header["kid"] = json!(id);
    }
    let claims = json!({
        "iss": account.email,
        "scope": SCOPE,
        "aud": account.token_uri.as_str(),
        "iat": issued.as_secs(),
        "exp": (issued + HOLDS).as_secs(),
    });
    let assertion = key::signed(&header.to_string(), &claims.to_string(), &key);
    let assertion = assertion.ok_or("nothing can be signed with its `private_key`")?;
    let grant = utf8_percent_encode(GRANT, NON_ALPHANUMERIC);
    Request::post(account.token_uri.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, OUR_NAME)
        .body(Bytes::from(format!("grant_type={grant}&assertion={assertion}")))
        .map_err(|_| "its `token_uri` fits in no request".to_owned())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
}

fn read(answer: &Response<Bytes>, now: SystemTime) -> Result<Credential, Refused> {
    let body: Answer = serde_json::from_slice(answer.body()).unwrap_or_default();
    if !answer.status().is_success() {
        return Err(refusal(answer.status().as_u16(), &body));
    }
    let bearer = body.token_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let sendable = |token: &String| token.len() <= MAX_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
    let token = body.access_token.filter(|token| bearer && !token.is_empty() && sendable(token));
    let Some(token) = token else {
        return Err(account(FaultKind::UpstreamGarbled, "the token endpoint's answer holds no access token").into());
    };
    let lives = body.expires_in.unwrap_or(HOLDS.as_secs()).clamp(LIVES.0, LIVES.1);
    Ok(Credential { secret: Secret::new(&token), expires: Some(now + Duration::from_secs(lives)) })
}

/// What a refusal of the endpoint means (RFC 6749 5.2, and Google's own words).
fn refusal(status: u16, body: &Answer) -> Refused {
    let error = body.error.as_deref().unwrap_or_default();
    let words = body.error_description.as_deref().unwrap_or_default();
    let told = shown(&[error, words].join(": "));
    let said = if told.is_empty() { format!("status {status}") } else { format!("{told} (status {status})") };
    match (status, error) {
        (429, _) => account(FaultKind::RateLimited, format!("the token endpoint is asked too often: {said}")).into(),
        (500.., _) => account(FaultKind::UpstreamFailed, format!("the token endpoint failed: {said}")).into(),
        (_, "invalid_grant") if words.contains("reasonable timeframe") => {
            let why = format!(
                "Google refused the service account's assertion for its time; is this machine's clock right? {said}"
            );
            account(FaultKind::UpstreamRefused, why).into()
        }
        (_, "invalid_grant" | "invalid_client" | "unauthorized_client" | "invalid_scope" | "access_denied")
        | (_, "disabled_client" | "deleted_client") => {
            let why = format!("Google refused the service account: {said}; it is out until its file changes");
            Refused { fault: account(FaultKind::UpstreamRefused, why), is_final: true }
        }
        _ => account(FaultKind::UpstreamRefused, format!("the token endpoint refused: {said}")).into(),
    }
}

/// Words that came from outside, fit for a log.
fn shown(words: &str) -> String {
    words.trim_matches([':', ' ']).chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

/// The file was fine when it was read.
fn broken(why: &str) -> Refused {
    account(FaultKind::UpstreamRefused, format!("the account's file cannot be used: {why}")).into()
}

fn account(kind: FaultKind, message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault { blame: Blame::Account, ..Fault::new(kind, message) }
}
