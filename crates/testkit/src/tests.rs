//! The fakes over HTTP: delivery, faults, counters. What each provider refuses is tested beside its rules.

use serde_json::{Value, json};

use crate::client::{self, Got};
use crate::{Encoding, FakeAnthropic, FakeOpenAi, Gate, Quirk, Reply, Style, Trouble};

fn chat(stream: bool) -> Value {
    json!({"model": "chat-model", "stream": stream, "messages": [{"role": "user", "content": "hi there"}]})
}

async fn ask_openai(fake: &FakeOpenAi, body: &Value) -> Got {
    let key = format!("Bearer {}", fake.key());
    client::post(&format!("{}/chat/completions", fake.base_url()), &[("authorization", &key)], body).await.unwrap()
}

fn message(stream: bool) -> Value {
    json!({"model": "claude-model", "max_tokens": 500, "stream": stream,
        "messages": [{"role": "user", "content": "hi there"}]})
}

async fn ask_anthropic(fake: &FakeAnthropic, body: &Value) -> Got {
    let headers = [("x-api-key", &*fake.key()), ("anthropic-version", "2026-10-21")];
    client::post(&format!("{}/v1/messages", fake.url()), &headers, body).await.unwrap()
}

fn chat_text(got: &Got) -> String {
    let chunks = got.events().into_iter().filter_map(|data| serde_json::from_str::<Value>(&data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn stream_and_body_say_the_same() {
    let fake = FakeOpenAi::start().await.unwrap();
    let whole = ask_openai(&fake, &chat(false)).await.json();
    let streamed = ask_openai(&fake, &chat(true)).await;
    assert_eq!(whole["choices"][0]["message"]["content"], chat_text(&streamed));
    assert_eq!(streamed.events().last().unwrap(), "[DONE]");
    assert!(!streamed.text().contains("usage"), "usage comes only when asked for");
}

#[tokio::test]
async fn usage_chunk_comes_when_asked_for_and_agrees_with_the_body() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.script(Reply::text("one two three"));
    let mut body = chat(true);
    body["stream_options"] = json!({"include_usage": true});
    let events = ask_openai(&fake, &body).await.events();
    let last: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 3);
    let first: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(first["usage"], Value::Null);
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
}

#[tokio::test]
async fn anthropic_stream_follows_the_grammar() {
    let fake = FakeAnthropic::start().await.unwrap();
    fake.script(Reply::thinking("let me see", "well then"));
    let kinds: Vec<String> =
        ask_anthropic(&fake, &message(true)).await.events().iter().map(|data| kind(data)).collect();
    let wanted = "message_start content_block_start ping content_block_delta content_block_delta content_block_delta \
        content_block_delta content_block_stop content_block_start content_block_delta content_block_delta \
        content_block_stop message_delta message_stop";
    assert_eq!(kinds.join(" "), wanted);
}

fn kind(data: &str) -> String {
    serde_json::from_str::<Value>(data).unwrap()["type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_style_carries_the_same_events() {
    let fake = FakeOpenAi::start().await.unwrap();
    let plain = chat_text(&ask_openai(&fake, &chat(true)).await);
    for style in [Style::Crlf, Style::NoSpace, Style::Comments, Style::EveryByte, Style::MultiLine] {
        fake.script(Reply::lively().style(style));
        assert_eq!(chat_text(&ask_openai(&fake, &chat(true)).await), plain, "{style:?}");
    }
    fake.script(Reply::lively().style(Style::Bom));
    assert!(ask_openai(&fake, &chat(true)).await.body.starts_with(b"\xef\xbb\xbfdata: "));
}

#[tokio::test]
async fn encodings_are_declared_and_real() {
    let fake = FakeOpenAi::start().await.unwrap();
    let magic: [(Encoding, &str, &[u8]); 3] = [
        (Encoding::Gzip, "gzip", b"\x1f\x8b"),
        (Encoding::Zstd, "zstd", b"\x28\xb5\x2f\xfd"),
        (Encoding::Brotli, "br", b""),
    ];
    for (encoding, name, start) in magic {
        for stream in [false, true] {
            fake.script(Reply::lively().encoded(encoding));
            let got = ask_openai(&fake, &chat(stream)).await;
            assert_eq!(got.header("content-encoding"), Some(name));
            assert!(got.body.starts_with(start) && !got.text().contains("choices"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_cut_breaks_the_connection_and_an_early_end_does_not() {
    let fake = FakeAnthropic::start().await.unwrap();
    fake.script(Reply::lively().cut_after(3));
    let cut = ask_anthropic(&fake, &message(true)).await;
    assert!(cut.broken.is_some() && cut.events().len() == 3, "{cut:?}");
    fake.script(Reply::lively().end_after(3));
    let ended = ask_anthropic(&fake, &message(true)).await;
    assert!(ended.broken.is_none() && ended.events().len() == 3, "{ended:?}");
    assert_eq!(fake.cancel_count(), 0, "the fake itself broke off, not the client");
}

#[tokio::test]
async fn faults_speak_the_providers_words() {
    let fake = FakeAnthropic::start().await.unwrap();
    fake.script(Reply::trouble(Trouble::Overloaded));
    let got = ask_anthropic(&fake, &message(false)).await;
    assert_eq!((got.status.as_u16(), got.json()["error"]["type"].as_str()), (529, Some("overloaded_error")));
    fake.script(Reply::trouble(Trouble::RateLimited(9)));
    let got = ask_anthropic(&fake, &message(false)).await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, Some("9")));
    fake.script(Reply::lively().error_after(2));
    let events = ask_anthropic(&fake, &message(true)).await.events();
    assert_eq!(
        events.iter().map(|data| kind(data)).collect::<Vec<_>>(),
        ["message_start", "content_block_start", "error"]
    );
    fake.script(Reply::html(502));
    assert_eq!(ask_anthropic(&fake, &message(true)).await.header("content-type"), Some("text/html"));
}

#[tokio::test]
async fn endings_can_be_too_long() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.script(Reply::lively().terminated_twice());
    let events = ask_openai(&fake, &chat(true)).await.events();
    assert_eq!(events.iter().filter(|data| *data == "[DONE]").count(), 2);
    fake.script(Reply::lively().garbage_after_end());
    assert!(ask_openai(&fake, &chat(true)).await.events().last().unwrap().contains("GHOST"));
}

#[tokio::test]
async fn a_hang_up_in_mid_stream_is_noticed() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gate = Gate::new();
    fake.script(Reply::lively().stall_after(2, &gate));
    let key = format!("Bearer {}", fake.key());
    let url = format!("{}/chat/completions", fake.base_url());
    let mut live = client::open_post(&url, &[("authorization", &key)], &chat(true)).await.unwrap();
    live.until("assistant").await.unwrap();
    gate.reached().await;
    assert_eq!(fake.cancel_count(), 0);
    drop(live);
    fake.cancelled(1).await;
    assert_eq!((fake.cancel_count(), fake.accept_count()), (1, 1));
}

#[tokio::test]
async fn a_stall_ends_when_the_gate_opens() {
    let fake = FakeOpenAi::start().await.unwrap();
    let (before, within) = (Gate::new(), Gate::new());
    fake.script(Reply::text("a b c").hold(&before).stall_after(2, &within));
    let body = chat(true);
    let opener = async {
        before.reached().await;
        before.open();
        within.reached().await;
        within.open();
    };
    let (got, ()) = tokio::join!(ask_openai(&fake, &body), opener);
    assert_eq!(chat_text(&got), "a b c");
    assert_eq!(fake.cancel_count(), 0);
}

#[tokio::test]
async fn big_answers_arrive_whole() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.script(Reply::tiny_chunks(10_000));
    assert_eq!(chat_text(&ask_openai(&fake, &chat(true)).await), "x ".repeat(10_000));
    fake.script(Reply::long_line(20 << 20));
    assert_eq!(chat_text(&ask_openai(&fake, &chat(true)).await).len(), 20 << 20);
}

#[tokio::test]
async fn requests_are_recorded_even_when_refused() {
    let fake = FakeAnthropic::start().await.unwrap();
    let got =
        client::post(&format!("{}/v1/messages?beta=true", fake.url()), &[("x-test", "1")], &json!({})).await.unwrap();
    assert_eq!(got.status.as_u16(), 401);
    fake.received(1).await;
    let seen = fake.last_request().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/messages?beta=true"));
    assert_eq!((seen.header("x-test"), seen.body.as_str()), (Some("1"), "{}"));
    let listed = client::send(http::Method::GET, &format!("{}/__requests", fake.url()), &[], "").await.unwrap();
    assert_eq!(listed.json()[0]["headers"]["x-test"], "1");
    client::send(http::Method::DELETE, &format!("{}/__requests", fake.url()), &[], "").await.unwrap();
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn limits_of_the_request_shape_the_answer() {
    let fake = FakeAnthropic::start().await.unwrap();
    let mut body = message(false);
    body["max_tokens"] = json!(2);
    let got = ask_anthropic(&fake, &body).await.json();
    assert_eq!((&got["stop_reason"], &got["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(2)));
    let mut body = message(false);
    body["stop_sequences"] = json!(["You"]);
    let got = ask_anthropic(&fake, &body).await.json();
    assert_eq!((&got["stop_reason"], &got["stop_sequence"]), (&json!("stop_sequence"), &json!("You")));
    assert!(!got["content"][0]["text"].as_str().unwrap().contains("You"));
}

fn weather() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]})
}

fn chat_tools(text: &str) -> Value {
    let function = json!({"name": "get_weather", "parameters": weather()});
    json!({"model": "chat-model", "messages": [{"role": "user", "content": text}],
        "tools": [{"type": "function", "function": function}]})
}

#[tokio::test]
async fn tools_are_called_when_the_text_asks_for_it() {
    let fake = FakeOpenAi::start().await.unwrap();
    let message = |got: Got| got.json()["choices"][0]["message"].clone();
    assert!(message(ask_openai(&fake, &chat_tools("hello")).await).get("tool_calls").is_none());
    let both = message(ask_openai(&fake, &chat_tools("weather of both")).await)["tool_calls"].clone();
    let arguments = |index: usize| both[index]["function"]["arguments"].as_str().unwrap().to_owned();
    assert_eq!(
        (arguments(0), arguments(1)),
        (r#"{"city":"Paris","days":7}"#.into(), r#"{"city":"Tōkyō","days":7}"#.into())
    );
    assert_ne!(both[0]["id"], both[1]["id"]);
    let exact = r#"{"city": "x",  "n": 1.0}"#;
    let spelled = message(ask_openai(&fake, &chat_tools(&format!("call get_weather {exact} now"))).await);
    assert_eq!(spelled["tool_calls"][0]["function"]["arguments"], exact, "byte for byte");
}

#[tokio::test]
async fn what_a_fake_said_it_takes_back() {
    let fake = FakeAnthropic::start().await.unwrap();
    let mut body = message(false);
    body["tools"] = json!([{"name": "get_weather", "input_schema": weather()}]);
    body["thinking"] = json!({"type": "adaptive"});
    body["messages"][0]["content"] = json!("explain the weather, redacted");
    let answer = ask_anthropic(&fake, &body).await.json();
    let kinds: Vec<&str> =
        answer["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "redacted_thinking", "text", "tool_use"]);
    let result = json!({"type": "tool_result", "tool_use_id": answer["content"][3]["id"], "content": "rain"});
    let turns = body["messages"].as_array_mut().unwrap();
    turns.push(json!({"role": "assistant", "content": answer["content"]}));
    turns.push(json!({"role": "user", "content": [result]}));
    let last = ask_anthropic(&fake, &body).await.json();
    assert_eq!(last["content"][1]["text"], "The tool answered: rain.");
}

async fn quirky(quirk: Quirk) -> Vec<Value> {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.script(Reply::tool_calls(&[("call_a", "f", r#"{"a": "some words"}"#), ("call_b", "g", "{}")]).quirk(quirk));
    let mut body = chat_tools("x");
    body["stream"] = json!(true);
    let events = ask_openai(&fake, &body).await.events();
    assert_eq!(events.last().unwrap(), "[DONE]", "{quirk:?}");
    events[..events.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn calls(chunks: &[Value]) -> Vec<&Value> {
    chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).filter(|call| !call.is_null()).collect()
}

#[tokio::test]
async fn quirks_do_what_they_are_called() {
    assert!(quirky(Quirk::UsageOnEveryChunk).await.iter().all(|chunk| chunk["usage"]["total_tokens"].is_u64()));
    let late = quirky(Quirk::LateUsage).await;
    assert!(
        late.last().unwrap()["usage"].is_object()
            && late.iter().filter(|chunk| chunk.get("usage").is_some()).count() == 1
    );
    let with_finish = quirky(Quirk::UsageWithFinish).await;
    let last = with_finish.last().unwrap();
    assert!(last["usage"].is_object() && last["choices"][0]["finish_reason"] == "tool_calls");
    assert!(quirky(Quirk::Heartbeats).await.iter().step_by(2).all(|chunk| chunk["choices"] == json!([])));
    let chunks = quirky(Quirk::MissingIndex).await;
    assert!(!calls(&chunks).is_empty() && calls(&chunks).iter().all(|call| call.get("index").is_none()));
    let chunks = quirky(Quirk::WholeCalls).await;
    let whole: Vec<&Value> = calls(&chunks).iter().map(|call| &call["function"]["arguments"]).collect();
    assert_eq!(whole, [r#"{"a": "some words"}"#, "{}"]);
    let chunks = quirky(Quirk::Repetitive).await;
    assert!(calls(&chunks).iter().all(|call| call["id"].is_string() && call["function"]["name"].is_string()));
}

#[tokio::test]
async fn every_advertised_model_answers_or_fails_as_named() {
    let fake = FakeOpenAi::start().await.unwrap();
    let key = format!("Bearer {}", fake.key());
    let listed =
        client::send(http::Method::GET, &format!("{}/models", fake.base_url()), &[("authorization", &key)], "").await;
    for entry in listed.unwrap().json()["data"].as_array().unwrap() {
        let name = entry["id"].as_str().unwrap();
        if name == "fault-hang" || name == "fault-silent" || name == "slow" {
            continue;
        }
        let mut body = chat(true);
        body["model"] = json!(name);
        let got = ask_openai(&fake, &body).await;
        match name.strip_prefix("status-") {
            Some(status) => assert_eq!(got.status.as_str(), status, "{name}"),
            None => assert!(got.status != 404, "{name}"),
        }
        if name.starts_with("odd-") {
            assert!(got.status == 200 && got.broken.is_none(), "{name}");
        }
    }
    let mut body = chat(false);
    body["model"] = json!("no-such-model");
    assert_eq!(ask_openai(&fake, &body).await.json()["error"]["code"], "model_not_found");
}

#[cfg(unix)]
mod process {
    //! The process wrapper, with a shell script in the gateway's place.

    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use crate::Gateway;

    fn program(directory: &tempfile::TempDir, script: &str) -> PathBuf {
        let path = directory.path().join("gateway");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    // One test: a script that another thread's fork still holds open for writing cannot be started.
    #[tokio::test]
    async fn it_waits_for_the_ready_line_ends_on_request_and_says_why_it_failed() {
        let directory = tempfile::tempdir().unwrap();
        let script = r#"trap 'echo bye; exit 3' TERM
            [ "$1" = --config ] && cat "$2"
            echo "INFO listening on http://127.0.0.1:4321, one worker" >&2
            while :; do :; done"#;
        let gateway = Gateway::start(&program(&directory, script), "port: 0\n").await.unwrap();
        assert_eq!(gateway.url(), "http://127.0.0.1:4321");
        assert!(gateway.logged("port: 0").await);
        let (status, log) = gateway.terminate().await.unwrap();
        assert_eq!((status.code(), log.last().map(String::as_str)), (Some(3), Some("bye")));

        let error = Gateway::start(&program(&directory, "echo no such key >&2; exit 1"), "").await.unwrap_err();
        assert!(error.to_string().contains("no such key"), "{error}");
    }
}

#[tokio::test]
async fn a_port_is_kept_between_two_fakes() {
    let port = crate::Port::reserve().unwrap();
    let refused = async || tokio::net::TcpStream::connect(("127.0.0.1", port.number())).await.is_err();
    assert!(refused().await, "nobody listens yet");
    assert!(std::net::TcpListener::bind(("127.0.0.1", port.number())).is_err(), "and nobody else can");
    for _ in 0..2 {
        let fake = FakeOpenAi::start_on(port.number()).await.unwrap();
        assert_eq!(ask_openai(&fake, &chat(false)).await.status, 200);
        drop(fake);
        while !refused().await {
            tokio::task::yield_now().await;
        }
    }
}
