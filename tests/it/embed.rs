//! Embeddings: every client's call at every place, vector by vector.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeAnthropic, FakeGemini, FakeOpenAi, Gateway, Reply, Trouble, vector};

use crate::harness::{BEARER, MODEL, Setup, request_lines, soon};

const LENGTH: usize = 6;

/// A client's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    OpenAi,
    OpenAiPacked,
    GeminiOne,
    GeminiMany,
    Ollama,
    OllamaOne,
}

use Caller::{GeminiMany, GeminiOne, Ollama, OllamaOne, OpenAi, OpenAiPacked};

const CALLERS: [Caller; 6] = [OpenAi, OpenAiPacked, GeminiOne, GeminiMany, Ollama, OllamaOne];

impl Caller {
    fn path(self, model: &str) -> String {
        match self {
            OpenAi | OpenAiPacked => "/v1/embeddings".into(),
            GeminiOne => format!("/v1beta/models/{model}:embedContent"),
            GeminiMany => format!("/v1/models/{model}:batchEmbedContents"),
            Ollama => "/api/embed".into(),
            OllamaOne => "/ollama/api/embeddings".into(),
        }
    }

    /// Only one text fits into some calls.
    fn texts<'a>(self, texts: &'a [&'a str]) -> &'a [&'a str] {
        if matches!(self, GeminiOne | OllamaOne) { &texts[..1] } else { texts }
    }

    fn body(self, model: &str, texts: &[&str]) -> Value {
        let content = |text: &str| json!({"parts": [{"text": text}]});
        let request = |text: &&str| json!({"model": format!("models/{model}"), "content": content(text)});
        match self {
            OpenAi => json!({"model": model, "input": texts}),
            OpenAiPacked => json!({"model": model, "input": texts, "encoding_format": "base64"}),
            GeminiOne => json!({"content": content(texts[0])}),
            GeminiMany => json!({"requests": texts.iter().map(request).collect::<Vec<_>>()}),
            Ollama => json!({"model": model, "input": texts}),
            OllamaOne => json!({"model": model, "prompt": texts[0]}),
        }
    }

    fn vectors(self, answer: &Value) -> Vec<Vec<f32>> {
        let floats = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        let list = |value: &Value| value.as_array().unwrap().clone();
        match self {
            OpenAi => list(&answer["data"]).iter().map(|item| floats(&item["embedding"])).collect(),
            OpenAiPacked => list(&answer["data"]).iter().map(|item| unpacked(&item["embedding"])).collect(),
            GeminiOne => vec![floats(&answer["embedding"]["values"])],
            GeminiMany => list(&answer["embeddings"]).iter().map(|item| floats(&item["values"])).collect(),
            Ollama => list(&answer["embeddings"]).iter().map(floats).collect(),
            OllamaOne => vec![floats(&answer["embedding"])],
        }
    }
}

fn unpacked(value: &Value) -> Vec<f32> {
    let raw = STANDARD.decode(value.as_str().unwrap()).unwrap();
    raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Got {
    let headers = [("authorization", BEARER), ("content-type", "application/json")];
    soon(client::send(Method::POST, &format!("{}{path}", gateway.url()), &headers, body.to_string())).await.unwrap()
}

async fn ask(gateway: &Gateway, caller: Caller, model: &str, texts: &[&str]) -> Got {
    post(gateway, &caller.path(model), &caller.body(model, texts)).await
}

fn json_of(got: &Got) -> Value {
    serde_json::from_slice(&got.body).unwrap_or_else(|_| panic!("{}: {}", got.status, got.text()))
}

fn entry(base: &str, key: &str, name: &str, alias: &str) -> Value {
    json!({"api-key": key, "base-url": base, "models": [{"name": name, "alias": alias}]})
}

/// A gateway with one model at each kind of place.
async fn everywhere(openai: &FakeOpenAi, gemini: &FakeGemini) -> Gateway {
    let compat = json!({"name": "vendor", "base-url": openai.base_url(), "api-key-entries": [{"api-key": openai.key()}],
        "models": [{"name": "chat-model", "alias": "at-compat"}]});
    Setup::new()
        .compat(compat)
        .with("codex-api-key", json!([entry(&openai.base_url(), &openai.key(), "gpt-5-model", "at-codex")]))
        .with("gemini-api-key", json!([entry(&gemini.url(), &gemini.key(), "gemini-2.5-model", "at-gemini")]))
        .with("vertex-api-key", json!([vertex(gemini)]))
        .with("ollama", json!([{"base-url": openai.url(), "models": [{"name": "agent-model", "alias": "at-ollama"}]}]))
        .start()
        .await
}

/// Both of Vertex's forms.
fn vertex(gemini: &FakeGemini) -> Value {
    gemini.add_model("text-embedding-005");
    let mut entry = entry(&gemini.url(), &gemini.key(), "gemini-2.5-model", "at-vertex");
    entry["models"].as_array_mut().unwrap().push(json!({"name": "text-embedding-005", "alias": "at-predict"}));
    entry
}

#[tokio::test]
async fn every_call_gives_the_same_vectors_at_every_place() {
    let (openai, gemini) = (FakeOpenAi::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let gateway = everywhere(&openai, &gemini).await;
    let texts = ["the ferry leaves at noon", "grüße, 世界 🌍", "a\n\"b\""];
    for model in ["at-compat", "at-codex", "at-gemini", "at-ollama", "at-vertex", "at-predict"] {
        for caller in CALLERS {
            let got = ask(&gateway, caller, model, caller.texts(&texts)).await;
            assert_eq!(got.status, 200, "{caller:?} {model}: {}", got.text());
            let expect: Vec<_> = caller.texts(&texts).iter().map(|text| vector(text, LENGTH)).collect();
            assert_eq!(caller.vectors(&json_of(&got)), expect, "{caller:?} {model}");
            assert_eq!(got.header("x-bosporus-losses"), None, "{caller:?} {model}");
        }
    }
    let lines = request_lines(&gateway, 36).await;
    assert!(lines.iter().all(|line| line["status"] == 200 && line["attempts"] == 1), "{lines:?}");
    assert_eq!(
        (&lines[0]["from"], &lines[0]["to"], &lines[0]["input"]),
        (&json!("openai_chat"), &json!("openai_chat"), &json!(13))
    );
}

#[tokio::test]
async fn a_relayed_request_keeps_its_bytes() {
    let (openai, gemini) = (FakeOpenAi::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let gateway = everywhere(&openai, &gemini).await;
    let odd = r#"{ "input" : [ [1, 2], [3] ] ,"model":"at-compat", "user":"u" }"#;
    let headers = [("authorization", BEARER)];
    let url = format!("{}/v1/embeddings", gateway.url());
    let got = soon(client::send(Method::POST, &url, &headers, odd)).await.unwrap();
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(openai.last_request().unwrap().body, odd.replace("at-compat", "chat-model"));
    let refused =
        soon(client::send(Method::POST, &url, &headers, odd.replace("at-compat", "at-gemini"))).await.unwrap();
    let error = json_of(&refused);
    assert_eq!((refused.status.as_u16(), &error["error"]["param"]), (400, &json!("input")), "{error}");
    assert!(gemini.requests().is_empty());
}

#[tokio::test]
async fn a_large_batch_is_split_where_the_place_takes_fewer() {
    let (openai, gemini) = (FakeOpenAi::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let gateway = everywhere(&openai, &gemini).await;
    let texts: Vec<String> = (0..250).map(|n| format!("text {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let got = ask(&gateway, OpenAiPacked, "at-gemini", &texts).await;
    let expect: Vec<_> = texts.iter().map(|text| vector(text, LENGTH)).collect();
    assert_eq!(OpenAiPacked.vectors(&json_of(&got)), expect);
    let sizes: Vec<usize> =
        gemini.requests().iter().map(|call| call.json()["requests"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    // Google tells no tokens for vectors: the number is ours, and says so.
    assert_eq!(got.header("x-bosporus-estimate"), Some("true"));
    assert!(json_of(&got)["usage"]["prompt_tokens"].as_u64().unwrap() > 250);
}

/// So many texts and so many tokens: the fake refuses more of either.
#[tokio::test]
async fn vertex_is_asked_in_calls_of_its_own_size_and_form() {
    let (openai, gemini) = (FakeOpenAi::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let gateway = everywhere(&openai, &gemini).await;
    let short: Vec<String> = (0..300).map(|n| format!("text {n}")).collect();
    let long: Vec<String> = (0..30).map(|n| format!("{n}{}", " word".repeat(1_500))).collect();
    let sizes = |field: &str| -> Vec<usize> {
        gemini.requests().iter().map(|call| call.json()[field].as_array().map_or(1, Vec::len)).collect()
    };
    for (texts, model, field, expect) in [
        (&short, "at-predict", "instances", vec![250, 50]),
        (&short, "at-vertex", "requests", vec![100, 100, 100]),
        (&long, "at-predict", "instances", Vec::new()),
    ] {
        gemini.clear();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let got = ask(&gateway, OpenAi, model, &texts).await;
        assert_eq!(got.status, 200, "{model}: {}", got.text());
        let vectors: Vec<_> = texts.iter().map(|text| vector(text, LENGTH)).collect();
        assert_eq!(OpenAi.vectors(&json_of(&got)), vectors, "{model}");
        assert_eq!(got.header("x-bosporus-estimate"), None, "Vertex tells the tokens");
        if !expect.is_empty() {
            assert_eq!(sizes(field), expect, "{model}");
        }
    }
    assert!(sizes("instances").len() > 1 && sizes("instances").iter().sum::<usize>() == 30);
    // It would be cut in silence.
    for model in ["at-predict", "at-vertex"] {
        let got = ask(&gateway, OpenAi, model, &["too long"]).await;
        assert_eq!(got.status, 400, "{}", got.text());
        assert_eq!(ask(&gateway, GeminiOne, model, &["too long"]).await.status, 200, "Google's own habit is to cut");
    }
    let body = json!({"content": {"parts": [{"text": "x"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "t",
        "outputDimensionality": 4});
    for model in ["at-predict", "at-vertex"] {
        let got = post(&gateway, &GeminiOne.path(model), &body).await;
        assert_eq!(json_of(&got)["embedding"]["values"].as_array().map(Vec::len), Some(4), "{}", got.text());
        let sent = gemini.last_request().unwrap();
        assert!(sent.body.contains("RETRIEVAL_DOCUMENT") && sent.body.contains("\"title\":\"t\""), "{}", sent.body);
        assert!(sent.path.starts_with("/v1/publishers/google/models/"), "{}", sent.path);
    }
}

#[tokio::test]
async fn what_gets_lost_is_said() {
    let (openai, gemini) = (FakeOpenAi::start().await.unwrap(), FakeGemini::start().await.unwrap());
    let gateway = everywhere(&openai, &gemini).await;
    let body = json!({"content": {"parts": [{"text": "x"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 3});
    let got = post(&gateway, "/v1beta/models/at-compat:embedContent", &body).await;
    assert_eq!(got.header("x-bosporus-losses"), Some("dropped:taskType"));
    assert_eq!(GeminiOne.vectors(&json_of(&got)), [vector("x", 3)]);
    assert_eq!(openai.last_request().unwrap().json()["dimensions"], 3);
    // Who asks for strictness hears of it before anybody is asked.
    let strict = [("authorization", BEARER), ("x-bosporus-fidelity", "strict")];
    let url = format!("{}/v1beta/models/at-compat:embedContent", gateway.url());
    let joined = json!({"content": {"parts": [{"text": "x"}, {"text": "y"}]}}).to_string();
    let refused = soon(client::send(Method::POST, &url, &strict, joined)).await.unwrap();
    assert_eq!((refused.status.as_u16(), openai.requests().len()), (400, 1), "{}", refused.text());
    // Too long a text is refused, as OpenAI refuses it, where Ollama would cut it by itself.
    let long = ask(&gateway, OpenAi, "at-ollama", &["too long"]).await;
    assert_eq!(long.status, 400, "{}", long.text());
    assert_eq!(json_of(&long)["error"]["code"], "context_length_exceeded");
    assert_eq!(ask(&gateway, Ollama, "at-ollama", &["too long"]).await.status, 200);
}

#[tokio::test]
async fn nonsense_from_a_place_is_no_vector() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    let raw = |body: &str| Reply::raw(200, "application/json", body.to_owned());
    for nonsense in [
        r#"{"data":[{"index":0,"embedding":[1]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":["x"]}]}"#,
        r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":null}]}"#,
        r#"{"error":{"message":"not today"}}"#,
        "<html>hello</html>",
    ] {
        fake.script(raw(nonsense));
        let got = ask(&gateway, Ollama, "model", &["a", "b"]).await;
        assert!(got.status.is_server_error(), "{nonsense}: {} {}", got.status, got.text());
    }
}

#[tokio::test]
async fn another_account_gives_what_one_cannot() {
    let (first, second) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let gateway = Setup::new().openai(&first, 9).openai(&second, 1).start().await;
    for caller in [OpenAi, GeminiMany] {
        for trouble in [Trouble::RateLimited(3), Trouble::Internal, Trouble::Unauthorized] {
            first.script(Reply::trouble(trouble));
            let got = ask(&gateway, caller, "model", &["a", "b"]).await;
            assert_eq!(got.status, 200, "{caller:?} {trouble:?}: {}", got.text());
        }
    }
    assert_eq!((first.requests().len(), second.requests().len()), (6, 6));
}

#[tokio::test]
async fn a_place_without_embeddings_says_so() {
    let fake = FakeAnthropic::start().await.unwrap();
    let gateway = Setup::new().anthropic(&fake, 0).start().await;
    let got = ask(&gateway, OpenAi, "model", &["a"]).await;
    let error = json_of(&got);
    assert_eq!(got.status, 400, "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("gives no embeddings"), "{error}");
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn the_demo_embeds_at_once() {
    let gateway = Setup::new().with("demo", json!(true)).start().await;
    for caller in CALLERS {
        let got = ask(&gateway, caller, "demo", caller.texts(&["a ferry", "a gull"])).await;
        let vectors = caller.vectors(&json_of(&got));
        assert_eq!(vectors.len(), caller.texts(&["", ""]).len(), "{caller:?}");
        assert!(vectors.iter().all(|vector| vector.len() == 64), "{caller:?}");
    }
}

/// Of two accounts behind one name, one has no such call: nobody sees that.
#[tokio::test]
async fn an_account_that_cannot_embed_is_passed_over() {
    let (claude, openai) = (FakeAnthropic::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let setup = Setup::new()
        .claude(json!({"api-key": claude.key(), "base-url": claude.url(), "models": [{"name": "claude-model", "alias": "both"}]}))
        .compat(json!({"name": "place", "base-url": openai.base_url(), "api-key-entries": [{"api-key": openai.key()}],
            "models": [{"name": "chat-model", "alias": "both"}]}));
    let gateway = setup.start().await;
    for (path, input) in [("/v1/embeddings", "a"), ("/v1/moderations", "b")] {
        for _ in 0..4 {
            let url = format!("{}{path}", gateway.url());
            let body = json!({"model": "both", "input": input}).to_string();
            let headers = [("authorization", BEARER), ("content-type", "application/json")];
            let got = soon(client::send(Method::POST, &url, &headers, body)).await.unwrap();
            assert_eq!(got.status, 200, "{path}: {}", got.text());
        }
    }
    assert!(claude.requests().is_empty());
    assert_eq!(openai.requests().len(), 8);
}

#[tokio::test]
async fn payload_rules_reach_vectors_relayed_and_translated() {
    let openai = FakeOpenAi::start().await.unwrap();
    let rules = json!({"override": [{"models": [{"name": "*", "protocol": "openai"}], "params": {"user": "rules"}}]});
    let gateway = Setup::new().openai(&openai, 0).with("payload", rules).start().await;
    for caller in [OpenAi, GeminiOne, Ollama] {
        let got = ask(&gateway, caller, MODEL, &["a"]).await;
        assert_eq!(got.status, 200, "{caller:?}: {}", got.text());
        let sent = openai.last_request().unwrap().json();
        assert_eq!(sent["user"], "rules", "{caller:?}: {sent}");
    }
}
