//! Who may ask: keys in every place where programs put them, and errors in the caller's dialect.

use http::Method;
use serde_json::json;
use testkit::Gateway;
use testkit::client::{self, Got};

use crate::harness::{BEARER, KEY, Setup, request_lines, soon};
use crate::tongue::{Chat, Messages, Tongue};

async fn send(gateway: &Gateway, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let url = format!("{}{path}", gateway.url());
    soon(client::send(method, &url, headers, body.to_owned())).await.unwrap()
}

async fn demo() -> Gateway {
    Setup::new().with("demo", json!(true)).start().await
}

#[tokio::test]
async fn a_key_is_found_in_every_place() {
    let gateway = demo().await;
    let percent = KEY.replace('-', "%2D");
    let places: [(&str, Vec<(&str, &str)>); 7] = [
        ("", vec![("authorization", BEARER)]),
        ("", vec![("authorization", KEY)]),
        ("", vec![("x-api-key", KEY)]),
        ("", vec![("x-goog-api-key", KEY)]),
        (&format!("?key={KEY}"), vec![]),
        (&format!("?auth_token={percent}"), vec![]),
        ("", vec![("authorization", "Bearer wrong"), ("x-api-key", KEY)]),
    ];
    for tongue in [Chat, Messages] {
        for (query, headers) in &places {
            let body = tongue.body("demo", false).to_string();
            let got = send(&gateway, Method::POST, &format!("{}{query}", tongue.path()), headers, &body).await;
            assert_eq!(got.status, 200, "{tongue:?} {query} {headers:?}: {}", got.text());
        }
    }
}

#[tokio::test]
async fn a_missing_and_a_wrong_key_are_refused_in_the_callers_dialect() {
    let gateway = demo().await;
    let mut asked = 0;
    for tongue in [Chat, Messages] {
        for (headers, says) in [
            (vec![], "Missing"),
            (vec![("authorization", "Bearer ")], "Missing"),
            (vec![("authorization", "Bearer wrong-key-for-all")], "Invalid"),
            (vec![("x-api-key", "wrong-key-for-all")], "Invalid"),
        ] {
            let body = tongue.body("demo", false).to_string();
            let got = send(&gateway, Method::POST, tongue.path(), &headers, &body).await;
            let error = tongue.error(&got);
            assert_eq!(got.status, 401, "{tongue:?} {headers:?}");
            assert!(error["message"].as_str().unwrap().contains(says), "{error}");
            assert!(!got.text().contains("wrong-key-for-all"), "a presented key is never echoed: {error}");
            let expected = if tongue == Chat { "invalid_request_error" } else { "authentication_error" };
            assert_eq!(error["type"], expected);
            asked += 1;
        }
    }
    for line in request_lines(&gateway, asked).await {
        assert_eq!((&line["status"], &line["fault"]), (&json!(401), &json!("Unauthenticated")), "{line}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_before_the_body_is_read() {
    let gateway = demo().await;
    for tongue in [Chat, Messages] {
        let got = send(&gateway, Method::POST, tongue.path(), &[], "this is no JSON").await;
        assert_eq!(got.status, 401, "{}", got.text());
    }
}

#[tokio::test]
async fn without_keys_everybody_on_this_machine_may_ask() {
    let gateway = Setup::new().with("api-keys", json!([])).with("demo", json!(true)).start().await;
    for tongue in [Chat, Messages] {
        let body = tongue.body("demo", false).to_string();
        let got = send(&gateway, Method::POST, tongue.path(), &[], &body).await;
        assert_eq!(got.status, 200, "{}", got.text());
    }
}

#[tokio::test]
async fn model_lists_take_their_shape_from_the_caller() {
    let gateway = demo().await;
    let chat = send(&gateway, Method::GET, "/v1/models", &[("authorization", BEARER)], "").await;
    assert_eq!((chat.status.as_u16(), &chat.json()["object"]), (200, &json!("list")), "{}", chat.text());
    let messages = send(&gateway, Method::GET, "/v1/models", &Messages.headers(), "").await;
    assert_eq!(messages.status, 200);
    assert!(messages.json()["has_more"].is_boolean(), "{}", messages.text());
    for (tongue, listed) in [(Chat, chat), (Messages, messages)] {
        let ids: Vec<_> = listed.json()["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
        assert!(ids.contains(&json!("demo")), "{ids:?}");
        let one = send(&gateway, Method::GET, "/v1/models/demo", &tongue.headers(), "").await;
        assert_eq!((one.status.as_u16(), &one.json()["id"]), (200, &json!("demo")));
        let none = send(&gateway, Method::GET, "/v1/models/no-such-model", &tongue.headers(), "").await;
        assert_eq!(none.status, 404);
        tongue.error(&none);
        let secret = send(&gateway, Method::GET, "/v1/models", &wrong(tongue), "").await;
        assert_eq!(secret.status, 401);
        tongue.error(&secret);
    }
}

fn wrong(tongue: Tongue) -> Vec<(&'static str, &'static str)> {
    match tongue {
        Chat => vec![("authorization", "Bearer wrong")],
        Messages => vec![("x-api-key", "wrong"), ("anthropic-version", "2023-06-01")],
    }
}
