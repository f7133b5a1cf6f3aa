//! Programs that speak Ollama's language, and a server of it as upstream.

use http::Method;
use serde_json::{Value, json};
use testkit::client::Got;
use testkit::{FakeOpenAi, Gateway};

use crate::edges::{demo, send};
use crate::harness::{BEARER, MODEL, Setup, request_lines};

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
