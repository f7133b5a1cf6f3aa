//! Settings of every client as every wire is told them: sampling and limits, the form of the answer, tier and user.

use bytes::{Bytes, BytesMut};
use dialect::{Body, Encoded, Memo, ModelTraits, Reply, Target, ThinkingTraits};
use hub::{Fault, Losses, Request, replay};
use serde_json::{Value, json};

use super::matrix::head;
use super::side;
use crate::ALL;

/// A question of a client with these fields beside it.
pub(super) fn question(client: &str, fields: &Value) -> Value {
    let mut body = match client {
        "gemini" => json!({"contents": [{"role": "user", "parts": [{"text": "q"}]}]}),
        "openai_responses" => json!({"model": "m", "input": "q"}),
        "anthropic" => json!({"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": "q"}]}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "q"}]}),
    };
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The same, read.
fn ask(client: &str, fields: &Value) -> (Request, Losses) {
    let dialect = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap();
    let body = Body::parse(Bytes::from(question(client, fields).to_string())).unwrap();
    let decoded = dialect.client.unwrap().decode_request(&head(dialect), &body).unwrap();
    (decoded.request, decoded.losses)
}

pub(super) fn encode(
    client: &str,
    fields: &Value,
    wire: &str,
    traits: &ModelTraits,
) -> Result<(Encoded, Value), Fault> {
    let (request, _) = ask(client, fields);
    let target = Target { model: "m", stream: false, traits };
    let encoded = side(wire).encode_request(&request, &target)?;
    let body = serde_json::from_slice(&encoded.body).unwrap();
    Ok((encoded, body))
}

fn written(client: &str, fields: &Value, wire: &str) -> Value {
    encode(client, fields, wire, &ModelTraits::default()).unwrap().1
}

/// The same setting in each client's words.
fn says(client: &str, setting: &str, value: &Value) -> Option<Value> {
    let name = match (client, setting) {
        ("openai_chat", "cap") => "max_completion_tokens",
        ("openai_chat", name) => name,
        ("openai_responses", "cap") => "max_output_tokens",
        ("openai_responses", name @ ("temperature" | "top_p")) => name,
        ("anthropic", "cap") => "max_tokens",
        ("anthropic", "stop") => "stop_sequences",
        ("anthropic", name @ ("temperature" | "top_p" | "top_k")) => name,
        ("gemini", "cap") => "maxOutputTokens",
        ("gemini", "top_p") => "topP",
        ("gemini", "top_k") => "topK",
        ("gemini", "stop") => "stopSequences",
        ("gemini", "frequency_penalty") => "frequencyPenalty",
        ("gemini", "presence_penalty") => "presencePenalty",
        ("gemini", name @ ("temperature" | "seed")) => name,
        ("ollama", "cap") => "num_predict",
        ("ollama", name) => name,
        _ => return None,
    };
    Some(match client {
        "gemini" => json!({"generationConfig": {name: value}}),
        "ollama" => json!({"options": {name: value}}),
        _ => json!({name: value}),
    })
}

/// Where each wire has a setting; nothing where it has none.
fn place(wire: &str, setting: &str) -> Option<&'static str> {
    Some(match (wire, setting) {
        ("openai_chat", "cap") => "/max_tokens",
        ("openai_responses", "cap") => "/max_output_tokens",
        ("anthropic", "cap") => "/max_tokens",
        ("gemini", "cap") => "/generationConfig/maxOutputTokens",
        ("ollama", "cap") => "/options/num_predict",
        ("openai_chat" | "openai_responses" | "anthropic", "temperature") => "/temperature",
        ("gemini", "temperature") => "/generationConfig/temperature",
        ("ollama", "temperature") => "/options/temperature",
        ("openai_chat" | "openai_responses" | "anthropic", "top_p") => "/top_p",
        ("gemini", "top_p") => "/generationConfig/topP",
        ("ollama", "top_p") => "/options/top_p",
        ("anthropic", "top_k") => "/top_k",
        ("gemini", "top_k") => "/generationConfig/topK",
        ("ollama", "top_k") => "/options/top_k",
        ("openai_chat", "stop") => "/stop",
        ("anthropic", "stop") => "/stop_sequences",
        ("gemini", "stop") => "/generationConfig/stopSequences",
        ("ollama", "stop") => "/options/stop",
        ("openai_chat", "seed") => "/seed",
        ("gemini", "seed") => "/generationConfig/seed",
        ("ollama", "seed") => "/options/seed",
        ("openai_chat", "frequency_penalty") => "/frequency_penalty",
        ("gemini", "frequency_penalty") => "/generationConfig/frequencyPenalty",
        ("ollama", "frequency_penalty") => "/options/frequency_penalty",
        ("openai_chat", "presence_penalty") => "/presence_penalty",
        ("gemini", "presence_penalty") => "/generationConfig/presencePenalty",
        ("ollama", "presence_penalty") => "/options/presence_penalty",
        _ => return None,
    })
}

