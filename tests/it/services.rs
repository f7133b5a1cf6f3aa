//! Pictures, sound, moderation and ranking: passed on, be the body JSON or a form, the answer JSON, sound or events.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeAnthropic, FakeOpenAi, FakeResponses, Gateway, Reply, Trouble, sound};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{BEARER, Setup, openai_entry, request_lines, soon};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=XY";

async fn post(gateway: &Gateway, path: &str, kind: &str, body: impl Into<Bytes>) -> Got {
    let headers = [("authorization", BEARER), ("content-type", kind)];
    soon(client::send(Method::POST, &format!("{}{path}", gateway.url()), &headers, body.into())).await.unwrap()
}

fn json_of(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap_or_else(|_| panic!("{}: {}", got.status, got.text()))
}

fn text_part(name: &str, value: &str) -> Vec<u8> {
    format!("--XY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
}

fn file_part(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--XY\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.wav\"\r\n");
    [head.as_bytes(), b"Content-Type: audio/wav\r\n\r\n", bytes, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Bytes {
    [&parts.concat()[..], b"--XY--\r\n"].concat().into()
}

/// The words of the fake for a file of these bytes.
fn heard(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u32, |sum, byte| sum.rotate_left(1) ^ u32::from(*byte));
    format!("transcribe: {} bytes, sum {sum}", bytes.len())
}

/// Bytes that a form reader could stumble over.
fn wav(length: usize) -> Vec<u8> {
    b"RIFF\r\n--X\r\n--XZ\r\n\r\n\0".iter().copied().cycle().take(length).collect()
}

#[tokio::test]
async fn json_calls_are_passed_on_under_the_upstreams_name() {
    let fake = FakeOpenAi::start().await.unwrap();
    fake.add_model("omni-moderation-latest");
    let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
    entry["models"].as_array_mut().unwrap().push(json!({"name": "omni-moderation-latest"}));
    let gateway = Setup::new().compat(entry).start().await;
    let picture = r#"{ "prompt":"a ferry" ,"n":1, "model":"model"}"#;
    let got = post(&gateway, "/v1/images/generations", JSON, picture).await;
    assert!(json_of(&got)["data"][0]["b64_json"].is_string());
    assert_eq!(fake.last_request().unwrap().body, picture.replace("\"model\"}", "\"chat-model\"}"));
    let spoken = json!({"model": "model", "input": "hello", "voice": "alloy"}).to_string();
    let got = post(&gateway, "/v1/audio/speech", JSON, spoken).await;
    assert_eq!((got.header("content-type"), &got.body[..]), (Some("audio/mpeg"), &sound("hello")[..]));
    let harm = post(&gateway, "/v1/moderations", JSON, r#"{"input":"harm"}"#).await;
    assert_eq!(json_of(&harm)["results"][0]["flagged"], true, "{}", harm.text());
    for path in ["/v1/rerank", "/rerank"] {
        let body = json!({"model": "masked-chat-model", "query": "q", "documents": ["a", "b"]}).to_string();
        let got = json_of(&post(&gateway, path, JSON, body).await);
        assert_eq!((&got["model"], &got["results"][0]["index"]), (&json!("masked-chat-model"), &json!(1)));
    }
    let lines = request_lines(&gateway, 5).await;
    assert_eq!((&lines[0]["input"], &lines[0]["output"]), (&json!(10), &json!(20)), "{}", lines[0]);
    assert!(lines.iter().all(|line| line["status"] == 200 && line["to"] == "openai_chat"), "{lines:?}");
}

/// What Codex asks of the web outside of its conversations.
#[tokio::test]
async fn a_search_of_codex_reaches_its_service_under_both_addresses() {
    let (fake, chat) = (FakeResponses::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let gateway = Setup::new().responses(&fake, 0).start().await;
    let body =
        r#"{"id":"s1", "model":"model","query":"ferries","prompt_cache_key":"k","prompt_cache_retention":"24h"}"#;
    for path in ["/v1/alpha/search", "/backend-api/codex/alpha/search"] {
        let got = post(&gateway, path, JSON, body).await;
        assert_eq!(json_of(&got)["output"], "found it", "{path}");
        let asked = fake.last_request().unwrap();
        assert_eq!(asked.body, r#"{"id":"s1", "model":"gpt-5-model","query":"ferries"}"#);
    }
    let gateway = Setup::new().anthropic(&chat, 0).start().await;
    let got = post(&gateway, "/v1/alpha/search", JSON, body).await;
    assert_eq!(got.status, 400);
    assert!(json_of(&got)["error"]["message"].as_str().unwrap().contains("has no search"), "{}", got.text());
}

#[tokio::test]
async fn events_flow_as_they_come() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let body = json!({"model": "model", "prompt": "x", "stream": true}).to_string();
    let got = post(&gateway, "/v1/images/generations", JSON, body).await;
    assert!(got.header("content-type").unwrap().starts_with("text/event-stream"));
    assert!(got.text().starts_with("event: image_generation.partial_image\n") && got.text().contains("completed"));
    let spoken = json!({"model": "model", "input": "x", "voice": "v", "stream_format": "sse"}).to_string();
    assert!(post(&gateway, "/v1/audio/speech", JSON, spoken).await.text().contains("speech.audio.done"));
    let form = form(&[text_part("model", "model"), text_part("stream", "true"), file_part("file", b"abc")]);
    let got = post(&gateway, "/v1/audio/transcriptions", FORM, form).await;
    assert!(got.text().contains("transcript.text.done"), "{}", got.text());
    let lines = request_lines(&gateway, 3).await;
    assert!(lines.iter().all(|line| line["output"] == 20 && line["ended"] == "whole"), "{lines:?}");
}

#[tokio::test]
async fn a_form_reaches_the_upstream_whatever_its_order() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let big = wav(5 << 20);
    for (name, bytes) in [("small", &b"RIFF"[..]), ("big", &big)] {
        let (model, file) = (text_part("model", "model"), file_part("file", bytes));
        for (order, parts) in [("first", [model.clone(), file.clone()]), ("last", [file, model])] {
            let got = post(&gateway, "/v1/audio/transcriptions", FORM, form(&parts)).await;
            assert_eq!(got.status, 200, "{name}, model {order}: {}", got.text());
            assert_eq!(json_of(&got)["text"], heard(bytes), "{name}, model {order}");
            let sent = fake.last_request().unwrap();
            let length = sent.header("content-length").unwrap().parse::<usize>().unwrap();
            assert_eq!(length, form(&parts).len() + "chat-model".len() - "model".len());
            fake.clear();
        }
    }
    let plain = form(&[text_part("model", "chat-model"), text_part("response_format", "srt"), file_part("file", b"x")]);
    let got = post(&gateway, "/v1/audio/transcriptions", FORM, plain).await;
    assert_eq!(got.text().trim(), heard(b"x"));
    assert!(got.header("content-type").unwrap().starts_with("text/plain"));
    let edit = form(&[
        file_part("image[]", b"1"),
        file_part("image[]", b"2"),
        text_part("prompt", "p"),
        text_part("model", "model"),
    ]);
    assert_eq!(post(&gateway, "/v1/images/edits", FORM, edit).await.status, 200);
}

#[tokio::test]
async fn a_large_form_flows_on_before_it_has_ended() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", upstream.local_addr().unwrap());
    let gateway = Setup::new().compat(openai_entry(&base, "k", 0)).start().await;
    let whole = form(&[text_part("model", "model"), file_part("file", &wav(3 << 20))]);
    let (start, end) = whole.split_at(2 << 20);
    let mut client = upload(&gateway, whole.len(), start).await;
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    let mut seen = read_until(&mut server, |seen| seen.len() > 1 << 20).await;
    // The end has not been sent, so nobody can have waited for it.
    client.write_all(end).await.unwrap();
    seen.extend(read_until(&mut server, |more| more.ends_with(b"--XY--\r\n")).await);
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("\r\n\r\nchat-model\r\n--XY\r\n"), "{}", &text[..400]);
    assert!(text.contains(&format!("content-length: {}\r\n", whole.len() + 5)), "{}", &text[..400]);
    server.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    let answer = read_until(&mut client, |answer| answer.ends_with(b"ok\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_takes_its_upload_along() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", upstream.local_addr().unwrap());
    let gateway = Setup::new().compat(openai_entry(&base, "k", 0)).start().await;
    let whole = form(&[text_part("model", "model"), file_part("file", &wav(3 << 20))]);
    let client = upload(&gateway, whole.len(), &whole[..2 << 20]).await;
    let (mut server, _) = soon(upstream.accept()).await.unwrap();
    read_until(&mut server, |seen| seen.len() > 1 << 20).await;
    drop(client);
    // The upstream's connection is closed, and not in a way that looks like the end of the form.
    let mut rest = Vec::new();
    let _ = soon(server.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(b"--XY--\r\n"));
    let lines = request_lines(&gateway, 1).await;
    assert!(lines[0]["status"] == 499 || lines[0]["status"] == 400, "{}", lines[0]);
    assert_eq!(lines[0]["attempts"], 1);
}

/// Sends a head that announces `length` bytes, and the first of them.
async fn upload(gateway: &Gateway, length: usize, start: &[u8]) -> TcpStream {
    let host = gateway.url().replace("http://", "");
    let mut client = TcpStream::connect(&host).await.unwrap();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: {host}\r\nauthorization: {BEARER}\r\n\
         content-type: {FORM}\r\ncontent-length: {length}\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(start).await.unwrap();
    client
}

async fn read_until(stream: &mut TcpStream, done: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut seen = Vec::new();
    while !done(&seen) {
        let read = soon(stream.read_buf(&mut seen)).await.unwrap();
        assert!(read > 0, "the connection ended after {} bytes", seen.len());
    }
    seen
}

#[tokio::test]
async fn another_account_is_asked_while_the_body_is_still_here() {
    let (first, second) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let gateway = Setup::new().openai(&first, 9).openai(&second, 1).start().await;
    let path = "/v1/audio/transcriptions";
    first.script(Reply::trouble(Trouble::Overloaded));
    let small = form(&[file_part("file", b"abc"), text_part("model", "model")]);
    assert_eq!(post(&gateway, path, FORM, small).await.status, 200);
    first.script(Reply::trouble(Trouble::Overloaded));
    let spoken = json!({"model": "model", "input": "x", "voice": "v"}).to_string();
    assert_eq!(post(&gateway, "/v1/audio/speech", JSON, spoken).await.status, 200);
    assert_eq!((first.requests().len(), second.requests().len()), (2, 2));
    // Too large to be held, and its file is gone when the first account has refused it.
    first.script(Reply::trouble(Trouble::Overloaded));
    let large = form(&[text_part("model", "model"), file_part("file", &wav(2 << 20))]);
    let got = post(&gateway, path, FORM, large).await;
    assert_eq!(got.status, 503, "{}", got.text());
    assert_eq!((first.requests().len(), second.requests().len()), (3, 2));
}

#[tokio::test]
async fn broken_forms_are_refused_before_anybody_is_asked() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).with("limits", json!({"body-bytes": 4 << 20})).start().await;
    let path = "/v1/audio/transcriptions";
    let file = || file_part("file", b"abc");
    let model = || text_part("model", "model");
    for (what, body, status) in [
        ("no model", form(&[file()]), 400),
        ("an empty model", form(&[file(), text_part("model", " ")]), 400),
        ("two models", form(&[model(), file(), text_part("model", "masked-chat-model")]), 400),
        ("an unknown model", form(&[text_part("model", "nobody"), file()]), 404),
        ("no form at all", Bytes::from_static(b"hello"), 400),
    ] {
        let got = post(&gateway, path, FORM, body).await;
        assert_eq!(got.status.as_u16(), status, "{what}: {}", got.text());
        assert!(json_of(&got)["error"]["message"].is_string(), "{what}");
    }
    let headers = [("authorization", BEARER), ("content-type", FORM), ("content-encoding", "gzip")];
    let url = format!("{}{path}", gateway.url());
    let packed = soon(client::send(Method::POST, &url, &headers, form(&[model(), file()]))).await.unwrap();
    assert_eq!(packed.status, 415);
    let mut much = upload(&gateway, 5 << 20, b"--XY").await;
    let refused = read_until(&mut much, |answer| answer.ends_with(b"}")).await;
    assert!(refused.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&refused));
    assert!(fake.requests().is_empty(), "{:?}", fake.requests());
}

