//! Conversations that go on by the id of an answer.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{Fake, FakeAnthropic, FakeOpenAi, FakeResponses, Gateway, Reply, Trouble};

use crate::harness::{BEARER, KEY, MODEL, Setup, request_lines, soon};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn call(gateway: &Gateway, key: &str, method: Method, path: &str, body: &Value) -> Got {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let url = format!("{}{path}", gateway.url());
    soon(client::send(method, &url, &[("authorization", key), JSON], body)).await.unwrap()
}

async fn ask(gateway: &Gateway, body: &Value) -> Got {
    call(gateway, BEARER, Method::POST, "/v1/responses", body).await
}

/// Says something, after an answer if there was one; gives back the id of the new answer.
async fn say(gateway: &Gateway, words: &str, after: Option<&str>, stream: bool) -> String {
    let body = json!({"model": MODEL, "input": words, "previous_response_id": after, "stream": stream});
    let got = ask(gateway, &body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = match stream {
        true => serde_json::from_str::<Value>(got.events().last().unwrap()).unwrap()["response"].clone(),
        false => got.json(),
    };
    assert_eq!((&answer["status"], &answer["store"]), (&json!("completed"), &json!(true)), "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

fn assert_lost(got: &Got) {
    assert_eq!(got.status, 400, "{}", got.text());
    let error = &got.json()["error"];
    assert_eq!(error["type"], "invalid_request_error", "{error}");
    assert_eq!(error["code"], "previous_response_not_found", "{error}");
    assert_eq!(error["param"], "previous_response_id", "{error}");
    assert!(error["message"].as_str().unwrap().contains("not found"), "{error}");
}

/// What the upstream was told last, without spelling.
fn told(fake: &Fake) -> String {
    fake.last_request().unwrap().body
}

#[tokio::test]
async fn a_conversation_goes_on_at_an_upstream_of_another_dialect() {
    let (chat, messages) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    for stream in [false, true] {
        for (fake, setup) in
            [(&*chat, Setup::new().openai(&chat, 0)), (&*messages, Setup::new().anthropic(&messages, 0))]
        {
            let gateway = setup.start().await;
            let first = say(&gateway, "alpha-1", None, stream).await;
            let second = say(&gateway, "beta-2", Some(&first), stream).await;
            let third = say(&gateway, "gamma-3", Some(&second), stream).await;
            let body = told(fake);
            // The answers of the fake quote what was said to it.
            for (words, times) in [("alpha-1", 2), ("beta-2", 2), ("gamma-3", 1)] {
                assert_eq!(body.matches(words).count(), times, "{words} in {body}");
            }
            // A fork: the second answer can be gone on from again.
            say(&gateway, "delta-4", Some(&second), stream).await;
            assert!(!told(fake).contains("gamma-3"), "{third}");
        }
    }
}

#[tokio::test]
async fn calls_and_their_outputs_find_each_other_over_the_id() {
    let fake = FakeAnthropic::start().await.unwrap();
    let gateway = Setup::new().anthropic(&fake, 0).start().await;
    let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]);
    let body = json!({"model": MODEL, "input": "please use the tool", "tools": tools, "instructions": "Be terse-7."});
    let first = ask(&gateway, &body).await.json();
    let call = first["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap();
    assert!(told(&fake).contains("terse-7"));
    let output = json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "found-9"}]);
    let body = json!({"model": MODEL, "input": output, "previous_response_id": first["id"], "tools": tools});
    let got = ask(&gateway, &body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["previous_response_id"], first["id"]);
    assert!(told(&fake).contains("found-9") && told(&fake).contains("please use the tool"));
    assert!(!told(&fake).contains("terse-7"), "instructions are not carried over");
}

