//! The HTTP edge: routes and hints, probes, request ids, CORS, and a cap on what is served at once.

use http::Method;
use serde_json::json;
use testkit::client::{self, Got};
use testkit::{Gate, Gateway, Reply};

use crate::harness::{BEARER, KEY, MODEL, Setup, assert_healthy, request_lines, soon};
use crate::tongue::{Chat, Messages, PAIRS, Tongue};

pub(crate) async fn send(
    gateway: &Gateway,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<bytes::Bytes>,
) -> Got {
    soon(client::send(method, &format!("{}{path}", gateway.url()), headers, body)).await.unwrap()
}

pub(crate) fn demo() -> Setup {
    Setup::new().with("demo", json!(true))
}

#[tokio::test]
async fn probes_need_no_key() {
    let gateway = demo().start().await;
    for path in ["/", "/healthz", "/readyz"] {
        let got = send(&gateway, Method::GET, path, &[("accept", "application/json")], "").await;
        assert_eq!(got.status, 200, "{path}");
        assert!(got.json().is_object(), "{path}: {}", got.text());
        let head = send(&gateway, Method::HEAD, path, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
    }
    // They are asked every few seconds and would drown the log.
    assert!(request_lines(&gateway, 0).await.is_empty());
}

#[tokio::test]
async fn lost_callers_are_shown_the_way() {
    let gateway = demo().start().await;
    let chat = [("authorization", BEARER)];
    for (path, hint) in [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v2/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v9/messages", "/v1/messages"),
        ("/nothing/of/the/kind", ""),
        ("/%ff%fe", ""),
        ("/v1/../etc/passwd", ""),
    ] {
        let got = send(&gateway, Method::POST, path, &chat, "{}").await;
        let error = Chat.error(&got);
        assert_eq!(got.status, 404, "{path}");
        assert!(error["message"].as_str().unwrap().contains(hint), "{path}: {error}");
    }
    let got = send(&gateway, Method::POST, "/v2/messages", &Messages.headers(), "{}").await;
    assert_eq!((got.status.as_u16(), &Messages.error(&got)["type"]), (404, &json!("not_found_error")));
    assert_eq!(request_lines(&gateway, 8).await.len(), 8, "one line each");
}

#[tokio::test]
async fn the_wrong_method_is_told_the_right_one() {
    let gateway = demo().start().await;
    for tongue in [Chat, Messages] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let got = send(&gateway, method.clone(), tongue.path(), &tongue.headers(), "").await;
            assert_eq!((got.status.as_u16(), got.header("allow")), (405, Some("POST")), "{method}");
            assert!(tongue.error(&got)["message"].as_str().unwrap().contains("POST"), "{}", got.text());
        }
        let got = send(&gateway, Method::POST, "/v1/models", &tongue.headers(), "{}").await;
        assert_eq!((got.status.as_u16(), got.header("allow")), (405, Some("GET")));
        let head = send(&gateway, Method::HEAD, "/v1/models", &tongue.headers(), "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    }
}

#[tokio::test]
async fn the_request_id_goes_in_and_out() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let body = Chat.body(MODEL, false).to_string();
    let ask = async |id: &str| {
        let headers = [("authorization", BEARER), ("x-request-id", id), ("content-type", "application/json")];
        let got = send(&gateway, Method::POST, Chat.path(), &headers, body.clone()).await;
        assert_eq!(got.status, 200);
        got.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask("my-id-7").await, "my-id-7");
    let hostile = ["two words", "tab\there", &"long".repeat(100), "", "naïve"];
    for (number, id) in hostile.into_iter().enumerate() {
        let given = ask(id).await;
        assert!(given != id && given.len() > 8, "{id:?} became {given:?}");
        assert_eq!(request_lines(&gateway, number + 2).await[number + 1]["id"], *given);
    }
    let errors = send(&gateway, Method::GET, "/nowhere", &[("x-request-id", "lost-1")], "").await;
    assert_eq!(errors.header("x-request-id"), Some("lost-1"));
    let minted = send(&gateway, Method::GET, "/healthz", &[], "").await;
    assert!(minted.header("x-request-id").is_some());
}

