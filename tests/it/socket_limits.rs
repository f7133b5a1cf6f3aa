//! What a client key may do holds for each message of a WebSocket as for each request, and for the key as it is now, not
//! as it was when the connection was opened.

use serde_json::{Value, json};
use testkit::{FakeOpenAi, Gate, Gateway, Reply};

use crate::harness::{KEY, MODEL, Setup, soon};
use crate::socket::Talk;
use crate::tongue::Chat;

const ALICE: &str = "key-of-alice-on-a-socket";

fn setup(fake: &FakeOpenAi, mut limits: Value) -> Setup {
    limits["key"] = json!(ALICE);
    Setup::new().openai(fake, 0).with("client-keys", json!([limits]))
}

async fn open(gateway: &Gateway, key: &str) -> Result<Talk, u16> {
    let bearer = format!("Bearer {key}");
    Talk::try_open(gateway, "/v1/responses", &[("authorization", &bearer)]).await
}

/// The status that a question ends with.
async fn ask(talk: &mut Talk) -> (u64, Value) {
    talk.create("x", json!({})).await;
    let last = talk.answer().await.pop().unwrap();
    match last["type"].as_str() {
        Some("error") => (last["status"].as_u64().unwrap(), last),
        Some("response.completed") => (200, last),
        _ => panic!("{last}"),
    }
}

#[tokio::test]
async fn requests_per_minute_are_messages_and_the_handshake_is_free() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = setup(&fake, json!({"requests-per-minute": 2})).start().await;
    let mut one = open(&gateway, ALICE).await.unwrap();
    let mut other = open(&gateway, ALICE).await.unwrap();
    assert_eq!((ask(&mut one).await.0, ask(&mut other).await.0), (200, 200));
    let asked = fake.requests().len();
    for talk in [&mut one, &mut other] {
        let (status, told) = ask(talk).await;
        assert_eq!(status, 429, "{told}");
        assert!(told["error"]["message"].as_str().unwrap().contains("2 requests per minute"), "{told}");
        let wait = told["headers"]["retry-after"].as_str().and_then(|wait| wait.parse::<u64>().ok());
        assert!(wait.is_some_and(|wait| (1..=30).contains(&wait)), "{told}");
    }
    assert_eq!(fake.requests().len(), asked, "nobody was asked");
    let mut free = open(&gateway, KEY).await.unwrap();
    assert_eq!(ask(&mut free).await.0, 200, "another key is not concerned");
}

#[tokio::test]
async fn tokens_of_streamed_messages_are_counted() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = setup(&fake, json!({"tokens-per-minute": 3})).start().await;
    let mut talk = open(&gateway, ALICE).await.unwrap();
    let (status, told) = ask(&mut talk).await;
    assert_eq!(status, 200);
    assert!(told["response"]["usage"]["total_tokens"].as_u64().unwrap() >= 3, "{told}");
    let (status, told) = ask(&mut talk).await;
    assert!(status == 429 && told.to_string().contains("3 tokens per minute"), "{told}");
}

#[tokio::test]
async fn only_answers_under_way_count_as_at_once() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = setup(&fake, json!({"concurrency": 1})).start().await;
    let mut one = open(&gateway, ALICE).await.unwrap();
    let mut other = open(&gateway, ALICE).await.unwrap();
    let gate = Gate::new();
    fake.script(Reply::lively().stall_after(6, &gate));
    one.create("x", json!({})).await;
    soon(gate.reached()).await;
    assert_eq!(ask(&mut other).await.0, 429);
    gate.open();
    one.id().await;
    // The place is given back when the answer has ended, which the client may see a moment earlier.
    for talk in [&mut other, &mut one] {
        soon(async { while ask(talk).await.0 == 429 {} }).await;
    }
    // Who hangs up in the middle gives it back, too.
    fake.script(Reply::lively().stall_after(6, &Gate::new()));
    one.create("x", json!({})).await;
    assert_eq!(one.next().await["type"], "response.created");
    drop(one);
    soon(async { while ask(&mut other).await.0 == 429 {} }).await;
}

#[tokio::test]
async fn a_month_counts_messages_and_says_when_the_next_begins() {
    let (fake, home) = (FakeOpenAi::start().await.unwrap(), tempfile::tempdir().unwrap());
    let limits = json!({"monthly-requests": {MODEL: 2}});
    let gateway = setup(&fake, limits).with("auth-dir", json!(home.path())).start().await;
    let mut talk = open(&gateway, ALICE).await.unwrap();
    assert_eq!((ask(&mut talk).await.0, ask(&mut talk).await.0), (200, 200));
    let (status, told) = ask(&mut talk).await;
    assert!(status == 429 && told["headers"]["retry-after"].is_string(), "{told}");
    let got = Chat.ask(&gateway, &Chat.body(MODEL, false)).await;
    assert_eq!(got.status, 200, "another key is not concerned");
}

#[tokio::test]
async fn a_key_that_ends_while_its_connection_is_open_is_refused_at_the_next_message() {
    let fake = FakeOpenAi::start().await.unwrap();
    let all = json!({"expires": "2999-01-01"});
    let gateway = setup(&fake, all).start().await;
    let mut talk = open(&gateway, ALICE).await.unwrap();
    assert_eq!(ask(&mut talk).await.0, 200);
    let states = [
        (json!({"expires": "2020-01-01"}), 403),
        (json!({"disabled": true}), 403),
        (json!({"models": ["others"]}), 403),
        (json!({"models": ["*"]}), 200),
    ];
    for (reloads, (limits, status)) in (1..).zip(states) {
        gateway.rewrite_config(&setup(&fake, limits.clone()).text()).unwrap();
        let reloaded = |log: &[String]| log.iter().filter(|line| line.contains("configuration reloaded")).count();
        soon(gateway.log_until(|log| reloaded(log) == reloads)).await;
        assert_eq!(ask(&mut talk).await.0, status, "{limits}");
        let handshake = open(&gateway, ALICE).await.err();
        let closed = status == 403 && limits.get("models").is_none();
        assert_eq!(handshake, closed.then_some(403), "{limits}");
    }
    gateway.rewrite_config(&Setup::new().openai(&fake, 0).text()).unwrap();
    soon(async { while ask(&mut talk).await.0 != 401 {} }).await;
    assert_eq!(open(&gateway, ALICE).await.err(), Some(401));
}
