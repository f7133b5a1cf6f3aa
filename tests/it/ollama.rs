//! Programs that speak Ollama's language, and a server of it as upstream.

use http::Method;
use serde_json::{Value, json};
use testkit::client::Got;
use testkit::{FakeAnthropic, FakeOllama, FakeOpenAi, Gateway, Port, Reply};

use crate::edges::{demo, send};
use crate::harness::{BEARER, KEY, MODEL, Setup, request_lines, soon};

/// Asks with a key.
async fn call(gateway: &Gateway, method: Method, path: &str, body: &Value) -> Got {
    let headers = [("authorization", BEARER), ("content-type", "application/json")];
    send(gateway, method, path, &headers, body.to_string()).await
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Got {
    call(gateway, Method::POST, path, body).await
}

#[tokio::test]
async fn the_root_greets_programs_and_shows_browsers_a_page() {
    let gateway = demo().start().await;
    let root = async |path: &str, accept: &[(&str, &str)]| send(&gateway, Method::GET, path, accept, "").await;
    for path in ["/", "/ollama", "/ollama/"] {
        for accept in [&[][..], &[("accept", "*/*")]] {
            let got = root(path, accept).await;
            assert_eq!((got.status.as_u16(), got.text().as_str()), (200, "Ollama is running"), "{path}");
            assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
        }
        let head = send(&gateway, Method::HEAD, path, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
    }
    for accept in ["text/html,*/*;q=0.8", "application/json"] {
        let got = root("/", &[("accept", accept)]).await;
        assert_eq!((got.status.as_u16(), &got.json()["message"]), (200, &json!("Bosporus")), "{accept}");
    }
    assert!(request_lines(&gateway, 0).await.is_empty(), "they are asked every few seconds");
    // A folder that is nobody's greets nobody.
    assert_eq!(root("/nowhere/", &[]).await.status, 404);
    let lost = post(&gateway, "/", &json!({})).await;
    assert_eq!((lost.status.as_u16(), lost.header("allow")), (405, Some("GET")));
    assert!(lost.json()["error"]["message"].is_string(), "nobody in particular: {}", lost.text());
}

#[tokio::test]
async fn what_has_no_library_says_so_in_ollamas_shape() {
    let gateway = demo().start().await;
    for prefix in ["", "/ollama"] {
        for (method, path) in [
            (Method::POST, "/api/pull"),
            (Method::POST, "/api/push"),
            (Method::POST, "/api/create"),
            (Method::POST, "/api/copy"),
            (Method::DELETE, "/api/delete"),
            (Method::POST, "/api/blobs/sha256:0123"),
        ] {
            let got = call(&gateway, method, &format!("{prefix}{path}"), &json!({"model": "m"})).await;
            assert_eq!(got.status, 501, "{path}");
            assert!(got.json()["error"].as_str().unwrap().contains("configuration"), "{}", got.text());
        }
        for path in ["/api/tags", "/api/version", "/api/ps", "/api/blobs/sha256:0123"] {
            let head = call(&gateway, Method::HEAD, &format!("{prefix}{path}"), &json!({})).await;
            assert_eq!((head.status == 501, head.body.len()), (path.contains("blobs"), 0), "{path}");
        }
        let version = call(&gateway, Method::GET, &format!("{prefix}/api/version"), &json!({})).await.json();
        let parts: Vec<u32> = version["version"].as_str().unwrap().split('.').map(|n| n.parse().unwrap()).collect();
        assert!(parts >= vec![0, 13, 4], "agents refuse older ones: {version}");
    }
}

#[tokio::test]
async fn a_model_is_shown_under_every_name_that_calls_it() {
    let fake = FakeOpenAi::start().await.unwrap();
    let place = json!({"name": "vendor", "base-url": fake.base_url(), "api-key-entries": [{"api-key": fake.key()}],
        "models": [{"name": "chat-model", "alias": "qwen3:latest"}, {"name": "chat-model", "alias": "plain"},
            {"name": "text-embedding-3-small"}, {"name": "open-*"}]});
    let gateway = Setup::new().compat(place).start().await;
    for name in ["qwen3:latest", "qwen3", "[vendor] qwen3", "plain", "plain:latest", "[vendor] plain:latest", "open-x"]
    {
        let shown = post(&gateway, "/api/show", &json!({"model": name})).await;
        assert_eq!(shown.status, 200, "{name}: {}", shown.text());
        let shown = shown.json();
        assert_eq!(shown["capabilities"], json!(["completion", "tools"]), "{name}");
        let family = shown["model_info"]["general.architecture"].as_str().unwrap();
        assert!(shown["model_info"][format!("{family}.context_length")].is_u64(), "{name}: {shown}");
    }
    let shown = post(&gateway, "/api/show", &json!({"name": "text-embedding-3-small"})).await.json();
    assert_eq!(shown["capabilities"], json!(["embedding"]));
    for name in ["qwen3", "[vendor] qwen3"] {
        let body = json!({"model": name, "messages": [{"role": "user", "content": "hi"}], "stream": false});
        assert_eq!(post(&gateway, "/api/chat", &body).await.status, 200, "{name}");
    }
    for name in ["qwen3:8b", "nobody", "plain:8b"] {
        for path in ["/api/show", "/api/chat", "/api/generate", "/api/embed"] {
            let got = post(&gateway, path, &json!({"model": name, "prompt": "hi", "input": "hi"})).await;
            assert_eq!(got.status, 404, "{path} {name}: {}", got.text());
            assert!(got.json()["error"].as_str().unwrap().contains("not found"), "{}", got.text());
        }
    }
    let none = post(&gateway, "/api/show", &json!({})).await;
    assert_eq!((none.status.as_u16(), none.json()), (400, json!({"error": "model is required"})));
}

#[tokio::test]
async fn nothing_to_embed_is_no_error() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).start().await;
    for input in [json!(""), json!([]), json!(null)] {
        let got = post(&gateway, "/api/embed", &json!({"model": MODEL, "input": input})).await;
        assert_eq!((got.status.as_u16(), &got.json()["embeddings"]), (200, &json!([])), "{input}: {}", got.text());
    }
    let got = post(&gateway, "/api/embeddings", &json!({"model": MODEL, "prompt": ""})).await;
    assert_eq!((got.status.as_u16(), got.json()), (200, json!({"embedding": []})));
    assert!(fake.requests().is_empty(), "there was nothing to ask for");
}