#[tokio::test]
async fn nobody_goes_on_from_what_is_not_theirs_or_was_not_stored() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().with("api-keys", json!([KEY, "another-key"])).openai(&fake, 0).start().await;
    let id = say(&gateway, "secret", None, false).await;
    let next = json!({"model": MODEL, "input": "go on", "previous_response_id": id});
    assert_lost(&call(&gateway, "Bearer another-key", Method::POST, "/v1/responses", &next).await);
    for verb in [Method::GET, Method::DELETE] {
        let path = format!("/v1/responses/{id}");
        assert_eq!(call(&gateway, "Bearer another-key", verb, &path, &Value::Null).await.status, 404);
    }
    assert_eq!(ask(&gateway, &next).await.status, 200);

    let unstored = ask(&gateway, &json!({"model": MODEL, "input": "x", "store": false})).await.json();
    assert_eq!(unstored["store"], false);
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": unstored["id"]})).await);
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": "resp_made_up"})).await);
    let wrong = ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": 5})).await;
    assert_eq!((wrong.status.as_u16(), &wrong.json()["error"]["param"]), (400, &json!("previous_response_id")));
    // Refused before anybody was asked.
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn a_store_that_is_off_says_so() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().with("responses-store", json!({"mode": "off"})).openai(&fake, 0).start().await;
    let first = ask(&gateway, &json!({"model": MODEL, "input": "x"})).await.json();
    assert_eq!(first["store"], false, "nothing is promised");
    let got = ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": first["id"]})).await;
    assert_lost(&got);
    assert!(got.text().contains("responses-store"), "{}", got.text());
}

#[tokio::test]
async fn answers_can_be_read_listed_and_forgotten() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let first = say(&gateway, "alpha-1", None, false).await;
    let second = say(&gateway, "beta-2", Some(&first), true).await;
    let get = |path: String| {
        let gateway = &gateway;
        async move { call(gateway, BEARER, Method::GET, &path, &Value::Null).await }
    };
    let shown = get(format!("/v1/responses/{second}")).await;
    assert_eq!((shown.status.as_u16(), &shown.json()["id"]), (200, &json!(second)));
    assert_eq!(shown.json()["previous_response_id"], json!(first));
    let items = get(format!("/v1/responses/{second}/input_items?order=asc")).await.json();
    let words: Vec<&Value> = items["data"].as_array().unwrap().iter().map(|item| &item["content"][0]["text"]).collect();
    assert_eq!(words.len(), 3, "{items}");
    assert_eq!((words[0], words[2]), (&json!("alpha-1"), &json!("beta-2")));
    let streamed = get(format!("/v1/responses/{second}?stream=true")).await;
    assert_eq!((streamed.status.as_u16(), &streamed.json()["error"]["param"]), (400, &json!("stream")));

    let gone = call(&gateway, BEARER, Method::DELETE, &format!("/v1/responses/{first}"), &Value::Null).await;
    assert_eq!(gone.json(), json!({"id": first, "object": "response", "deleted": true}));
    assert_eq!(get(format!("/v1/responses/{first}")).await.status, 404);
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": first})).await);
    // What went on from it still knows it.
    say(&gateway, "gamma-3", Some(&second), false).await;
    assert!(told(&fake).contains("alpha-1"));
    assert_eq!(get("/v1/responses/resp_nobody".to_owned()).await.status, 404);
    assert_eq!(get("/v1/responses/a/b/c".to_owned()).await.status, 404);
    let cancel = call(&gateway, BEARER, Method::POST, &format!("/v1/responses/{second}/cancel"), &json!({})).await;
    assert_eq!(cancel.status, 404);
}

#[tokio::test]
async fn the_account_that_gave_an_answer_is_asked_to_go_on_by_its_id() {
    let (one, two) = (FakeResponses::start_storing().await.unwrap(), FakeResponses::start_storing().await.unwrap());
    two.set_key("sk-two");
    let gateway = Setup::new().responses(&one, 0).responses(&two, 0).start().await;
    for stream in [false, true] {
        let mut last = say(&gateway, "alpha-1", None, stream).await;
        let owner = if told_any(&one).contains("alpha-1") { &one } else { &two };
        for round in 0..3 {
            last = say(&gateway, &format!("again-{round}"), Some(&last), stream).await;
            let body = owner.last_request().unwrap().json();
            assert!(body["previous_response_id"].is_string(), "{body}");
            assert_eq!(body["input"], json!(format!("again-{round}")), "passed on as it was");
        }
        one.clear();
        two.clear();
    }
}