#[test]
fn every_setting_arrives_where_a_wire_has_it_and_is_told_where_not() {
    let settings = [
        ("cap", json!(321)),
        ("temperature", json!(0.25)),
        ("temperature", json!(0)),
        ("top_p", json!(0.5)),
        ("top_k", json!(7)),
        ("stop", json!(["A", "B b"])),
        ("seed", json!(42)),
        ("frequency_penalty", json!(-1.5)),
        ("presence_penalty", json!(2)),
    ];
    for (setting, value) in &settings {
        for client in ALL.iter().map(|dialect| dialect.id.0) {
            let Some(fields) = says(client, setting, value) else { continue };
            for wire in ALL.iter().map(|dialect| dialect.id.0) {
                let case = format!("{setting} {value} from {client} to {wire}");
                let (encoded, body) = encode(client, &fields, wire, &ModelTraits::default()).unwrap();
                match place(wire, setting) {
                    Some(place) => assert_eq!(body.pointer(place), Some(value), "{case}: {body}"),
                    None if *setting == "stop" => assert_eq!(encoded.memo.stop, ["A", "B b"], "{case}"),
                    None => assert!(!encoded.losses.is_silent(), "{case}: {body}"),
                }
            }
        }
    }
}

#[test]
fn defaults_say_nothing_and_nulls_neither() {
    let null = |client: &str, setting: &str| says(client, setting, &Value::Null);
    for client in ALL.iter().map(|dialect| dialect.id.0) {
        let plain = ask(client, &json!({})).0;
        for setting in ["temperature", "top_p", "top_k", "stop", "seed", "frequency_penalty", "presence_penalty"] {
            let Some(fields) = null(client, setting) else { continue };
            assert_eq!(ask(client, &fields).0, plain, "{client} {setting}");
        }
    }
    let open = json!({"options": {"num_predict": 0, "seed": -1, "stop": [], "frequency_penalty": 0.0}});
    assert_eq!(ask("ollama", &open).0.sampling, hub::Sampling::default());
    assert_eq!(ask("ollama", &json!({"options": {"num_predict": -2}})).0.sampling.max_tokens, None);
    assert_eq!(ask("gemini", &json!({"generationConfig": {"stopSequences": ["", "x"]}})).0.sampling.stop, ["x"]);
}

#[test]
fn limits_of_each_wire_hold() {
    let chat = |fields: Value, wire: &str| written("openai_chat", &fields, wire);
    assert_eq!(chat(json!({"temperature": 1.7}), "anthropic")["temperature"], 1.0);
    assert_eq!(chat(json!({"temperature": 1.7}), "gemini")["generationConfig"]["temperature"], 1.7);
    for small in 1..16 {
        assert_eq!(chat(json!({"max_tokens": small}), "openai_responses")["max_output_tokens"], 16);
    }
    assert_eq!(chat(json!({"max_tokens": 5, "max_completion_tokens": 9}), "ollama")["options"]["num_predict"], 9);
    assert!(chat(json!({}), "anthropic")["max_tokens"].as_u64().is_some_and(|most| most > 1_000));
    for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
        let body = chat(json!({}), wire).to_string();
        assert!(!body.contains("max_") && !body.contains("maxOut") && !body.contains("num_predict"), "{body}");
    }
    let most = ModelTraits { max_output: Some(1_000), ..ModelTraits::default() };
    for wire in ALL.iter().map(|dialect| dialect.id.0) {
        let fields = json!({"max_tokens": 9_000});
        let body = encode("openai_chat", &fields, wire, &most).unwrap().1;
        assert_eq!(body.pointer(place(wire, "cap").unwrap()), Some(&json!(1_000)), "{wire}");
    }
    let stops: Vec<String> = (0..7).map(|n| format!("s{n}")).collect();
    for (wire, own) in [("openai_chat", 4), ("openai_responses", 0), ("anthropic", 7), ("gemini", 5), ("ollama", 7)] {
        let (encoded, body) =
            encode("anthropic", &json!({"stop_sequences": stops}), wire, &ModelTraits::default()).unwrap();
        assert_eq!(encoded.memo.stop, stops[own..], "{wire}: the gateway looks for the others");
        let told =
            place(wire, "stop").and_then(|place| body.pointer(place)).and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(told, own, "{wire}");
    }
    let blank = json!({"stop": ["\n\n", "END"]});
    let (encoded, body) = encode("openai_chat", &blank, "anthropic", &ModelTraits::default()).unwrap();
    assert_eq!((encoded.memo.stop, &body["stop_sequences"]), (vec!["\n\n".to_owned()], &json!(["END"])));
}

