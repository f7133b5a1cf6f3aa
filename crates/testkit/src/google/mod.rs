//! Google's token endpoint, and Vertex AI as its tokens open it. An assertion is looked at as the real endpoint does: its
//! signature, who it is from and for, its times and its scope.
//!
//! Facts: developers.google.com/identity/protocols/oauth2/service-account and its list of errors (2026-11-21).

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::fake::Fake;
use crate::gate::Gate;
use crate::gemini::Gemini;

/// Keys of nobody, in both forms that there are.
const PKCS1: &str = include_str!("first.pem");
const PKCS8: &str = include_str!("second.pem");
/// Who asks.
const EMAIL: &str = "robot@fake-project.iam.gserviceaccount.com";
const KEY_ID: &str = "key-of-the-fake";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest time between the two times of an assertion, and what clocks may differ, in seconds.
const HOUR: u64 = 3600;
const SKEW: u64 = 60;

/// What the endpoint does with its next legal request instead of answering it.
#[derive(Debug, Clone)]
pub enum Exchange {
    /// Answers with this.
    Raw(u16, String),
    /// Answers as always once the gate is open.
    Held(Gate),
    /// Cuts the connection off.
    Dropped,
}

/// Both services. Their tasks end when it is dropped.
#[derive(Debug)]
pub struct FakeGoogle {
    vertex: Fake,
    address: SocketAddr,
    issuer: Arc<Issuer>,
    _tasks: JoinSet<()>,
}

/// Who issues tokens, and knows those that are good.
#[derive(Debug)]
pub(crate) struct Issuer {
    state: Mutex<State>,
    /// Requests that came, legal or not.
    asked: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    tokens: HashSet<String>,
    issued: usize,
    lives: u64,
    refused: Vec<String>,
    script: VecDeque<Exchange>,
    audience: String,
    /// The account was deleted, or its key taken back.
    revoked: bool,
}

impl FakeGoogle {
    /// Starts on free ports.
    ///
    /// # Errors
    /// If no loopback port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = State { lives: HOUR, audience: format!("http://{address}/token"), ..State::default() };
        let issuer = Arc::new(Issuer { state: Mutex::new(state), asked: watch::Sender::new(0) });
        let vertex = Fake::start(Box::new(Gemini { issuer: Some(Arc::clone(&issuer)) }), 0).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(run(listener, Arc::clone(&issuer)));
        Ok(Self { vertex, address, issuer, _tasks: tasks })
    }

    /// The account's file as CLIProxyAPI writes it.
    #[must_use]
    pub fn account_file(&self) -> Value {
        json!({
            "type": "vertex",
            "service_account": self.service_account(PKCS1),
            "project_id": "fake-project",
            "email": EMAIL,
            "location": "europe-west4",
            "base_url": self.vertex.url(),
            "label": "fake-project",
        })
    }

    /// The account's file as Google writes it, with the address of the fake.
    #[must_use]
    pub fn key_file(&self) -> Value {
        let mut file = self.service_account(PKCS1);
        file["base_url"] = json!(self.vertex.url());
        file
    }

    /// The same account with a key that nobody knows.
    #[must_use]
    pub fn forged_file(&self) -> Value {
        let mut file = self.account_file();
        file["service_account"] = self.service_account(PKCS8);
        file
    }

    fn service_account(&self, key: &str) -> Value {
        json!({
            "type": "service_account",
            "project_id": "fake-project",
            "private_key_id": KEY_ID,
            "private_key": key,
            "client_email": EMAIL,
            "token_uri": format!("http://{}/token", self.address),
        })
    }

    /// Tokens are said to live that long from now on, in seconds. They are good until they are forgotten.
    pub fn set_lives(&self, seconds: u64) {
        self.issuer.state().lives = seconds;
    }

    /// No token that was issued so far is good any more.
    pub fn forget_tokens(&self) {
        self.issuer.state().tokens.clear();
    }

    /// The account is gone (or is there again).
    pub fn revoke(&self, revoked: bool) {
        self.issuer.state().revoked = revoked;
    }

    /// Queues what becomes of the next legal request for a token.
    pub fn script_exchange(&self, exchange: Exchange) {
        self.issuer.state().script.push_back(exchange);
    }

    /// Tokens issued so far.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.issuer.state().issued
    }

    /// Requests for tokens so far, answered or not.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.issuer.asked.borrow()
    }

    /// Returns once at least `count` requests for tokens have come.
    pub async fn was_asked(&self, count: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        _ = self.issuer.asked.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// Why requests were refused that no script refuses.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.issuer.state().refused.clone()
    }
}

impl Deref for FakeGoogle {
    type Target = Fake;