#[tokio::test]
async fn a_model_left_out_is_the_documented_one() {
    let fake = FakeOpenAi::start().await.unwrap();
    let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
    entry["models"] = json!([{"name": "chat-model", "alias": "dall-e-2"}]);
    let gateway = Setup::new().compat(entry).start().await;
    let got = post(&gateway, "/v1/images/variations", FORM, form(&[file_part("image", b"png")])).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(fake.last_request().unwrap().body.contains("name=\"model\"\r\n\r\nchat-model\r\n"));
    let none = post(&gateway, "/v1/images/generations", JSON, r#"{"prompt":"x"}"#).await;
    assert_eq!((none.status.as_u16(), &json_of(&none)["error"]["param"]), (400, &json!("model")));
}

#[tokio::test]
async fn a_place_without_the_service_says_so() {
    let (claude, chat) = (FakeAnthropic::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let gateway = Setup::new().anthropic(&claude, 0).start().await;
    let spoken = json!({"model": "model", "input": "x", "voice": "v"}).to_string();
    let got = post(&gateway, "/v1/audio/speech", JSON, spoken.clone()).await;
    assert_eq!(got.status, 400);
    assert!(json_of(&got)["error"]["message"].as_str().unwrap().contains("has no speech"), "{}", got.text());
    let gateway = Setup::new().openai(&chat, 0).start().await;
    chat.script(Reply::raw(404, "text/plain", "404 page not found"));
    let got = post(&gateway, "/v1/audio/speech", JSON, spoken.clone()).await;
    assert_eq!(got.status, 404);
    assert!(json_of(&got)["error"]["message"].as_str().unwrap().contains("404 page not found"), "{}", got.text());
    chat.script(Reply::html(200));
    assert_eq!(post(&gateway, "/v1/audio/speech", JSON, spoken).await.status, 502);
}

#[tokio::test]
async fn sound_that_breaks_off_is_no_whole_answer() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    fake.script(Reply::lively().cut_after(1));
    let spoken = json!({"model": "model", "input": "x", "voice": "v"}).to_string();
    let got = post(&gateway, "/v1/audio/speech", JSON, spoken).await;
    assert!(got.broken.is_some() || got.status == 502, "{} {}", got.status, got.body.len());
    let line = &request_lines(&gateway, 1).await[0];
    assert_ne!(line["fault"], Value::Null, "{line}");
}