/// A server with a model of every ability, under two names, and one that only talks.
fn local(fake: &FakeOllama) -> Value {
    json!([{"base-url": fake.url(), "api-key": fake.key(), "num-ctx": 8_192, "models": [
        {"name": "ollama-model", "alias": "local", "thinking": {"levels": ["low", "medium", "high"]}},
        {"name": "ollama-plain-model"}]}])
}

#[tokio::test]
async fn a_prompt_goes_to_a_server_as_it_is() {
    let fake = FakeOllama::start().await.unwrap();
    let gateway = Setup::new().with("ollama", local(&fake)).start().await;
    let mut legal = json!({"model": "local:latest", "prompt": "fn gcd(", "suffix": "}", "raw": true, "images": [],
        "options": {"temperature": 0.5, "num_predict": 40}, "keep_alive": "9m"});
    for stream in [false, true] {
        legal["stream"] = json!(stream);
        let got = post(&gateway, "/api/generate", &legal).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-bosporus-losses"), None, "nothing is lost");
        let lines: Vec<Value> = got.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
        assert!(said.contains("fn gcd("), "{said}");
        let last = lines.last().unwrap();
        assert_eq!((&last["done"], &last["context"]), (&json!(true), &json!([1, 2, 3])), "its own context");
        let kind = if stream { "application/x-ndjson" } else { "application/json" };
        assert_eq!(got.header("content-type"), Some(kind));
        let sent = fake.last_request().unwrap();
        assert_eq!(sent.path, "/api/generate");
        let mut expect = legal.clone();
        expect["model"] = json!("ollama-model");
        expect["truncate"] = json!(false);
        expect["options"]["num_ctx"] = json!(8_192);
        assert_eq!(sent.json(), expect);
    }
    // The server's own words for what it does not take.
    let raw = json!({"model": "local", "prompt": "x", "raw": true, "system": "s"});
    let refused = post(&gateway, "/api/generate", &raw).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str().unwrap().contains("raw mode")), (400, true));
    // Elsewhere there is no such thing.
    let other = FakeAnthropic::start().await.unwrap();
    let gateway = Setup::new().anthropic(&other, 0).start().await;
    let got = post(&gateway, "/api/generate", &json!({"model": MODEL, "prompt": "a", "suffix": "b"})).await;
    assert_eq!(got.status, 400);
    assert!(got.json()["error"].as_str().unwrap().contains("suffix"), "{}", got.text());
}