    fn deref(&self) -> &Fake {
        &self.vertex
    }
}

impl Issuer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a token is good.
    pub(crate) fn honours(&self, token: &str) -> bool {
        self.state().tokens.contains(token)
    }

    fn issue(&self) -> Value {
        let mut state = self.state();
        state.issued += 1;
        let token = format!("ya29.fake-{}", state.issued);
        let lives = state.lives;
        state.tokens.insert(token.clone());
        json!({"access_token": token, "expires_in": lives, "token_type": "Bearer"})
    }
}

async fn run(listener: TcpListener, issuer: Arc<Issuer>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, Arc::clone(&issuer)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, issuer: Arc<Issuer>) {
    let service = service_fn(move |request| {
        let issuer = Arc::clone(&issuer);
        async move { answer(request, &issuer).await }
    });
    // Broken connections are part of the tests.
    _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to be cut off.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn answer(request: Request<Incoming>, issuer: &Issuer) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    #[expect(clippy::disallowed_methods, reason = "a test's own request")]
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    issuer.asked.send_modify(|count| *count += 1);
    let refusal = if (&head.method, head.uri.path()) != (&Method::POST, "/token") {
        Some((404, "not_found", "There is nothing here.".to_owned()))
    } else {
        check(&head.headers, &body, &issuer.state()).err().map(|(error, words)| (400, error, words))
    };
    if let Some((status, error, words)) = refusal {
        issuer.state().refused.push(words.clone());
        return Ok(reply(status, &json!({"error": error, "error_description": words}).to_string()));
    }
    let script = issuer.state().script.pop_front();
    match script {
        Some(Exchange::Raw(status, body)) => return Ok(reply(status, &body)),
        Some(Exchange::Dropped) => return Err(Cut),
        Some(Exchange::Held(gate)) => gate.pass().await,
        None => (),
    }
    Ok(reply(200, &issuer.issue().to_string()))
}

fn reply(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

type Refused = (&'static str, String);

fn check(headers: &HeaderMap, body: &[u8], state: &State) -> Result<(), Refused> {
    let request = |words: &str| ("invalid_request", words.to_owned());
    let grant = |words: &str| ("invalid_grant", words.to_owned());
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind != "application/x-www-form-urlencoded" {
        return Err(request("Invalid content type."));
    }
    let body = str::from_utf8(body).map_err(|_| request("Invalid body."))?;
    let field = |name: &str| body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if field("grant_type").map(|value| value.replace("%2D", "-")).as_deref() != Some(GRANT) {
        return Err(("unsupported_grant_type", "Invalid grant_type".to_owned()));
    }
    let assertion = field("assertion").ok_or_else(|| request("Missing required parameter: assertion"))?;
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(|| grant("Bad Request"))?;
    let (header, claims) = signed.split_once('.').ok_or_else(|| grant("Bad Request"))?;
    let part = |part: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let header = part(header).ok_or_else(|| grant("Invalid JWT: Failed to decode header"))?;
    let claims = part(claims).ok_or_else(|| grant("Invalid JWT: Failed to decode claims"))?;
    if header["alg"] != "RS256" || header["typ"] != "JWT" || header.get("kid").is_some_and(|kid| kid != KEY_ID) {
        return Err(grant("Invalid JWT Signature."));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| grant("Invalid JWT Signature."))?;
    if claims["iss"] != EMAIL || state.revoked {
        return Err(grant("Invalid grant: account not found"));
    }
    let key = key().ok_or_else(|| grant("the fake has no key"))?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).map_err(|_| grant("Invalid JWT Signature."))?;
    check_claims(&claims, &state.audience)
}

fn check_claims(claims: &Value, audience: &str) -> Result<(), Refused> {
    if claims["aud"] != audience {
        return Err(("invalid_grant", "Invalid JWT: aud is not the token endpoint.".to_owned()));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (issued, ends) = (claims["iat"].as_u64().unwrap_or(u64::MAX), claims["exp"].as_u64().unwrap_or_default());
    if issued > now + SKEW || ends <= now || ends.saturating_sub(issued) > HOUR || ends > now + HOUR + SKEW {
        let words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check \
                     your iat and exp values in the JWT claim.";
        return Err(("invalid_grant", words.to_owned()));
    }
    match claims["scope"].as_str() {
        Some(scope) if scope.split(' ').any(|one| one == SCOPE) => Ok(()),
        _ => Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided.".to_owned())),
    }
}

/// The key that the fake knows the public half of.
fn key() -> Option<RsaKeyPair> {
    let (_, rest) = PKCS1.split_once("KEY-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    RsaKeyPair::from_der(&STANDARD.decode(body).ok()?).ok()
}
