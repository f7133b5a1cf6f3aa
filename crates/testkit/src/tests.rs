//! The fakes over HTTP: delivery, faults, counters. What each provider refuses is tested beside its rules.

use serde_json::{Value, json};

use crate::client::{self, Got};
use crate::{Encoding, FakeAnthropic, FakeOpenAi, Gate, Reply, Style, Trouble};

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