#[tokio::test]
async fn loading_reaches_a_server_and_nobody_else() {
    let fake = FakeOllama::start().await.unwrap();
    let other = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().with("ollama", local(&fake)).openai(&other, 0).start().await;
    for (path, field) in [("/api/chat", "messages"), ("/api/generate", "prompt"), ("/ollama/api/generate", "prompt")] {
        for (keep, reason) in [(json!("5m"), "load"), (json!(0), "unload")] {
            for model in ["local", MODEL] {
                fake.clear();
                let got = post(&gateway, path, &json!({"model": model, field: null, "keep_alive": keep})).await;
                assert_eq!((got.status.as_u16(), &got.json()["done_reason"]), (200, &json!(reason)), "{}", got.text());
                assert_eq!((&got.json()["done"], got.header("content-type")), (&json!(true), Some("application/json")));
                let sent = fake.requests();
                assert_eq!(sent.len(), usize::from(model == "local"), "{path} {model}");
                assert!(sent.iter().all(|sent| sent.json()["keep_alive"] == keep), "{sent:?}");
            }
        }
    }
    assert!(other.requests().is_empty(), "{:?}", other.requests());
    let got = post(&gateway, "/api/chat", &json!({"model": "nobody", "messages": []})).await;
    assert_eq!(got.status, 404);
}