#[test]
fn what_client_code_would_read_is_refused_where_it_cannot_be_given() {
    let refused = |client: &str, fields: &Value, wires: &[&str]| {
        for wire in ALL.iter().map(|dialect| dialect.id.0) {
            let outcome = encode(client, fields, wire, &ModelTraits::default());
            let (request, _) = ask(client, fields);
            assert_eq!(outcome.is_err(), wires.contains(&wire), "{client} {fields} to {wire}: {:?}", request.sampling);
        }
    };
    let others = ["openai_responses", "anthropic", "gemini", "ollama"];
    refused("openai_chat", &json!({"n": 2}), &["openai_responses", "anthropic", "ollama"]);
    refused("openai_chat", &json!({"n": 1, "logprobs": false, "top_logprobs": 0, "logit_bias": {}}), &[]);
    refused("openai_chat", &json!({"logit_bias": {"50256": -100}}), &others);
    // A cache alone is warmed by Anthropic and OpenAI; elsewhere an answer would begin.
    refused("anthropic", &json!({"max_tokens": 0}), &["openai_chat", "gemini", "ollama"]);
    let warm = written("anthropic", &json!({"max_tokens": 0}), "openai_responses");
    assert_eq!(warm["prompt_cache_options"], json!({"prewarm": true}));
    let back = json!({"prompt_cache_options": {"prewarm": true}, "max_output_tokens": 900});
    assert_eq!(written("openai_responses", &back, "anthropic")["max_tokens"], 0);
}

#[test]
fn models_that_reason_are_told_no_sampling_unless_they_do_not() {
    let thinking = ThinkingTraits { supported: Some(true), can_disable: Some(true), ..ThinkingTraits::default() };
    let traits = ModelTraits { sampling: Some(false), thinking, ..ModelTraits::default() };
    let fields = json!({"temperature": 0.5, "top_p": 0.5, "presence_penalty": 1, "stop": ["X"]});
    let (encoded, body) = encode("openai_chat", &fields, "openai_chat", &traits).unwrap();
    assert!(!body.to_string().contains("0.5") && body.get("stop").is_none(), "{body}");
    assert_eq!((encoded.memo.stop, encoded.losses.iter().count()), (vec!["X".to_owned()], 3));
    let quiet = json!({"temperature": 0.5, "reasoning_effort": "none"});
    for wire in ["openai_chat", "openai_responses"] {
        assert_eq!(encode("openai_chat", &quiet, wire, &traits).unwrap().1["temperature"], 0.5, "{wire}");
        assert!(encode("openai_chat", &fields, wire, &traits).unwrap().1.get("temperature").is_none(), "{wire}");
    }
}

/// The form of an answer in a client's words.
fn form(client: &str, schema: Option<&Value>) -> Option<Value> {
    Some(match (client, schema) {
        ("openai_chat", Some(schema)) => {
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}})
        }
        ("openai_chat", None) => json!({"response_format": {"type": "json_object"}}),
        ("openai_responses", Some(schema)) => {
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}})
        }
        ("openai_responses", None) => json!({"text": {"format": {"type": "json_object"}}}),
        ("anthropic", Some(schema)) => json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        ("gemini", Some(schema)) => {
            json!({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}})
        }
        ("gemini", None) => json!({"generationConfig": {"responseMimeType": "application/json"}}),
        ("ollama", Some(schema)) => json!({"format": schema}),
        ("ollama", None) => json!({"format": "json"}),
        _ => return None,
    })
}

