//! Responses over a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request};
use serde_json::{Value, json};
use testkit::{FakeAnthropic, FakeOpenAi, FakeResponses, Gate, Gateway, Reply, Trouble};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::{BEARER, MODEL, Setup, assert_healthy, request_lines, soon};

/// The client's end.
pub(crate) struct Talk(WebSocketStream<TcpStream>);

fn request(gateway: &Gateway, path: &str, more: &[(&str, &str)]) -> (String, Request<()>) {
    let host = gateway.url().split_once("://").unwrap().1.to_owned();
    let mut request = Request::builder()
        .uri(format!("ws://{host}{path}"))
        .header("host", &host)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    (host, request.body(()).unwrap())
}

impl Talk {
    pub(crate) async fn try_open(gateway: &Gateway, path: &str, more: &[(&str, &str)]) -> Result<Self, u16> {
        let (host, request) = request(gateway, path, more);
        let stream = TcpStream::connect(host).await.unwrap();
        match soon(client_async(request, stream)).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn open(gateway: &Gateway) -> Self {
        Self::try_open(gateway, "/v1/responses", &[("authorization", BEARER)]).await.unwrap()
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        soon(self.0.send(Message::text(message.to_string()))).await.unwrap();
    }

    pub(crate) async fn create(&mut self, words: &str, more: Value) {
        let mut message = json!({"type": "response.create", "model": MODEL, "input": words});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.say(&message).await;
    }

    /// The next message; null when the connection has been closed.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => (),
                _ => return Value::Null,
            }
        }
    }

    /// The messages of one answer, the last of them included.
    pub(crate) async fn answer(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().await);
            let kind = all.last().unwrap()["type"].as_str().unwrap_or("gone").to_owned();
            if ["response.completed", "response.failed", "response.incomplete", "error", "gone"]
                .contains(&kind.as_str())
            {
                return all;
            }
        }
    }

    pub(crate) async fn id(&mut self) -> String {
        let all = self.answer().await;
        let last = all.last().unwrap();
        assert_eq!(last["type"], "response.completed", "{last}");
        last["response"]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_conversation_goes_on_in_messages_and_stores_nothing() {
    let (messages, responses) = (FakeAnthropic::start().await.unwrap(), FakeResponses::start().await.unwrap());
    for (fake, setup) in
        [(&*messages, Setup::new().anthropic(&messages, 0)), (&*responses, Setup::new().responses(&responses, 0))]
    {
        let gateway = setup.start().await;
        let mut talk = Talk::open(&gateway).await;
        talk.create("alpha-1", json!({"store": false})).await;
        let all = talk.answer().await;
        assert_eq!(all[0]["type"], "response.created");
        let numbers: Vec<u64> = all.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
        let first = all.last().unwrap()["response"]["id"].as_str().unwrap().to_owned();
        talk.create("beta-2", json!({"store": false, "previous_response_id": first, "stream_id": "lane"})).await;
        let second = talk.answer().await;
        assert!(second.iter().all(|event| event["stream_id"] == "lane"), "{second:?}");
        let body = fake.last_request().unwrap().body;
        assert!(body.contains("alpha-1") && body.contains("beta-2") && !body.contains("stream_id"), "{body}");
        // Another connection knows nothing of it, and this one goes on after the refusal.
        let mut other = Talk::open(&gateway).await;
        other.create("x", json!({"previous_response_id": first})).await;
        let refused = other.answer().await.pop().unwrap();
        assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(400)), "{refused}");
        assert_eq!(refused["error"]["code"], "previous_response_not_found", "{refused}");
        other.create("y", json!({})).await;
        other.id().await;
        assert!(request_lines(&gateway, 4).await.iter().all(|line| line["key"] == "key-1"));
    }
}

#[tokio::test]
async fn the_older_form_of_going_on_says_only_what_is_new() {
    let (messages, responses) = (FakeAnthropic::start().await.unwrap(), FakeResponses::start().await.unwrap());
    for (fake, setup) in
        [(&*messages, Setup::new().anthropic(&messages, 0)), (&*responses, Setup::new().responses(&responses, 0))]
    {
        let gateway = setup.start().await;
        let mut talk = Talk::open(&gateway).await;
        let more = |words: &str| json!({"type": "response.append", "input": [{"role": "user", "content": words}]});
        talk.say(&more("too-early")).await;
        assert_eq!(talk.answer().await[0]["status"], 400);
        talk.create("alpha-1", json!({"store": false, "instructions": "Be brief."})).await;
        talk.id().await;
        for words in ["beta-2", "gamma-3"] {
            talk.say(&more(words)).await;
            talk.id().await;
        }
        let body = fake.last_request().unwrap().body;
        let at = |words: &str| body.find(words).unwrap_or_else(|| panic!("{words} is missing: {body}"));
        assert!(at("alpha-1") < at("beta-2") && at("beta-2") < at("gamma-3") && at("Be brief.") > 0, "{body}");
        assert!(!body.contains("too-early"), "{body}");
    }
}

