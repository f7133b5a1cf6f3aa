//! Conversations made shorter, and gone on with: at places that have a call for it, and at all others.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{Fake, FakeAnthropic, FakeOpenAi, FakeResponses, Gateway, Reply, Trouble};

use crate::harness::{BEARER, MODEL, Setup, request_lines, soon};

const COMPACT: &str = "/v1/responses/compact";

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Got {
    let headers = [("authorization", BEARER), ("content-type", "application/json")];
    let url = format!("{}{path}", gateway.url());
    soon(client::send(Method::POST, &url, &headers, body.to_string())).await.unwrap()
}

fn user(words: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]})
}

/// A conversation with a call in it.
fn history() -> Vec<Value> {
    vec![
        user("alpha-1"),
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "beta-2"}]}),
        json!({"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}),
        json!({"type": "function_call_output", "call_id": "call_1", "output": "gamma-3"}),
        user("delta-4"),
    ]
}

fn ask() -> Value {
    let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": false}]);
    json!({"model": MODEL, "input": history(), "instructions": "Be terse.", "tools": tools})
}

fn output(got: &Got) -> Vec<Value> {
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    assert_eq!(answer["object"], "response.compaction", "{answer}");
    assert!(answer["id"].is_string() && answer["created_at"].is_u64() && answer["usage"]["input_tokens"].is_u64());
    let output = answer["output"].as_array().unwrap().clone();
    let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "message", "compaction"], "{answer}");
    assert_eq!(output[0]["content"][0]["text"], "alpha-1");
    assert_eq!(output[1]["content"][0]["text"], "delta-4");
    output
}

/// Goes on from a shorter conversation.
async fn go_on(gateway: &Gateway, mut output: Vec<Value>, words: &str) -> Got {
    output.push(user(words));
    post(gateway, "/v1/responses", &json!({"model": MODEL, "input": output, "store": false})).await
}

fn told(fake: &Fake) -> String {
    fake.last_request().unwrap().body
}

#[tokio::test]
async fn a_model_of_any_dialect_writes_the_summary_and_goes_on_from_it() {
    let (chat, messages) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    for (fake, setup) in [(&*chat, Setup::new().openai(&chat, 0)), (&*messages, Setup::new().anthropic(&messages, 0))] {
        let gateway = setup.start().await;
        for path in [COMPACT, "/backend-api/codex/responses/compact"] {
            fake.script(Reply::text("epsilon-5 is open"));
            let shorter = output(&post(&gateway, path, &ask()).await);
            let asked = told(fake);
            for words in ["alpha-1", "beta-2", "gamma-3", "delta-4", "Be terse.", "Write the summary now"] {
                assert!(asked.contains(words), "{words} in {asked}");
            }
            let got = go_on(&gateway, shorter, "zeta-6").await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert!(got.header("x-bosporus-losses").is_none(), "a summary of ours is no loss");
            let asked = told(fake);
            for words in ["alpha-1", "delta-4", "epsilon-5", "zeta-6"] {
                assert!(asked.contains(words), "{words} in {asked}");
            }
            assert!(!asked.contains("beta-2") && !asked.contains("gamma-3"), "{asked}");
        }
        let lines = request_lines(&gateway, 4).await;
        assert_eq!((&lines[0]["route"], &lines[0]["status"]), (&json!(COMPACT), &json!(200)));
        assert!(lines[0]["input"].as_u64().unwrap() > 0 && lines[0]["output"].as_u64().unwrap() > 0, "{}", lines[0]);
    }
}

#[tokio::test]
async fn a_place_that_compacts_is_asked_to_and_reads_its_own_item_alone() {
    let (own, other) = (FakeResponses::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let gateway = Setup::new().responses(&own, 1).anthropic(&other, 0).start().await;
    let got = post(&gateway, COMPACT, &ask()).await;
    let shorter = output(&got);
    assert_eq!(got.json()["id"], "resp_compacted", "as the place gave it");
    let request = own.last_request().unwrap();
    assert_eq!(request.path, COMPACT);
    let mut expect = ask();
    expect["model"] = json!("gpt-5-model");
    assert_eq!(request.json(), expect);
    assert_eq!(go_on(&gateway, shorter.clone(), "zeta-6").await.status, 200);
    assert_eq!(request_lines(&gateway, 1).await[0]["input"], 11);

    // Nobody else can read it, and what it tells is not here in plain.
    own.script(Reply::trouble(Trouble::Overloaded));
    let got = go_on(&gateway, shorter, "eta-7").await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["param"]), (400, &json!("input[2]")), "{}", got.text());
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_place_without_the_call_writes_a_summary_as_others_do() {
    let fake = FakeResponses::start_never_compacting().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    fake.script(Reply::text("epsilon-5 is open"));
    let shorter = output(&post(&gateway, COMPACT, &ask()).await);
    let asked = || fake.requests().iter().map(|request| request.path.clone()).collect::<Vec<_>>();
    assert_eq!(asked(), [COMPACT, "/v1/responses"]);
    fake.clear();
    fake.script(Reply::text("epsilon-5 is open"));
    output(&post(&gateway, COMPACT, &ask()).await);
    assert_eq!(asked(), ["/v1/responses"], "what it lacks is remembered");
    let got = go_on(&gateway, shorter, "zeta-6").await;
    assert_eq!(got.status, 200, "{}", got.text());
    let input = fake.last_request().unwrap().json()["input"].clone();
    let kinds: Vec<&Value> = input.as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message"; 4], "the place gets words: {input}");
    assert!(input[2].to_string().contains("epsilon-5"));
    assert_eq!(request_lines(&gateway, 3).await[0]["attempts"], 1, "one account, one try");
}

