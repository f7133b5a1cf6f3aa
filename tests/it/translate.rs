//! Between dialects, and between streams and whole answers: what one side says, the other hears.

use serde_json::{Value, json};
use testkit::client::Got;
use testkit::{Quirk, Reply};

use crate::harness::{MODEL, request_lines};
use crate::tongue::{Chat, Messages, PAIRS, Tongue};

#[tokio::test]
async fn text_arrives_in_all_directions() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        for stream in [false, true] {
            let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
            let case = format!("{client:?} over {wire:?}, stream {stream}: {}", got.text());
            assert_eq!(got.status, 200, "{case}");
            let text = client.text(&got, stream);
            assert!(text.contains("grüße, 世界 🌍.") && text.ends_with("You said: How are you?"), "{case}");
            assert!(!stream || client.is_complete(&got), "{case}");
            let kind = if stream { "text/event-stream; charset=utf-8" } else { "application/json" };
            assert_eq!(got.header("content-type"), Some(kind), "{case}");
        }
        let lines = request_lines(&gateway, 2).await;
        let counts: Vec<_> = lines.iter().map(|line| (line["input"].clone(), line["output"].clone())).collect();
        assert_eq!(counts[0].1, counts[1].1, "stream and whole count the same: {lines:?}");
        assert!(counts[0].0.as_u64().is_some_and(|input| input > 0), "{lines:?}");
    }
}

#[tokio::test]
async fn thoughts_stay_back_from_whoever_wants_none() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    for (thinking, shown) in [(json!({"type": "disabled"}), false), (json!(null), true)] {
        for stream in [false, true] {
            fake.script(Reply::thinking("pondering", "plain answer"));
            let mut body = Messages.body(MODEL, stream);
            body["thinking"] = thinking.clone();
            let got = Messages.ask(&gateway, &body).await;
            let case = format!("{thinking} stream {stream}: {}", got.text());
            let told = format!("{}{}", got.text(), Messages.text(&got, stream));
            assert!(got.status == 200 && told.contains("plain answer"), "{case}");
            assert!(!stream || Messages.is_complete(&got), "{case}");
            assert_eq!(got.text().contains("\"type\":\"thinking\""), shown, "{case}");
            assert!(shown || !told.contains("pond"), "{case}");
        }
    }
}

/// As OpenRouter tells it, relayed and to the clients whose SDKs take a field more.
#[tokio::test]
async fn what_an_answer_cost_is_told_and_logged() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let usage = r#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cost":1.4e-5,"cost_details":{"x":1}}"#;
    let whole = format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","usage":{usage},
            "choices":[{{"index":0,"message":{{"role":"assistant","content":"x"}},"finish_reason":"stop"}}]}}"#
    );
    let chunk = |choices: &str, usage: &str| {
        format!(
            r#"data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":{choices},"usage":{usage}}}"#
        ) + "\n\n"
    };
    let said = r#"[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]"#;
    let stream = chunk(said, "null") + &chunk("[]", usage) + "data: [DONE]\n\n";
    for client in [Chat, Messages] {
        for streamed in [false, true] {
            fake.script(match streamed {
                false => Reply::raw(200, "application/json", whole.clone()),
                true => Reply::raw(200, "text/event-stream", stream.clone()),
            });
            let mut body = client.body(MODEL, streamed);
            if client == Chat && streamed {
                body["stream_options"] = json!({"include_usage": true});
            }
            let got = client.ask(&gateway, &body).await;
            let wanted = if client == Chat { "\"cost\":1.4e-5" } else { "\"cost\":0.000014" };
            assert!(got.text().contains(wanted), "{client:?} {streamed}: {}", got.text());
        }
    }
    let lines = request_lines(&gateway, 4).await;
    assert!(lines.iter().all(|line| line["cost"] == json!(1.4e-5)), "{lines:?}");
}

#[tokio::test]
async fn replies_show_the_name_that_the_client_used() {
    for (client, wire) in [(Chat, Messages), (Messages, Chat)] {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let whole = client.ask(&gateway, &client.body(MODEL, false)).await;
        assert_eq!(whole.json()["model"], MODEL, "{}", whole.text());
        let stream = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert!(stream.text().contains("\"model\":\"model\""), "{}", stream.text());
    }
}

/// JSON in answer to a request for a stream, and a stream in answer to a request for JSON.
#[tokio::test]
async fn an_answer_in_the_other_form_is_bridged() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.script(Reply::raw(200, "application/json", wire.whole_reply("played back")));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        assert_eq!(client.text(&got, true), "played back", "{client:?} over {wire:?}: {}", got.text());
        assert!(client.is_complete(&got), "{}", got.text());

        let stream = recorded_stream(wire).await;
        fake.script(Reply::raw(200, "text/event-stream", stream));
        let got = client.ask(&gateway, &client.body(MODEL, false)).await;
        assert_eq!(client.text(&got, false), "one two three", "{client:?} over {wire:?}: {}", got.text());
        assert_eq!(got.header("content-type"), Some("application/json"));
    }
}