fn told_any(fake: &Fake) -> String {
    fake.last_request().map(|request| request.body).unwrap_or_default()
}

#[tokio::test]
async fn when_its_account_fails_the_conversation_is_written_out_for_another() {
    let (one, two) = (FakeResponses::start_storing().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let gateway = Setup::new().responses(&one, 1).anthropic(&two, 0).start().await;
    let first = say(&gateway, "alpha-1", None, true).await;
    one.script(Reply::trouble(Trouble::Overloaded));
    let second = say(&gateway, "beta-2", Some(&first), true).await;
    assert!(told(&two).contains("alpha-1") && told(&two).contains("beta-2"));
    // Back at the first account, which does not know what the other has said. Its answers lack what it was not told.
    for stream in [true, false] {
        let body = json!({"model": MODEL, "input": "gamma-3", "previous_response_id": second, "stream": stream});
        let got = ask(&gateway, &body).await;
        let told = format!("\"previous_response_id\":\"{second}\"");
        assert_eq!(got.text().matches(&told).count(), if stream { 3 } else { 1 }, "{}", got.text());
        assert!(!got.text().contains("\"previous_response_id\":null"), "{}", got.text());
    }
    let body = one.last_request().unwrap().json();
    assert!(body.get("previous_response_id").is_none(), "{body}");
    let text = body.to_string();
    for words in ["alpha-1", "beta-2", "gamma-3"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[tokio::test]
async fn an_account_that_has_forgotten_is_told_everything() {
    // It says that it stores, and keeps nothing that the next request could name.
    let fake = FakeResponses::start().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    fake.script(Reply::raw(200, "application/json", stored_answer("resp_elsewhere").to_string()));
    let first = say(&gateway, "alpha-1", None, false).await;
    assert_eq!(first, "resp_elsewhere");
    let got = ask(&gateway, &json!({"model": MODEL, "input": "beta-2", "previous_response_id": first})).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let asked = fake.requests();
    assert_eq!(asked.len(), 3, "asked by id, then with everything");
    assert_eq!(asked[1].json()["previous_response_id"], json!("resp_elsewhere"));
    let last = asked[2].json();
    assert_eq!(last["input"].as_array().unwrap().len(), 3, "{last}");
    assert!(last.get("previous_response_id").is_none() && last["input"][1].get("id").is_none(), "{last}");
    assert_eq!(request_lines(&gateway, 2).await[1]["attempts"], 1);
}

fn stored_answer(id: &str) -> Value {
    json!({"id": id, "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-model", "store": true,
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {}, "parallel_tool_calls": true,
        "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "output": [{"id": "msg_far", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "far-1", "annotations": [], "logprobs": []}]}],
        "usage": {"input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2}})
}

#[tokio::test]
async fn an_id_that_only_an_upstream_may_know_is_its_to_judge() {
    let fake = FakeResponses::start_storing().await.unwrap();
    let gateway = Setup::new().responses(&fake, 0).start().await;
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "y", "previous_response_id": "resp_made_up"})).await);
    assert_eq!(fake.requests().len(), 1, "the upstream was asked");
}

#[tokio::test]
async fn the_store_is_bounded_by_bytes() {
    let fake = FakeOpenAi::start().await.unwrap();
    let store = json!({"max-bytes": "64KiB", "max-entries": 3});
    let gateway = Setup::new().with("responses-store", store).openai(&fake, 0).start().await;
    let first = say(&gateway, &"x".repeat(40 << 10), None, false).await;
    say(&gateway, &"y".repeat(40 << 10), None, false).await;
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "z", "previous_response_id": first})).await);
    let small = say(&gateway, "small", None, false).await;
    for _ in 0..3 {
        say(&gateway, "next", None, false).await;
    }
    assert_lost(&ask(&gateway, &json!({"model": MODEL, "input": "z", "previous_response_id": small})).await);
}
