//! Hostile upstreams, in all five dialects: what they answer is refused clearly or carried whole to every client, in
//! bounded memory, and the next client is served as if nothing had been.

use serde_json::json;
use testkit::client::Got;

use crate::errors::bare::{Bare, Play};
use crate::errors::client::{ALL, Tongue};
use crate::errors::{MODEL, gateway, words};
use crate::harness::assert_healthy;
use crate::hostile::call;

const JSON: &str = "application/json";

fn deep(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(20_000), close.repeat(20_000))
}

/// Answers that no client can make sense of, or that are large or odd.
fn plays(wire: Tongue) -> Vec<(&'static str, Play)> {
    let objects = deep(r#"{"a":"#, "}");
    let framed = |data: &str| match wire {
        Tongue::Ollama => format!("{data}\n"),
        _ => format!("data: {data}\n\n"),
    };
    let stream = |event: &str| {
        let body = format!("{}{}{}", words::beginning(wire), framed(event), words::ending(wire));
        Play::new(200, words::stream_type(wire), body)
    };
    let long = "x".repeat(3 << 20);
    let halves = words::beginning(wire).replace("Hello", r"\ud83d Hello \udc00");
    vec![
        ("lists", Play::new(200, JSON, deep("[", "]"))),
        ("objects", Play::new(200, JSON, objects.clone())),
        ("an answer that never ends", Play::new(200, JSON, r#"{"a":"#.repeat(50_000))),
        ("deep arguments", Play::new(200, JSON, call(wire, &objects))),
        ("the same arguments twice", Play::new(200, JSON, call(wire, r#"{"a":1,"a":2}"#))),
        ("half a character in arguments", Play::new(200, JSON, call(wire, r#"{"a":"\ud83d"}"#))),
        ("an error of lists", Play::new(400, JSON, deep("[", "]"))),
        ("an error of objects", Play::new(500, JSON, format!(r#"{{"error":{objects}}}"#))),
        ("a long error", Play::new(400, JSON, json!({"error": {"message": long, "type": "t"}}).to_string())),
        ("a long page", Play::new(502, "text/html", format!("<p>{long}</p>"))),
        ("lists in a stream", stream(&deep("[", "]"))),
        ("objects in a stream", stream(&objects)),
        ("odd events", stream(r#"{"type":7,"choices":{},"candidates":7,"message":[],"delta":null,"error":null}"#)),
        ("numbers for events", stream("1e999999")),
        ("nothing in an event", stream("{}")),
        (
            "half characters in a stream",
            Play::new(200, words::stream_type(wire), format!("{halves}{}", words::ending(wire))),
        ),
    ]
}

/// What is wrong with the answer: no JSON, an error of another shape, one that repeats too much, or no end at all.
fn flaw(client: Tongue, stream: bool, got: &Got) -> Option<String> {
    if got.status != 200 {
        return match client.error(got) {
            Err(what) => Some(what),
            Ok(told) => (told.message.len() > 5_000).then(|| format!("{} bytes of message", told.message.len())),
        };
    }
    if !stream {
        return serde_json::from_slice::<serde_json::Value>(&got.body).err().map(|error| error.to_string());
    }
    let events = client.events(got);
    let ended = events.iter().any(|event| client.is_success(event) || client.stream_error(event).is_some());
    (!ended && got.broken.is_none()).then(|| "it ends without an end".to_owned())
}

#[tokio::test]
async fn every_client_is_told_what_any_upstream_does() {
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, json!({})).await;
        for (name, play) in plays(wire) {
            for (client, stream) in ALL.into_iter().flat_map(|client| [(client, false), (client, true)]) {
                bare.play(play.clone());
                let got = client.ask(&gateway, MODEL, stream).await;
                // Relayed bytes are the upstream's own, whatever they are.
                let found = flaw(client, stream, &got).filter(|_| client != wire);
                complaints.extend(found.map(|what| {
                    let text: String = got.text().chars().take(200).collect();
                    format!("{client:?} over {wire:?}, stream {stream}, {name}: {} {what}: {text}", got.status)
                }));
            }
        }
        assert_healthy(&gateway).await;
        let log: usize = gateway.log().iter().map(String::len).sum();
        assert!(log < 1 << 20, "{log} bytes of log");
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