/// The bytes of a stream, as the fake would send them.
async fn recorded_stream(wire: Tongue) -> String {
    let fake = wire.fake().await;
    let gateway = fake.gateway().await;
    fake.script(Reply::text("one two three"));
    let mut body = wire.body(MODEL, true);
    if wire == Chat {
        body["stream_options"] = json!({"include_usage": true});
    }
    wire.ask(&gateway, &body).await.text()
}

fn weather(client: Tongue) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    match client {
        Chat => json!({"type": "function",
            "function": {"name": "get_weather", "description": "The weather", "parameters": schema}}),
        Messages => json!({"name": "get_weather", "description": "The weather", "input_schema": schema}),
    }
}

/// The id and the city of the call in an answer.
fn call(client: Tongue, got: &Got, stream: bool) -> (String, String) {
    let (id, arguments) = match (client, stream) {
        (Chat, false) => {
            let call = got.json()["choices"][0]["message"]["tool_calls"][0].clone();
            assert_eq!(got.json()["choices"][0]["finish_reason"], "tool_calls", "{}", got.text());
            (call["id"].clone(), call["function"]["arguments"].as_str().unwrap().to_owned())
        }
        (Messages, false) => {
            let content = got.json()["content"].clone();
            let call = content.as_array().unwrap().iter().find(|block| block["type"] == "tool_use").unwrap().clone();
            assert_eq!(got.json()["stop_reason"], "tool_use");
            (call["id"].clone(), call["input"].to_string())
        }
        (_, true) => {
            let events: Vec<Value> = got.events().iter().filter_map(|e| serde_json::from_str(e).ok()).collect();
            let ids = ["/choices/0/delta/tool_calls/0/id", "/content_block/id"];
            let texts = ["/choices/0/delta/tool_calls/0/function/arguments", "/delta/partial_json"];
            let find = |places: &[&str; 2]| -> Vec<Value> {
                events
                    .iter()
                    .filter_map(|event| places.iter().find_map(|place| event.pointer(place).cloned()))
                    .collect()
            };
            let text: String = find(&texts).iter().filter_map(Value::as_str).collect();
            (find(&ids)[0].clone(), text)
        }
    };
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    (id.as_str().unwrap().to_owned(), arguments["city"].as_str().unwrap().to_owned())
}

/// The request that answers a call.
fn follow_up(client: Tongue, first: &Value, id: &str, city: &str) -> Value {
    let mut body = first.clone();
    let messages = body["messages"].as_array_mut().unwrap();
    match client {
        Chat => messages.extend([
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function",
                "function": {"name": "get_weather", "arguments": json!({"city": city}).to_string()}}]}),
            json!({"role": "tool", "tool_call_id": id, "content": "sunny, 21 degrees"}),
        ]),
        Messages => messages.extend([
            json!({"role": "assistant",
                "content": [{"type": "tool_use", "id": id, "name": "get_weather", "input": {"city": city}}]}),
            json!({"role": "user",
                "content": [{"type": "tool_result", "tool_use_id": id, "content": "sunny, 21 degrees"}]}),
        ]),
    }
    body
}

#[tokio::test]
async fn a_tool_makes_its_round_trip() {
    for (client, wire) in PAIRS {
        for stream in [false, true] {
            let fake = wire.fake().await;
            let gateway = fake.gateway().await;
            let mut body = client.body(MODEL, stream);
            body["messages"][0]["content"] = json!("What is the weather?");
            body["tools"] = json!([weather(client)]);
            let got = client.ask(&gateway, &body).await;
            let case = format!("{client:?} over {wire:?}, stream {stream}");
            assert_eq!(got.status, 200, "{case}: {}", got.text());
            let (id, city) = call(client, &got, stream);
            assert_eq!(city, "Paris", "{case}");
            let got = client.ask(&gateway, &follow_up(client, &body, &id, &city)).await;
            let text = client.text(&got, stream);
            assert!(text.contains("The tool answered: sunny, 21 degrees"), "{case}: {}", got.text());
        }
    }
}

#[tokio::test]
async fn vendors_habits_change_nothing_for_the_client() {
    let habits =
        [Quirk::UsageOnEveryChunk, Quirk::LateUsage, Quirk::UsageWithFinish, Quirk::Heartbeats, Quirk::Repetitive];
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        for (number, habit) in habits.into_iter().enumerate() {
            fake.script(Reply::text("one two three").quirk(habit));
            let got = client.ask(&gateway, &client.body(MODEL, true)).await;
            let case = format!("{habit:?}: {client:?} over {wire:?}: {}", got.text());
            assert_eq!(client.text(&got, true), "one two three", "{case}");
            assert!(client.is_complete(&got), "{case}");
            let line = &request_lines(&gateway, number + 1).await[number];
            assert_eq!(line["output"], 3, "{case} {line}");
        }
    }
}