/// The fake refuses what the call does not take.
#[tokio::test]
async fn payload_rules_reach_the_call_as_far_as_it_takes_them() {
    let fake = FakeResponses::start().await.unwrap();
    let rules = json!({
        "default": [{"models": [{"name": "*"}], "params": {"temperature": 0.5, "service_tier": "flex"}}],
        "override": [{"models": [{"name": "*"}], "params": {"instructions": "Be brief.", "max_output_tokens": 100}}],
        "filter": [{"models": [{"name": "*"}], "params": ["tools"]}],
    });
    let gateway = Setup::new().responses(&fake, 0).with("payload", rules).start().await;
    output(&post(&gateway, COMPACT, &ask()).await);
    let request = fake.last_request().unwrap();
    assert_eq!(request.path, COMPACT);
    let mut expect = json!({"model": "gpt-5-model", "service_tier": "flex", "instructions": "Be brief."});
    expect["input"] = ask()["input"].clone();
    assert_eq!(request.json(), expect);
}

/// Something that the request names was not found: that says nothing of the call.
#[tokio::test]
async fn a_missing_item_is_not_taken_for_a_missing_call() {
    let fake = FakeResponses::start().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    let lost = json!({"model": MODEL, "input": [{"type": "item_reference", "id": "msg_lost"}]});
    assert_ne!(post(&gateway, COMPACT, &lost).await.status, 200);
    fake.clear();
    output(&post(&gateway, COMPACT, &ask()).await);
    assert_eq!(fake.last_request().unwrap().path, COMPACT);
}

#[tokio::test]
async fn what_a_conversation_was_is_found_by_its_id() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let first = post(&gateway, "/v1/responses", &json!({"model": MODEL, "input": "alpha-1"})).await.json();
    let body = json!({"model": MODEL, "previous_response_id": first["id"], "input": "delta-4"});
    fake.script(Reply::text("epsilon-5"));
    let shorter = output(&post(&gateway, COMPACT, &body).await);
    assert!(told(&fake).contains("alpha-1"));
    assert!(shorter[2]["encrypted_content"].as_str().unwrap().ends_with("epsilon-5"));
    let lost = post(&gateway, COMPACT, &json!({"model": MODEL, "previous_response_id": "resp_no", "input": "x"})).await;
    assert_eq!((lost.status.as_u16(), &lost.json()["error"]["code"]), (400, &json!("previous_response_not_found")));
}

#[tokio::test]
async fn a_conversation_is_not_replaced_by_nothing_and_what_makes_no_sense_is_refused() {
    let (first, second) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let gateway = Setup::new().openai(&first, 1).anthropic(&second, 0).start().await;
    first.script(Reply::text(" "));
    second.script(Reply::text("epsilon-5"));
    let shorter = output(&post(&gateway, COMPACT, &ask()).await);
    assert!(shorter[2].to_string().contains("epsilon-5"), "the next account was asked");
    for (body, param) in [
        (json!({"input": "x"}), json!("model")),
        (json!({"model": MODEL}), json!("input")),
        (json!({"model": MODEL, "input": "x", "stream": true}), json!("stream")),
    ] {
        let got = post(&gateway, COMPACT, &body).await;
        assert_eq!((got.status.as_u16(), &got.json()["error"]["param"]), (400, &param), "{}", got.text());
    }
    let url = format!("{}{COMPACT}", gateway.url());
    assert_eq!(soon(client::post(&url, &[], &ask())).await.unwrap().status, 401);
}

/// As newer agents ask: within an ordinary request.
#[tokio::test]
async fn a_trigger_in_a_request_is_answered_by_the_item() {
    let fake = FakeAnthropic::start().await.unwrap();
    let gateway = Setup::new().anthropic(&fake, 0).start().await;
    let mut input = history();
    input.push(json!({"type": "compaction_trigger"}));
    for stream in [true, false] {
        fake.script(Reply::thinking("hm", "epsilon-5 is open"));
        let body = json!({"model": MODEL, "input": input, "stream": stream, "store": false});
        let got = post(&gateway, "/v1/responses", &body).await;
        assert_eq!(got.status, 200, "{}", got.text());
        let answer = match stream {
            true => serde_json::from_str::<Value>(got.events().last().unwrap()).unwrap()["response"].clone(),
            false => got.json(),
        };
        let output = answer["output"].as_array().unwrap();
        assert_eq!((output.len(), &output[0]["type"]), (1, &json!("compaction")), "{answer}");
        let got = go_on(&gateway, vec![user("alpha-1"), output[0].clone()], "zeta-6").await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert!(told(&fake).contains("epsilon-5"));
    }
}
