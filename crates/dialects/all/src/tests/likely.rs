//! How likely tokens were: asked of every wire that tells it, and told to every client, whole and streamed.

use dialect::ModelTraits;
use serde_json::{Value, json};

use super::rules::{refused, translated};
use super::settings::question;
use super::sources::{streamed, whole};

/// The clients and wires that know of it.
const KNOW: [&str; 4] = ["openai_chat", "openai_responses", "gemini", "ollama"];

/// A question in a client's words, with two others for each token.
fn ask(client: &str) -> Value {
    let fields = match client {
        "openai_responses" => json!({"top_logprobs": 2, "include": ["message.output_text.logprobs"]}),
        "gemini" => json!({"generationConfig": {"responseLogprobs": true, "logprobs": 2}}),
        _ => json!({"logprobs": true, "top_logprobs": 2}),
    };
    question(client, &fields)
}

fn token(text: &str, log: f64) -> Value {
    let others = json!([{"token": text, "logprob": log, "bytes": text.as_bytes()}, {"token": "x", "logprob": -9.5, "bytes": [120]}]);
    json!({"token": text, "logprob": log, "bytes": text.as_bytes(), "top_logprobs": others})
}

/// What Google tells of the tokens.
fn record(tokens: &[(&str, f64)]) -> Value {
    let entry = |text: &str, log: f64| json!({"token": text, "logProbability": log});
    let chosen: Vec<Value> = tokens.iter().map(|(text, log)| entry(text, *log)).collect();
    let tops: Vec<Value> =
        tokens.iter().map(|(text, log)| json!({"candidates": [entry(text, *log), entry("x", -9.5)]})).collect();
    json!({"chosenCandidates": chosen, "topCandidates": tops})
}

/// The answer of a wire to the question: two tokens, in two pieces where it is streamed.
fn answer(wire: &str, stream: bool) -> Vec<Value> {
    const TOKENS: [(&str, f64); 2] = [("Ni", -0.25), ("ne", -1.5)];
    let list: Vec<Value> = TOKENS.iter().map(|(text, log)| token(text, *log)).collect();
    let part = json!({"type": "output_text", "text": "Nine", "annotations": [], "logprobs": list});
    let done = json!({"id": "r", "object": "response", "status": "completed", "model": "m", "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}]});
    match (wire, stream) {
        ("openai_chat", false) => {
            vec![json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Nine"}, "logprobs": {"content": list, "refusal": null}}]})]
        }
        ("openai_chat", true) => (0..2)
            .map(|n| {
                json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": TOKENS[n].0},
                "logprobs": {"content": [list[n]]}, "finish_reason": (n == 1).then_some("stop")}]})
            })
            .collect(),
        ("openai_responses", false) => vec![done],
        ("openai_responses", true) => (0..2)
            .map(|n| {
                json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "delta": TOKENS[n].0, "logprobs": [list[n]]})
            })
            .chain([json!({"type": "response.completed", "response": done})])
            .collect(),
        ("gemini", false) => vec![json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Nine"}]},
            "finishReason": "STOP", "logprobsResult": record(&TOKENS)}]})],
        ("gemini", true) => (0..2)
            .map(|n| {
                json!({"candidates": [{"content": {"role": "model", "parts": [{"text": TOKENS[n].0}]},
                "finishReason": (n == 1).then_some("STOP"), "logprobsResult": record(&TOKENS[n..=n])}]})
            })
            .collect(),
        (_, false) => vec![json!({"model": "m", "message": {"role": "assistant", "content": "Nine"}, "logprobs": list,
            "done": true, "done_reason": "stop"})],
        (_, true) => (0..2)
            .map(|n| {
                json!({"model": "m", "message": {"role": "assistant", "content": TOKENS[n].0}, "logprobs": [list[n]],
                "done": n == 1, "done_reason": (n == 1).then_some("stop")})
            })
            .collect(),
    }
}

/// The tokens that a client is told in a body or an event: each with its probability and how many could have stood there.
fn told(client: &str, said: &Value) -> Vec<(String, f64, usize)> {
    let list = match client {
        "openai_chat" => said.pointer("/choices/0/logprobs/content"),
        "openai_responses" => said.pointer("/output/0/content/0/logprobs").or_else(|| said.pointer("/logprobs")),
        "gemini" => said.pointer("/candidates/0/logprobsResult/chosenCandidates"),
        _ => said.pointer("/logprobs"),
    };
    let entries = list.and_then(Value::as_array).into_iter().flatten().enumerate();
    let one = |(at, entry): (usize, &Value)| {
        let log = entry.get("logprob").or_else(|| entry.get("logProbability")).and_then(Value::as_f64).unwrap();
        let step = format!("/candidates/0/logprobsResult/topCandidates/{at}/candidates");
        let others = entry.get("top_logprobs").or_else(|| said.pointer(&step)).and_then(Value::as_array).unwrap();
        (entry["token"].as_str().unwrap().to_owned(), log, others.len())
    };
    entries.map(one).collect()
}

#[test]
fn every_wire_that_tells_it_is_asked_and_the_others_refuse() {
    let plain = ModelTraits::default();
    for client in KNOW {
        for wire in KNOW.into_iter().filter(|wire| *wire != client) {
            let (body, _) = translated(client, wire, &ask(client), &plain).unwrap();
            let asked = match wire {
                "openai_responses" => body["include"].to_string().contains("message.output_text.logprobs"),
                "gemini" => body["generationConfig"]["responseLogprobs"] == true,
                _ => body["logprobs"] == true,
            };
            let number = body.pointer("/top_logprobs").or_else(|| body.pointer("/generationConfig/logprobs"));
            assert_eq!((asked, number), (true, Some(&json!(2))), "{client} to {wire}: {body}");
        }
        assert!(refused(client, "anthropic", &ask(client)).contains("logprobs"), "{client}");
    }
}

#[test]
fn every_client_is_told_what_every_wire_tells() {
    let expect = [("Ni".to_owned(), -0.25, 2), ("ne".to_owned(), -1.5, 2)];
    for client in KNOW {
        for wire in KNOW {
            assert_eq!(told(client, &whole(client, wire, &answer(wire, false)[0])), expect, "{client} from {wire}");
            let events = streamed(client, wire, &answer(wire, true));
            let pieces: Vec<_> = events
                .iter()
                .filter(|event| client != "openai_responses" || event["type"] == "response.output_text.delta")
                .flat_map(|event| told(client, event))
                .collect();
            assert_eq!(pieces, expect, "{client} streamed from {wire}");
            let whole_again =
                events.iter().find_map(|event| event.get("response")).filter(|_| client == "openai_responses");
            let last = events.last().and_then(|event| event.get("response")).or(whole_again);
            if client == "openai_responses" {
                assert_eq!(told(client, last.unwrap()), expect, "{wire}");
            }
        }
        // A piece and its tokens come together.
        let first = streamed(client, "openai_chat", &answer("openai_chat", true));
        let beside = first.iter().find(|event| !told(client, event).is_empty()).unwrap().to_string();
        assert!(beside.contains("Ni"), "{client}: {beside}");
    }
}