#[tokio::test]
async fn whole_calls_and_missing_indexes_become_proper_streams() {
    for client in [Chat, Messages] {
        let fake = Chat.fake().await;
        let gateway = fake.gateway().await;
        for habit in [Quirk::MissingIndex, Quirk::WholeCalls, Quirk::Repetitive] {
            let calls = [("call_a", "get_weather", r#"{"city":"Oslo"}"#)];
            fake.script(Reply::tool_calls(&calls).quirk(habit));
            let mut body = client.body(MODEL, true);
            body["tools"] = json!([weather(client)]);
            let got = client.ask(&gateway, &body).await;
            assert_eq!(call(client, &got, true).1, "Oslo", "{habit:?} for {client:?}: {}", got.text());
        }
    }
}

#[tokio::test]
async fn what_a_translation_cannot_carry_is_told() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    let mut body = Chat.body(MODEL, false);
    body["frequency_penalty"] = json!(0.5);
    let got = Chat.ask(&gateway, &body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let losses = got.header("x-bosporus-losses").unwrap_or_default();
    assert!(losses.contains("frequency_penalty"), "{:?}", got.headers);
    let line = &request_lines(&gateway, 1).await[0];
    assert!(line["losses"].as_u64() >= Some(1), "{line}");
    assert_eq!((&line["from"], &line["to"]), (&json!("openai_chat"), &json!("anthropic")), "{line}");
}

#[tokio::test]
async fn tokens_are_counted_natively_or_guessed_and_marked() {
    for (wire, guessed) in [(Messages, false), (Chat, true)] {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let mut body = Messages.body(MODEL, false);
        body.as_object_mut().unwrap().remove("max_tokens");
        let url = format!("{}/v1/messages/count_tokens", gateway.url());
        let got = crate::harness::soon(testkit::client::post(&url, &Messages.headers(), &body)).await.unwrap();
        assert_eq!(got.status, 200, "{wire:?}: {}", got.text());
        assert!(got.json()["input_tokens"].as_u64() > Some(0), "{}", got.text());
        assert_eq!(got.header("x-bosporus-estimate").is_some(), guessed, "{wire:?}");
        assert_eq!(fake.requests().len(), usize::from(!guessed));
        assert_eq!(request_lines(&gateway, 1).await.len(), 1);
    }
}

#[tokio::test]
async fn legacy_completions_are_answered_by_every_upstream() {
    for wire in [Chat, Messages] {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let url = format!("{}/v1/completions", gateway.url());
        for stream in [false, true] {
            let body = json!({"model": MODEL, "prompt": "Once upon a time", "max_tokens": 200, "stream": stream});
            let got = crate::harness::soon(testkit::client::post(&url, &Chat.headers(), &body)).await.unwrap();
            assert_eq!(got.status, 200, "{wire:?}: {}", got.text());
            let pieces = if stream { got.events() } else { vec![got.text()] };
            let values: Vec<Value> = pieces.iter().filter_map(|piece| serde_json::from_str(piece).ok()).collect();
            let text: String = values.iter().filter_map(|value| value["choices"][0]["text"].as_str()).collect();
            assert!(text.contains("Once upon a time"), "{wire:?}, stream {stream}: {}", got.text());
            assert!(values.iter().all(|value| value["object"] == "text_completion"), "{}", got.text());
            assert!(!stream || pieces.last().is_some_and(|last| last == "[DONE]"), "{}", got.text());
        }
        let broken = json!({"model": MODEL, "prompt": {"a": 1}});
        let got = crate::harness::soon(testkit::client::post(&url, &Chat.headers(), &broken)).await.unwrap();
        assert_eq!(got.status, 400);
        Chat.error(&got);
    }
}

#[tokio::test]
async fn the_demo_answers_in_every_dialect_without_any_account() {
    let gateway = crate::harness::Setup::new().with("demo", json!(true)).start().await;
    for client in [Chat, Messages] {
        for stream in [false, true] {
            let got = client.ask(&gateway, &client.body("demo", stream)).await;
            assert!(client.text(&got, stream).contains("How are you?"), "{client:?}: {}", got.text());
            assert!(!stream || client.is_complete(&got), "{}", got.text());
            let mut body = client.body("demo", stream);
            body["messages"][0]["content"] = json!("Please call the tool for the weather");
            body["tools"] = json!([weather(client)]);
            let got = client.ask(&gateway, &body).await;
            assert!(got.text().contains("get_weather"), "{client:?}, stream {stream}: {}", got.text());
        }
    }
}