#[tokio::test]
async fn a_broken_stream_of_a_prompt_ends_with_an_error() {
    let fake = FakeOllama::start().await.unwrap();
    let models = json!([{"name": "fault-truncated"}, {"name": "fault-midstream-error"}, {"name": "fault-context"}]);
    let place = json!([{"base-url": fake.url(), "api-key": fake.key(), "models": models}]);
    let gateway = Setup::new().with("ollama", place).start().await;
    for model in ["fault-truncated", "fault-midstream-error"] {
        let got = post(&gateway, "/api/generate", &json!({"model": model, "prompt": "hi"})).await;
        let last: Value = serde_json::from_str(got.text().lines().last().unwrap()).unwrap();
        assert!(last["error"].is_string(), "{model}: {}", got.text());
    }
    // Too long for its window: an error, in each client's own words.
    let got = post(&gateway, "/api/generate", &json!({"model": "fault-context", "prompt": "hi"})).await;
    assert_eq!((got.status.as_u16(), got.json()["error"].as_str().unwrap().contains("prompt too long")), (400, true));
    let messages = json!([{"role": "user", "content": "hi"}]);
    let ask = json!({"model": "fault-context", "max_tokens": 9, "messages": messages});
    let got = post(&gateway, "/v1/chat/completions", &ask).await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
    let headers = [("x-api-key", KEY), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")];
    let got = send(&gateway, Method::POST, "/v1/messages", &headers, ask.to_string()).await;
    let words = got.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(got.status == 400 && words.starts_with("prompt is too long"), "{words}");
}

#[tokio::test]
async fn what_a_server_tells_of_its_models_is_used() {
    let fake = FakeOllama::start().await.unwrap();
    let place = json!([{"base-url": fake.url(), "api-key": fake.key()}]);
    let gateway = Setup::new().with("ollama", place).start_with(&[("BOSPORUS_MODEL_REFRESH", "1h")]).await;
    assert!(soon(gateway.logged("lists changed")).await, "{:#?}", gateway.log());
    for name in ["ollama-model", "ollama-model:latest"] {
        let shown = post(&gateway, "/api/show", &json!({"model": name})).await.json();
        assert_eq!(shown["capabilities"], json!(["completion", "tools", "vision", "thinking"]), "{name}: {shown}");
        assert_eq!(shown["details"]["context_length"], 40_960);
    }
    let shown = post(&gateway, "/api/show", &json!({"model": "ollama-plain-model"})).await.json();
    assert_eq!(shown["capabilities"], json!(["completion"]));
    let chat = async |model: &str, more: Value| {
        let mut body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        fake.clear();
        post(&gateway, "/v1/chat/completions", &body).await
    };
    let got = chat("ollama-model", json!({"reasoning_effort": "high"})).await;
    assert_eq!((got.status.as_u16(), &fake.last_request().unwrap().json()["think"]), (200, &json!("high")));
    let got = chat("ollama-plain-model", json!({"reasoning_effort": "high"})).await;
    assert_eq!((got.status.as_u16(), fake.last_request().unwrap().json().get("think")), (200, None));
    assert!(got.header("x-bosporus-losses").unwrap().contains("dropped:thinking"));
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let got = chat("ollama-plain-model", json!({"tools": [tool]})).await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]["param"]), (400, &json!("tools")), "{}", got.text());
    assert!(fake.requests().is_empty(), "it is refused before anybody is asked");
    let got = chat("ollama-plain-model", json!({"tools": [tool], "tool_choice": "none"})).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // Nobody else's meanwhile, or the error were another one.
    let port = Port::reserve().unwrap();
    let address = format!("127.0.0.1:{}", port.number());
    let nobody =
        json!([{"base-url": format!("http://{address}"), "models": [{"name": "ollama-model", "alias": "local"}]}]);
    let gateway = Setup::new().with("ollama", nobody).start().await;
    for (path, body) in [
        ("/api/chat", json!({"model": "local", "messages": [{"role": "user", "content": "hi"}]})),
        ("/api/generate", json!({"model": "local", "prompt": "hi"})),
        ("/api/generate", json!({"model": "local"})),
        ("/v1/chat/completions", json!({"model": "local", "messages": [{"role": "user", "content": "hi"}]})),
    ] {
        let got = post(&gateway, path, &body).await;
        assert!(got.status == 502 && got.text().contains(&address), "{path}: {}", got.text());
    }
}

#[tokio::test]
async fn a_whole_answer_to_a_prompt_is_played() {
    // A whole answer where a stream was asked for, as servers that stand in for Ollama give it.
    let fake = FakeOllama::start().await.unwrap();
    let gateway = Setup::new().with("ollama", local(&fake)).start().await;
    let whole = r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","response":"Hi","thinking":"hm","done":true,"done_reason":"length","eval_count":3}"#;
    fake.script(Reply::raw(200, "application/json", whole));
    let got = post(&gateway, "/api/generate", &json!({"model": "local", "prompt": "hi"})).await;
    let lines: Vec<Value> = got.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let joined = |field: &str| lines.iter().filter_map(|line| line[field].as_str()).collect::<String>();
    assert_eq!((joined("response"), joined("thinking")), ("Hi".to_owned(), "hm".to_owned()), "{}", got.text());
    assert_eq!(
        (&lines.last().unwrap()["done_reason"], &lines.last().unwrap()["eval_count"]),
        (&json!("length"), &json!(3))
    );
}