#[test]
fn the_form_of_an_answer_arrives_in_every_wires_words() {
    let schema = json!({"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}},
        "required": ["b", "a"], "additionalProperties": false});
    for client in ALL.iter().map(|dialect| dialect.id.0) {
        let fields = form(client, Some(&schema)).unwrap();
        let get = |wire: &str| written(client, &fields, wire);
        let chat = &get("openai_chat")["response_format"];
        assert_eq!((&chat["type"], &chat["json_schema"]["schema"]), (&json!("json_schema"), &schema), "{client}");
        let responses = &get("openai_responses")["text"]["format"];
        assert_eq!((&responses["type"], &responses["schema"]), (&json!("json_schema"), &schema), "{client}");
        let name = if client.starts_with("openai") { "n" } else { "response" };
        assert_eq!((&chat["json_schema"]["name"], &responses["name"]), (&json!(name), &json!(name)), "{client}");
        let anthropic = &get("anthropic")["output_config"]["format"];
        assert_eq!((&anthropic["type"], &anthropic["schema"]), (&json!("json_schema"), &schema), "{client}");
        let gemini = &get("gemini")["generationConfig"];
        assert_eq!(gemini["responseMimeType"], "application/json", "{client}");
        assert_eq!((gemini.get("responseSchema"), &gemini["responseJsonSchema"]), (None, &schema), "{client}");
        assert_eq!(get("ollama")["format"], schema, "{client}");
        let Some(fields) = form(client, None) else { continue };
        let get = |wire: &str| written(client, &fields, wire);
        assert_eq!(get("openai_chat")["response_format"], json!({"type": "json_object"}), "{client}");
        assert_eq!(get("openai_responses")["text"]["format"], json!({"type": "json_object"}), "{client}");
        // OpenAI refuses JSON mode where nobody says the word.
        assert!(get("openai_chat")["messages"].to_string().contains("JSON"), "{client}");
        assert!(get("openai_responses")["input"].to_string().contains("JSON"), "{client}");
        assert_eq!(get("gemini")["generationConfig"], json!({"responseMimeType": "application/json"}), "{client}");
        assert!(get("anthropic")["system"].to_string().contains("JSON"), "{client}");
        assert_eq!(get("ollama")["format"], "json", "{client}");
    }
}

/// What becomes of a whole answer's text on its way through the engine's filters.
fn peeled(peel: dialect::Peel, text: &str) -> String {
    let parts = vec![hub::Part::Text(hub::Text::plain(text))];
    let mut response = hub::Response { parts, ..hub::Response::default() };
    dialect::Peeler::new(peel).apply(&mut response);
    match &response.parts[0] {
        hub::Part::Text(text) => text.text.clone(),
        other => panic!("{other:?}"),
    }
}