#[tokio::test]
async fn a_warm_up_asks_nobody_and_can_be_gone_on_from() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let mut talk = Talk::open(&gateway).await;
    talk.create("alpha-1", json!({"store": false, "generate": false})).await;
    let id = talk.id().await;
    assert!(fake.requests().is_empty());
    talk.create("beta-2", json!({"store": false, "previous_response_id": id})).await;
    talk.id().await;
    assert!(fake.last_request().unwrap().body.contains("alpha-1"));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_the_connection_stays() {
    let fake = FakeOpenAi::start().await.unwrap();
    let setup = Setup::new().openai(&fake, 0).with("limits", json!({"body-bytes": "64KiB"}));
    let gateway = setup.start().await;
    let mut talk = Talk::open(&gateway).await;
    for (message, status) in [
        (json!({"type": "response.create", "input": "no model"}), 400),
        (json!({"type": "response.create", "model": "nobody", "input": "x"}), 404),
        (json!({"type": "response.steer"}), 400),
        (json!(["no object"]), 400),
    ] {
        talk.say(&message).await;
        let error = talk.next().await;
        assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(status)), "{error}");
        assert!(error["error"]["message"].is_string(), "{error}");
    }
    fake.script(Reply::trouble(Trouble::RateLimited(7)));
    talk.create("x", json!({})).await;
    assert_eq!(talk.answer().await.pop().unwrap()["status"], 429);
    talk.say(&json!({"type": "response.processed", "response_id": "resp_1"})).await;
    talk.create("still here", json!({})).await;
    talk.id().await;
    talk.create(&"x".repeat(80 << 10), json!({})).await;
    assert_eq!(talk.next().await["status"], 413);
    assert_eq!(talk.next().await, Value::Null, "nothing can be read after a message that is too large");
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn nobody_comes_in_without_a_key_or_from_a_page() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let open = |path, headers: &'static [(&str, &str)]| Talk::try_open(&gateway, path, headers);
    assert_eq!(open("/v1/responses", &[]).await.err(), Some(401));
    assert_eq!(open("/v1/responses", &[("authorization", "Bearer wrong")]).await.err(), Some(401));
    let page = [("authorization", BEARER), ("origin", "https://evil.example")];
    assert_eq!(Talk::try_open(&gateway, "/v1/responses", &page).await.err(), Some(403));
    let bearer: &[(&str, &str)] = &[("authorization", BEARER)];
    let mut codex = Talk::try_open(&gateway, "/backend-api/codex/responses", bearer).await.unwrap();
    codex.create("x", json!({})).await;
    codex.id().await;
    // Without an upgrade it is no WebSocket.
    let url = format!("{}/v1/responses", gateway.url());
    let got = soon(testkit::client::send(Method::GET, &url, bearer, "")).await.unwrap();
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn who_hangs_up_cancels_the_upstream() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    fake.script(Reply::lively().stall_after(6, &Gate::new()));
    let mut talk = Talk::open(&gateway).await;
    talk.create("x", json!({})).await;
    assert_eq!(talk.next().await["type"], "response.created");
    drop(talk);
    soon(fake.cancelled(1)).await;
    let lines = request_lines(&gateway, 2).await;
    let statuses: Vec<u64> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [101, 499], "one line for the connection, one for the request");
}

#[tokio::test]
async fn answers_come_one_after_the_other_and_a_drain_lets_them_end() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let gate = Gate::new();
    fake.script(Reply::lively().stall_after(6, &gate));
    let mut talk = Talk::open(&gateway).await;
    talk.create("alpha-1", json!({"stream_id": "a"})).await;
    talk.create("beta-2", json!({"stream_id": "b"})).await;
    assert_eq!(talk.next().await["stream_id"], "a");
    gateway.signal("TERM").unwrap();
    assert!(soon(gateway.logged("stopping")).await);
    gate.open();
    let first = talk.answer().await;
    assert!(first.iter().all(|event| event["stream_id"] == "a"), "{first:?}");
    let second = talk.answer().await;
    assert!(second.iter().all(|event| event["stream_id"] == "b"), "{second:?}");
    assert_eq!(talk.next().await, Value::Null);
}

#[tokio::test]
async fn what_holds_a_turn_together_goes_back_by_itself_until_the_turn_is_over() {
    let fake = FakeResponses::start().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    let state = "x-codex-turn-state";
    let headers = [("authorization", BEARER), (state, "before")];
    let mut talk = Talk::try_open(&gateway, "/v1/responses", &headers).await.unwrap();
    let result = json!([
        {"type": "message", "role": "user", "content": "look"},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "seen"},
    ]);
    let mut ask = async |input: Value, mark: Option<&str>| {
        let reply = Reply::lively();
        fake.script(mark.into_iter().fold(reply, |reply, mark| reply.header(state, mark)));
        talk.say(&json!({"type": "response.create", "model": MODEL, "input": input})).await;
        talk.id().await;
        fake.last_request().unwrap().header(state).map(str::to_owned)
    };
    assert_eq!(ask(json!("a"), Some("one")).await.as_deref(), Some("before"), "the client's own, of its first turn");
    assert_eq!(ask(result.clone(), None).await.as_deref(), Some("one"));
    assert_eq!(ask(result.clone(), Some("two")).await.as_deref(), Some("one"));
    assert_eq!(ask(result.clone(), None).await.as_deref(), Some("two"));
    assert_eq!(ask(json!("b"), None).await, None, "a new turn");
    assert_eq!(ask(result, None).await, None);
}