#[tokio::test]
async fn a_request_id_cannot_forge_log_lines() {
    let gateway = demo().with("log", json!({"format": "text"})).start().await;
    let headers = [("authorization", BEARER), ("x-request-id", "x\" status=200 fake=yes")];
    send(&gateway, Method::GET, "/v1/models", &headers, "").await;
    soon(gateway.logged("route=")).await;
    let log = gateway.log().join("\n");
    assert!(!log.contains("fake=") && !log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn a_model_name_cannot_forge_log_lines() {
    let gateway = demo().with("log", json!({"format": "text"})).start().await;
    let got = Chat.ask(&gateway, &Chat.body("x\n2026 INFO request: forged=true \u{1b}[31m", false)).await;
    assert_eq!(got.status, 404);
    soon(gateway.logged("status=404")).await;
    let log = gateway.log();
    assert!(!log.iter().any(|line| line.starts_with("2026 INFO")), "{log:?}");
    assert!(!log.join("").contains('\u{1b}'), "{log:?}");
}

// === CORS ===

const PAGE: &str = "https://app.example.com";

async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Got {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-stainless-os"),
    ];
    send(gateway, Method::OPTIONS, path, &headers, "").await
}

fn cors_headers(got: &Got) -> Vec<String> {
    let names = got.headers.keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[tokio::test]
async fn pages_are_kept_out_by_default() {
    let gateway = demo().start().await;
    for path in [Chat.path(), Messages.path(), "/v1/models", "/healthz"] {
        let asked = preflight(&gateway, path, PAGE).await;
        assert!(cors_headers(&asked).is_empty(), "{path}: {:?}", asked.headers);
        let got = send(&gateway, Method::GET, path, &[("origin", PAGE), ("authorization", BEARER)], "").await;
        assert!(cors_headers(&got).is_empty(), "{path}: {:?}", got.headers);
    }
}

#[tokio::test]
async fn pages_of_named_origins_may_call() {
    let setup = demo().with("cors", json!({"allowed-origins": [PAGE]}));
    let gateway = setup.start().await;
    let asked = preflight(&gateway, Chat.path(), PAGE).await;
    assert!(asked.status.is_success());
    assert_eq!(asked.header("access-control-allow-origin"), Some(PAGE));
    let allowed = asked.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    let headers = [("origin", PAGE), ("authorization", BEARER), ("content-type", "application/json")];
    let got = send(&gateway, Method::POST, Chat.path(), &headers, Chat.body("demo", false).to_string()).await;
    assert_eq!((got.status.as_u16(), got.header("access-control-allow-origin")), (200, Some(PAGE)));
    assert!(got.header("vary").unwrap_or_default().to_lowercase().contains("origin"));
    assert_eq!(got.header("access-control-expose-headers"), Some("*"));
    assert_eq!(got.header("access-control-allow-credentials"), None);
    // A page must be able to read why it was refused.
    let refused = send(&gateway, Method::GET, "/v1/models", &[("origin", PAGE)], "").await;
    assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (401, Some(PAGE)));
    for stranger in ["https://evil.example.com", "http://app.example.com", "https://app.example.com.evil.com", "null"] {
        assert!(cors_headers(&preflight(&gateway, Chat.path(), stranger).await).is_empty(), "{stranger}");
    }
}

#[tokio::test]
async fn management_is_never_opened_to_pages() {
    let setup = demo().with("cors", json!({"allowed-origins": ["*"]}));
    let gateway = setup.with("remote-management", json!({"secret-key": "management-key-of-the-tests"})).start().await;
    assert_eq!(preflight(&gateway, Chat.path(), PAGE).await.header("access-control-allow-origin"), Some(PAGE));
    for path in [
        "/v0/management/config",
        "/v0/management",
        "/v0/management/",
        "/v0//management/config",
        "//v0/management/config",
        "/V0/Management/config",
        "/v0/%6danagement/config",
    ] {
        let asked = preflight(&gateway, path, PAGE).await;
        let got = send(&gateway, Method::GET, path, &[("origin", PAGE)], "").await;
        // Either it is not opened, or there is nothing there to be opened.
        let found = got.status != 404;
        assert!(!found || (cors_headers(&asked).is_empty() && cors_headers(&got).is_empty()), "{path}: {got:?}");
        if path.starts_with("/v0/management") {
            assert!(cors_headers(&asked).is_empty() && cors_headers(&got).is_empty(), "{path}: {got:?}");
        }
    }
}

// === capacity ===

#[tokio::test]
async fn beyond_the_cap_requests_are_refused_in_their_dialect() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.join(Setup::new().with("limits", json!({"in-flight-requests": 1})), 0).start().await;
        let gate = Gate::new();
        fake.script(Reply::lively().hold(&gate));
        let body = client.body(MODEL, false);
        let first = client.ask(&gateway, &body);
        let rest = async {
            gate.reached().await;
            let second = client.ask(&gateway, &body).await;
            client.error(&second);
            let busy = [503, 529].contains(&second.status.as_u16());
            assert!(busy, "{}", second.text());
            assert_healthy(&gateway).await;
            gate.open();
        };
        let (first, ()) = soon(async { tokio::join!(first, rest) }).await;
        assert_eq!(first.status, 200, "the first is not disturbed");
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test]
async fn many_clients_at_once() {
    let fake = Chat.fake().await;
    let gateway = fake.gateway().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..150 {
        let url = format!("{}{}", gateway.url(), if number % 2 == 0 { Chat.path() } else { Messages.path() });
        let tongue: Tongue = if number % 2 == 0 { Chat } else { Messages };
        let mut body = tongue.body(MODEL, number % 3 == 0);
        body["messages"][0]["content"] = json!(format!("number-{number}"));
        tasks.spawn(async move {
            let got = client::post(&url, &[("authorization", BEARER)], &body).await.unwrap();
            (number, tongue.text(&got, number % 3 == 0))
        });
    }
    while let Some(done) = soon(tasks.join_next()).await {
        let (number, text) = done.unwrap();
        // Nobody gets a neighbour's answer.
        assert!(text.ends_with(&format!("number-{number}")), "{number}: {text}");
    }
    assert_eq!(request_lines(&gateway, 150).await.len(), 150);
    assert!(gateway.log().iter().all(|line| !line.contains(KEY)));
}
