//! What programs that speak Responses count on beside the answers themselves.

use serde_json::{Value, json};
use testkit::client;
use testkit::{FakeOpenAi, FakeResponses, Gate, Gateway, Reply, Trouble};

use crate::harness::{BEARER, MODEL, Setup, soon};

/// Opens a stream whose upstream falls silent after some events; gives back what came then, and the rest.
async fn through_silence(setup: Setup, script: impl FnOnce(Reply), body: Value) -> (String, String) {
    let gateway = setup.with("streaming", json!({"keepalive-seconds": 1})).start().await;
    let gate = Gate::new();
    script(Reply::lively().stall_after(6, &gate));
    let url = format!("{}/v1/responses", gateway.url());
    let mut live = soon(client::open_post(&url, &[("authorization", BEARER)], &body)).await.unwrap();
    soon(live.until("Hello")).await.unwrap();
    let sign = soon(async {
        loop {
            let text = String::from_utf8_lossy(&live.next().await.unwrap().unwrap()).into_owned();
            if !text.contains("delta") {
                return text;
            }
        }
    })
    .await;
    gate.open();
    (sign, soon(live.rest()).await.text())
}

fn data(frame: &str) -> Value {
    let line = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(line).unwrap()
}

/// Codex gives up a stream that brings no event for some minutes, whatever comments come.
#[tokio::test]
async fn silence_is_filled_with_an_event_that_has_come_before() {
    let fake = FakeResponses::start().await.unwrap();
    let body = json!({"model": MODEL, "input": "hi", "stream": true});
    let (sign, rest) = through_silence(Setup::new().responses(&fake, 0), |reply| fake.script(reply), body).await;
    assert!(sign.starts_with("event: response.in_progress\ndata: {") && sign.ends_with("}\n\n"), "{sign:?}");
    let (told, end) = (data(&sign), data(rest.trim_end().rsplit("\n\n").next().unwrap()));
    assert_eq!((&told["type"], &told["sequence_number"]), (&json!("response.in_progress"), &json!(1)));
    assert_eq!(end["type"], "response.completed", "{rest}");
    assert_eq!(told["response"]["id"], end["response"]["id"], "one answer, one id");
    assert_eq!(told["response"]["status"], "in_progress");
}

#[tokio::test]
async fn silence_of_another_dialect_is_filled_with_an_event_of_our_own() {
    let fake = FakeOpenAi::start().await.unwrap();
    let body = json!({"model": MODEL, "input": "hi", "stream": true});
    let (sign, rest) = through_silence(Setup::new().openai(&fake, 0), |reply| fake.script(reply), body).await;
    let told = data(&sign);
    assert_eq!(told["type"], "response.in_progress", "{sign}");
    let next = data(rest.trim_start().split("\n\n").find(|frame| !frame.contains("in_progress\n")).unwrap());
    let number = |event: &Value| event["sequence_number"].as_u64().unwrap();
    assert!(number(&next) > number(&told), "our own events are numbered on");
}

#[tokio::test]
async fn what_holds_a_turn_together_goes_there_and_back_and_to_nobody_else() {
    let (responses, chat) = (FakeResponses::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let gateway = Setup::new().responses(&responses, 0).start().await;
    let (url, state) = (format!("{}/v1/responses", gateway.url()), "x-codex-turn-state");
    let headers = [("authorization", BEARER), (state, "turn-1"), ("x-other", "stays")];
    for stream in [false, true] {
        responses.script(Reply::lively().header(state, "turn-2"));
        let body = json!({"model": MODEL, "input": "q", "stream": stream});
        let got = soon(client::post(&url, &headers, &body)).await.unwrap();
        assert_eq!(got.header(state), Some("turn-2"), "stream {stream}: {}", got.text());
        let asked = responses.last_request().unwrap();
        assert_eq!(asked.header(state), Some("turn-1"), "stream {stream}");
        assert_eq!(asked.header("x-other"), None);
    }
    let gateway = Setup::new().openai(&chat, 0).start().await;
    let url = format!("{}/v1/responses", gateway.url());
    chat.script(Reply::lively().header(state, "turn-2"));
    let got = soon(client::post(&url, &headers, &json!({"model": MODEL, "input": "q"}))).await.unwrap();
    assert_eq!((got.status.as_u16(), got.header(state)), (200, None));
    assert_eq!(chat.last_request().unwrap().header(state), None);
}

#[tokio::test]
async fn what_holds_a_turn_together_never_reaches_another_account() {
    let (first, second) = (FakeResponses::start().await.unwrap(), FakeResponses::start().await.unwrap());
    let state = "x-codex-turn-state";
    let ask = async |gateway: &Gateway, mark: &str, stream: bool| {
        let url = format!("{}/v1/responses", gateway.url());
        let body = json!({"model": MODEL, "input": "q", "stream": stream});
        let got = soon(client::post(&url, &[("authorization", BEARER), (state, mark)], &body)).await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text());
        got.header(state).map(str::to_owned)
    };
    for stream in [false, true] {
        let gateway = Setup::new().responses(&first, 1).responses(&second, 0).start().await;
        let (mark, other) = (format!("of-first-{stream}"), format!("of-second-{stream}"));
        first.script(Reply::lively().header(state, &mark));
        assert_eq!(ask(&gateway, "of-nobody", stream).await.as_deref(), Some(&*mark));
        assert_eq!(first.last_request().unwrap().header(state), Some("of-nobody"), "whose it is nobody here knows");
        // The account fails in the middle of the turn: the other one begins anew, and is then gone on with.
        first.script(Reply::trouble(Trouble::Overloaded));
        second.script(Reply::lively().header(state, &other));
        assert_eq!(ask(&gateway, &mark, stream).await.as_deref(), Some(&*other));
        assert_eq!(first.last_request().unwrap().header(state), Some(&*mark), "stream {stream}");
        assert_eq!(second.last_request().unwrap().header(state), None, "stream {stream}");
    }
}
