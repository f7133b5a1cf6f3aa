use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use dialect::embed::EmbedCall;
use dialect::splice::Pieces;
use hub::{Blame, Fault, FaultKind};
use pool::{Authority as _, BoxFuture, Document, Http, Renewed, Secret};
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

use super::*;
use crate::testing::Asked;
use crate::{FileRead, Purpose};

/// Keys of nobody, in both forms.
const PKCS1: &str = include_str!("../../../testkit/src/google/first.pem");
const PKCS8: &str = include_str!("../../../testkit/src/google/second.pem");

fn inner(key: &str) -> Value {
    json!({"type": "service_account", "project_id": "proj-1", "private_key_id": "kid-1", "private_key": key,
           "client_email": "a@proj-1.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token"})
}

fn file(value: &Value) -> Result<Box<AccountFile>, String> {
    match AccountFile::read("vertex-proj-1.json", &Secret::new(&value.to_string()))? {
        FileRead::Account(file, _) => Ok(file),
        FileRead::Foreign(why) => Err(why),
    }
}

fn asked(value: &Value) -> http::Request<Pieces> {
    asked_for(value, Purpose::Generate, "gemini-x", true)
}

fn asked_for(value: &Value, purpose: Purpose, model: &str, stream: bool) -> http::Request<Pieces> {
    let place = file(value).unwrap().place().unwrap();
    let asked = Asked { wire: &dialect_gemini::DIALECT, model, purpose, stream };
    asked.of(&*place.upstream, &Secret::new("ya29.t"))
}

#[test]
fn vectors_are_asked_for_as_by_key() {
    for (model, form, method) in
        [("text-embedding-005", EmbedCall::Many, "predict"), ("gemini-embedding-001", EmbedCall::One, "embedContent")]
    {
        let uri = asked_for(&inner(PKCS8), Purpose::Embed(form), model, false).uri().to_string();
        assert!(uri.ends_with(&format!("/locations/us-central1/publishers/google/models/{model}:{method}")), "{uri}");
    }
}