/// OpenAI takes objects only: anything else is asked for as the only property of one, and taken out of the answer.
#[test]
fn answers_that_are_no_objects_are_asked_for_in_one() {
    let object = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
        "additionalProperties": false});
    let list = json!({"type": "array", "items": {"$ref": "#/$defs/p"}, "$defs": {"p": object}});
    let other = json!({"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#"}]}});
    for client in ALL.iter().map(|dialect| dialect.id.0) {
        let fields = form(client, Some(&list)).unwrap();
        for wire in ["openai_chat", "openai_responses"] {
            let (encoded, body) = encode(client, &fields, wire, &ModelTraits::default()).unwrap();
            let format =
                if wire == "openai_chat" { &body["response_format"]["json_schema"] } else { &body["text"]["format"] };
            let wanted = json!({"type": "object", "additionalProperties": false, "required": ["answer"],
                "properties": {"answer": {"type": "array", "items": {"$ref": "#/$defs/p"}}}, "$defs": {"p": object}});
            assert_eq!(format["schema"], wanted, "{client} {wire}");
            assert_eq!(peeled(encoded.memo.peel, r#"{"answer":[{"a":"b"}]}"#), r#"[{"a":"b"}]"#);
            // References to the root would lead elsewhere.
            let (encoded, _) =
                encode(client, &form(client, Some(&other)).unwrap(), wire, &ModelTraits::default()).unwrap();
            assert_eq!(encoded.memo.peel.key, None);
        }
        // Others take any value.
        assert_eq!(written(client, &fields, "ollama")["format"], list);
        assert_eq!(
            encode(client, &fields, "gemini", &ModelTraits::default()).unwrap().0.memo.peel,
            dialect::Peel::default()
        );
    }
}

#[test]
fn one_word_of_some_is_asked_for_as_json() {
    let word = json!({"type": "STRING", "enum": ["a", "b"]});
    let fields = json!({"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": word}});
    assert_eq!(written("gemini", &fields, "ollama")["format"], json!({"type": "string", "enum": ["a", "b"]}));
    let chat = &written("gemini", &fields, "openai_chat")["response_format"]["json_schema"]["schema"];
    assert_eq!(chat["properties"]["answer"], json!({"type": "string", "enum": ["a", "b"]}));
    let request = ask("gemini", &fields).0;
    assert!(request.format.is_bare());
    let peel = dialect::Peel { key: Some("answer"), bare: true };
    assert_eq!((peeled(peel, r#"{"answer": "b"}"#), peeled(peel, "b")), ("b".to_owned(), "b".to_owned()));
}

#[test]
fn geminis_newer_form_is_read() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    for list in [true, false] {
        let entry = json!({"text": {"mimeType": "application/json", "schema": schema}});
        let value = if list { json!([entry]) } else { entry };
        let body = written("gemini", &json!({"generationConfig": {"responseFormat": value}}), "ollama");
        assert_eq!(body["format"], schema);
    }
    let (_, losses) = ask("gemini", &json!({"generationConfig": {"responseFormat": [{"image": {}}]}}));
    assert!(!losses.is_silent());
}

#[test]
fn the_tier_that_was_used_is_told_in_each_clients_words() {
    let chat = |tier: &str| {
        json!({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1}, "service_tier": tier})
    };
    let gemini = |field: &str, tier: &str| {
        json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, field: tier}})
    };
    let anthropic = |field: &str, tier: &str| {
        json!({"type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1, field: tier}})
    };
    let responses =
        json!({"status": "completed", "output": [], "usage": {"input_tokens": 1}, "service_tier": "default"});
    for (wire, answer, [openai, claude, google]) in [
        ("openai_chat", chat("default"), ["default", "standard", "standard"]),
        ("openai_chat", chat("flex"), ["flex", "", "flex"]),
        ("openai_chat", chat("priority"), ["priority", "priority", "priority"]),
        ("openai_chat", chat("auto"), ["", "", ""]),
        ("openai_responses", responses, ["default", "standard", "standard"]),
        ("anthropic", anthropic("service_tier", "priority"), ["priority", "priority", "priority"]),
        ("anthropic", anthropic("speed", "fast"), ["priority", "priority", "priority"]),
        ("anthropic", anthropic("service_tier", "batch"), ["", "", ""]),
        ("gemini", gemini("serviceTier", "FLEX"), ["flex", "", "flex"]),
        ("gemini", gemini("trafficType", "ON_DEMAND_PRIORITY"), ["priority", "priority", "priority"]),
        ("gemini", gemini("trafficType", "PROVISIONED_THROUGHPUT"), ["", "", ""]),
    ] {
        let response = side(wire).decode_response(answer.to_string().as_bytes(), &Memo::default()).unwrap();
        for (client, place, expect) in [
            ("openai_chat", "/service_tier", openai),
            ("openai_responses", "/service_tier", openai),
            ("anthropic", "/usage/service_tier", claude),
            ("gemini", "/usageMetadata/serviceTier", google),
        ] {
            let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap().client.unwrap();
            let body = face.encode_response(&response, &Reply::new("m", false));
            let body: Value = serde_json::from_slice(&body).unwrap();
            let found = body.pointer(place).and_then(Value::as_str).unwrap_or_default();
            assert_eq!(found, expect, "{answer} to {client}: {body}");
            let (mut events, mut out) = (Vec::new(), BytesMut::new());
            replay(response.clone(), &mut events);
            let mut encoder = face.stream_encoder(Reply::new("m", true));
            events.iter().for_each(|event| encoder.push(event, &mut out));
            let text = String::from_utf8(out.to_vec()).unwrap();
            let told = text.contains("ervice_tier\":\"") || text.contains("serviceTier\":\"");
            assert_eq!(told, !expect.is_empty(), "{client}: {text}");
        }
    }
}
