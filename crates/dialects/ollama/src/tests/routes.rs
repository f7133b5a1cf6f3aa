//! Routes and model lists.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use dialect::{Catalogue as _, ModelCard, Operation};
use serde_json::{Value, json};

use crate::DIALECT;
use crate::models::Models;

fn card(id: &str) -> ModelCard {
    ModelCard {
        created: Some(UNIX_EPOCH + Duration::from_secs(1_760_000_000)),
        context: Some(4_096),
        images: true,
        ..ModelCard::new(id, "acme", &dialect::ModelTraits::default())
    }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn every_route_stands_under_the_prefix_too() {
    let paths: HashSet<_> = DIALECT.routes.iter().map(|route| (&route.method, route.path)).collect();
    assert_eq!(paths.len(), DIALECT.routes.len());
    for (method, path) in &paths {
        let prefixed = format!("/ollama{path}");
        let twin = paths.iter().any(|(other, known)| other == method && *known == prefixed);
        assert!(twin || path.starts_with("/ollama") || *path == "/", "{path}");
    }
    for route in DIALECT.routes.iter().filter(|route| route.path != "/") {
        let head = http::Request::get(route.path).body(()).unwrap().into_parts().0;
        assert!((DIALECT.recognises)(&head), "{}", route.path);
    }
}

#[test]
fn fixed_answers_are_what_programs_look_for() {
    let fixed = |path: &str| {
        let route = DIALECT.routes.iter().find(|route| route.path == path).unwrap();
        let (Operation::Fixed(answer) | Operation::Greet(answer)) = route.operation else { panic!("{path}") };
        answer()
    };
    assert!(read(&fixed("/api/version").body)["version"].is_string());
    assert_eq!(read(&fixed("/api/ps").body), json!({"models": []}));
    assert_eq!(&fixed("/ollama").body[..], b"Ollama is running");
    for path in ["/api/push", "/ollama/api/pull", "/api/blobs/{rest}"] {
        let reply = fixed(path);
        assert_eq!(reply.status, 501);
        assert!(read(&reply.body)["error"].is_string());
    }
}

#[test]
fn the_root_is_a_greeting_for_who_wants_no_page() {
    let root = DIALECT.routes.iter().find(|route| route.path == "/").unwrap();
    let greets = |method: http::Method, accept: &[&str]| {
        let ask = accept.iter().fold(http::Request::builder().method(method), |ask, kind| ask.header("accept", *kind));
        (root.accepts)(&ask.uri("/").body(()).unwrap().into_parts().0)
    };
    for (accept, greeted) in [
        (&[][..], true),
        (&["*/*"], true),
        (&["application/json, text/plain, */*"], true),
        (&["text/plain;q=0.9"], true),
        (&["application/json"], false),
        (&["Application/JSON; charset=utf-8", "*/*"], false),
        (&["text/html,application/xhtml+xml,*/*;q=0.8"], false),
        (&["text/plain", "text/html"], false),
    ] {
        assert_eq!(greets(http::Method::GET, accept), greeted, "{accept:?}");
        assert_eq!(greets(http::Method::HEAD, accept), greeted, "{accept:?}");
        assert!(!greets(http::Method::POST, accept), "{accept:?}");
    }
}

#[test]
fn lists_and_cards_have_what_editors_insist_on() {
    let list = read(&Models.list(&[card("a/b"), card("c")], "").body);
    let [one, two] = list["models"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&one["name"], &one["model"]), (&json!("a/b"), &json!("a/b")));
    assert_eq!(one["modified_at"], "2025-10-09T08:53:20Z");
    assert_eq!(one["digest"].as_str().unwrap().len(), 64);
    assert_ne!(one["digest"], two["digest"]);
    assert!(one["size"].as_u64().unwrap() > 0);
    let shown = read(&Models.one(&card("c")).body);
    let family = shown["model_info"]["general.architecture"].as_str().unwrap();
    assert_eq!(shown["model_info"][format!("{family}.context_length")], 4_096);
    assert_eq!(shown["details"]["context_length"], 4_096);
    let can = |card: ModelCard| read(&Models.one(&card).body)["capabilities"].clone();
    assert_eq!(shown["capabilities"], json!(["completion", "tools", "vision"]));
    assert_eq!(
        can(ModelCard { tools: Some(false), audio: true, ..card("c") }),
        json!(["completion", "vision", "audio"])
    );
    assert_eq!(can(ModelCard { embeds: true, images: false, ..card("c") }), json!(["embedding"]));
    assert_eq!(read(&Models.list(&[], "").body), json!({"models": []}));
}