#[test]
fn both_forms_of_the_file_lead_to_project_and_location() {
    let path =
        "/v1/projects/proj-1/locations/us-central1/publishers/google/models/gemini-x:streamGenerateContent?alt=sse";
    let request = asked(&inner(PKCS8));
    assert_eq!(request.uri().to_string(), format!("https://us-central1-aiplatform.googleapis.com{path}"));
    assert_eq!(request.headers()["authorization"], "Bearer ya29.t");
    for (location, host) in [
        ("global", "aiplatform.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ] {
        let outer = json!({"type": "vertex", "service_account": inner(PKCS1), "project_id": "", "location": location});
        let uri = asked(&outer).uri().to_string();
        assert_eq!(uri, format!("https://{host}{}", path.replace("us-central1", location)));
    }
    let own = json!({"type": "vertex", "service_account": inner(PKCS1), "project_id": "p2", "base_url": "http://h:1/"});
    assert!(asked(&own).uri().to_string().starts_with("http://h:1/v1/projects/p2/locations/us-central1/"));
}

#[test]
fn what_cannot_work_is_told_when_the_file_is_read() {
    for (field, value, told) in [
        ("private_key", json!(""), "no `private_key`"),
        ("private_key", json!("hush"), "no PEM"),
        ("private_key", json!(PKCS8.replace("-----END", "")), "cut off"),
        ("private_key", json!(PKCS8.replacen("MII", "MIh", 1)), "damaged"),
        ("private_key", json!(PKCS8.replace("PRIVATE KEY", "EC PRIVATE KEY")), "another kind"),
        ("client_email", Value::Null, "no `client_email`"),
        ("client_email", json!(7), "no text"),
        ("project_id", json!("a/../b"), "project's id"),
        ("project_id", Value::Null, "no `project_id`"),
        ("token_uri", json!("http://oauth2.googleapis.com/token"), "https"),
        ("token_uri", json!("https://user:hush@h/token"), "https"),
        ("token_uri", json!("http://localhost.evil.example/token"), "https"),
        ("location", json!("x.evil.example/"), "`location`"),
        ("universe_domain", json!("evil.example/#"), "`universe_domain`"),
    ] {
        let mut value_of = inner(PKCS8);
        value_of[field] = value;
        let why = file(&value_of).unwrap_err();
        assert!(why.contains(told) && !why.contains("hush") && !why.contains("MII"), "{field}: {why}");
    }
}

#[test]
fn keys_are_read_however_they_were_pasted() {
    let pasted = [PKCS8.replace('\n', "\\n"), PKCS8.replace('\n', "\r\n"), PKCS8.replace('\n', " ")];
    assert!(pasted.iter().all(|key| key::read(key).is_ok()));
}

#[test]
fn nothing_shows_the_key() {
    let file = file(&inner(PKCS8)).unwrap();
    let place = file.place().unwrap();
    let account = &place.accounts[0];
    let shown = format!("{file:?} {place:?} {account:?}");
    assert!(!shown.contains("PRIVATE") && !shown.contains("MII"), "{shown}");
    assert_eq!((account.id.as_str(), account.label.as_str()), ("vertex:vertex-proj-1", "vertex-proj-1"));
}

/// Answers with one thing, and keeps what it was asked.
struct Fixed(u16, &'static str, std::sync::Mutex<String>);

impl Http for Fixed {
    fn send<'a>(&'a self, request: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Fault>> {
        *self.2.lock().unwrap() = String::from_utf8(request.into_body().to_vec()).unwrap();
        let answer = http::Response::builder().status(self.0).body(Bytes::from_static(self.1.as_bytes()));
        Box::pin(async move { Ok(answer.unwrap()) })
    }
}

fn renew(status: u16, body: &'static str) -> (Result<Renewed, pool::Refused>, String) {
    let http = Fixed(status, body, Default::default());
    let document = Document { name: "a.json".into(), text: Secret::new(&inner(PKCS8).to_string()) };
    let mut renewing = TOKENS.renew(&http, &document, NOW);
    let waker = std::task::Waker::noop();
    let std::task::Poll::Ready(done) = renewing.as_mut().poll(&mut std::task::Context::from_waker(waker)) else {
        panic!("it waits for nobody")
    };
    drop(renewing);
    (done, http.2.into_inner().unwrap())
}

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

#[test]
fn a_token_is_asked_for_with_a_signed_assertion() {
    let (done, asked) = renew(200, r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#);
    let credential = done.unwrap().credential;
    assert_eq!((credential.secret.expose(), credential.expires), ("ya29.x", Some(NOW + Duration::from_secs(3599))));
    let (grant, assertion) = asked.split_once("&assertion=").unwrap();
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant%2Dtype%3Ajwt%2Dbearer");
    let parts: Vec<_> = assertion.split('.').collect();
    let decoded = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(decoded(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"}));
    let claims = decoded(parts[1]);
    assert_eq!((&claims["aud"], &claims["exp"]), (&json!("https://oauth2.googleapis.com/token"), &json!(3600)));
    let key = key::read(PKCS8).unwrap();
    let public = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        ring::signature::KeyPair::public_key(&key).as_ref(),
    );
    let signed = assertion.rsplit_once('.').unwrap().0;
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
}

#[test]
fn refusals_are_final_only_where_nothing_but_another_file_helps() {
    for (status, body, kind, is_final) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
            FaultKind::UpstreamRefused,
            true,
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#,
            FaultKind::UpstreamRefused,
            false,
        ),
        (401, r#"{"error":"invalid_client"}"#, FaultKind::UpstreamRefused, true),
        (400, "<html>", FaultKind::UpstreamRefused, false),
        (429, "{}", FaultKind::RateLimited, false),
        (503, "", FaultKind::UpstreamFailed, false),
        (200, "", FaultKind::UpstreamGarbled, false),
        (200, r#"{"id_token":"x"}"#, FaultKind::UpstreamGarbled, false),
        (200, r#"{"access_token":"a\nb","token_type":"Bearer"}"#, FaultKind::UpstreamGarbled, false),
        (200, r#"{"access_token":"a","token_type":"mac"}"#, FaultKind::UpstreamGarbled, false),
    ] {
        let refused = renew(status, body).0.unwrap_err();
        assert_eq!((refused.fault.kind, refused.is_final), (kind, is_final), "{status} {body}");
        assert_eq!(refused.fault.blame, Blame::Account);
    }
}

#[test]
fn a_tokens_life_is_bounded_whatever_the_answer_says() {
    let lives = |body| renew(200, body).0.unwrap().credential.expires.unwrap().duration_since(NOW).unwrap().as_secs();
    assert_eq!(lives(r#"{"access_token":"a"}"#), 3600);
    assert_eq!(lives(r#"{"access_token":"a","expires_in":0}"#), 1);
    assert_eq!(lives(r#"{"access_token":"a","expires_in":18446744073709551615}"#), 12 * 3600);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = AccountFile::read("a.json", &Secret::new(&text));
        let _ = key::read(&text);
        let _ = ServiceAccount::read(&text);
    }
}
