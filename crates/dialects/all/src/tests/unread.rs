//! Nothing is lost in silence: a field that nobody knows, put into any object of a request, is sent or named; and fields
//! that are known and have no place elsewhere are named, too.

use dialect::ModelTraits;
use serde_json::{Value, json};

use super::matrix::{input, root};
use super::rules::{lost, translated};

const FIELD: &str = "zz_unheard";
const MARK: &str = "mark-7";

/// The paths to all objects of a value.
fn objects(value: &Value, path: &str, out: &mut Vec<String>) {
    let mut below = |name: &str, value: &Value| objects(value, &format!("{path}/{name}"), out);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| below(&name.replace('~', "~0").replace('/', "~1"), value));
            out.push(path.to_owned());
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| below(&at.to_string(), value)),
        _ => (),
    }
}

/// Whether the field is sent, or a loss names it, or all of what it stands in.
fn is_told(client: &str, wire: &str, body: &Value, path: &str) -> bool {
    // What is refused is not lost.
    let Ok((sent, losses)) = translated(client, wire, body, &ModelTraits::default()) else { return true };
    let steps = |text: &str| text.replace([']', '"'], "").split(['.', '[', '/']).map(str::to_owned).collect::<Vec<_>>();
    let full = steps(format!("{path}/{FIELD}").trim_start_matches('/'));
    let names = |field: &str| {
        let told = steps(field);
        // A tool may go by its name, and labels by that of others.
        full.starts_with(&told)
            || (told[0] == "tools" && full[0] == "tools")
            || (told == ["metadata"] && full[0] == "labels")
    };
    sent.to_string().contains(MARK) || losses.iter().any(|loss| names(&loss.field))
}

#[test]
fn a_field_that_nobody_knows_is_sent_or_named_wherever_it_stands() {
    let mut silent = Vec::new();
    let mut tried = 0;
    for case in ["agent", "attachments", "odd", "plain", "schema", "thinking"] {
        for client in crate::ALL.iter().filter(|dialect| dialect.client.is_some()) {
            let body: Value = serde_json::from_str(&input(&root().join("requests").join(case), client)).unwrap();
            let mut paths = Vec::new();
            objects(&body, "", &mut paths);
            for path in paths {
                let mut body = body.clone();
                body.pointer_mut(&path).unwrap()[FIELD] = json!({"description": MARK});
                for wire in crate::ALL.iter().filter(|wire| wire.wire.is_some() && wire.id != client.id) {
                    tried += 1;
                    if !is_told(client.id.0, wire.id.0, &body, &path) {
                        silent.push(format!("{case}: {} to {}: {path}", client.id, wire.id));
                    }
                }
            }
        }
    }
    assert!(tried > 500 && silent.is_empty(), "{tried}: {}", silent.join("\n"));
}

/// Sends what is known and has no place elsewhere.
fn named<const N: usize>(cases: [(&str, &str, Value, &str); N]) {
    for (client, wire, body, expect) in cases {
        let found = lost(client, wire, &body);
        assert!(found.lines().any(|line| line.starts_with(expect)), "{client} to {wire}: {body}: {found}");
    }
}

fn said(part: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": [part]}]})
}

#[test]
fn what_chat_says_alone_is_named() {
    let chat = |fields: Value| merged(json!({"model": "m", "messages": [{"role": "user", "content": "q"}]}), fields);
    let declared = |name: &str| json!({"type": "function", "function": {"name": "f", "description": name}});
    named([
        ("openai_chat", "anthropic", chat(json!({"store": true})), "silent store"),
        (
            "openai_chat",
            "gemini",
            chat(json!({"stream_options": {"include_obfuscation": true}})),
            "silent stream_options",
        ),
        ("openai_chat", "gemini", chat(json!({"top_logprobs": 3})), "silent top_logprobs"),
        ("openai_chat", "gemini", chat(json!({"max_tokens": 3, "max_completion_tokens": 4})), "silent max_tokens"),
        ("openai_chat", "gemini", chat(json!({"audio": {"voice": "v", "format": "wav"}})), "silent audio"),
        ("openai_chat", "gemini", chat(json!({"service_tier": "scale"})), "silent service_tier"),
        ("openai_chat", "gemini", chat(json!({"service_tier": "soon"})), "silent service_tier"),
        (
            "openai_chat",
            "gemini",
            chat(json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "description": "d"}}})),
            "approximated response_format.json_schema",
        ),
        (
            "openai_chat",
            "anthropic",
            chat(said(&json!({"type": "image_url", "image_url": {"url": "https://a.example/k.png", "detail": "low"}}))),
            "silent messages.detail",
        ),
        ("openai_chat", "ollama", chat(json!({"tools": [declared("a"), declared("b")]})), "dropped tools.f"),
    ]);
}

#[test]
fn what_responses_say_alone_is_named() {
    let responses = |fields: Value| merged(json!({"model": "m", "input": "q"}), fields);
    let item = |item: Value| responses(json!({"input": [item, {"role": "user", "content": "q"}]}));
    let output = json!([{"type": "output_text", "text": "a", "logprobs": [{"token": "a", "logprob": -1}]}]);
    named([
        (
            "openai_responses",
            "openai_chat",
            responses(json!({"client_metadata": {"a": "b"}})),
            "silent client_metadata",
        ),
        (
            "openai_responses",
            "gemini",
            responses(json!({"include": ["reasoning.encrypted_content", "file_search_call.results"]})),
            "silent include[1]",
        ),
        (
            "openai_responses",
            "gemini",
            item(json!({"type": "message", "role": "assistant", "phase": "commentary", "content": "a"})),
            "silent input[0].phase",
        ),
        (
            "openai_responses",
            "gemini",
            item(json!({"type": "message", "role": "assistant", "content": output})),
            "silent input[0].content[0].logprobs",
        ),
        (
            "openai_responses",
            "gemini",
            responses(
                json!({"tools": [{"type": "function", "name": "f", "parameters": {}, "output_schema": {"a": 1}}]}),
            ),
            "dropped tools[0].output_schema",
        ),
    ]);
}

#[test]
fn what_anthropic_says_alone_is_named() {
    let anthropic = |part: Value| merged(json!({"model": "m", "max_tokens": 99}), said(&part));
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"});
    let fetch =
        json!({"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 3, "citations": {"enabled": true}});
    let fetching = merged(anthropic(json!({"type": "text", "text": "q"})), json!({"tools": [fetch]}));
    named([
        (
            "anthropic",
            "gemini",
            anthropic(json!({"type": "document", "source": pdf, "context": "c"})),
            "dropped messages.0.content.0.context",
        ),
        (
            "anthropic",
            "openai_chat",
            anthropic(json!({"type": "document", "source": pdf, "citations": {"enabled": true}})),
            "dropped messages.0.content.0.citations",
        ),
        ("anthropic", "gemini", fetching.clone(), "dropped tools.0.max_uses"),
        ("anthropic", "gemini", fetching, "dropped tools.0.citations"),
        (
            "anthropic",
            "ollama",
            anthropic(json!({"type": "text", "text": "q", "cache_control": {"type": "ephemeral"}})),
            "silent cache_control",
        ),
    ]);
}

#[test]
fn what_gemini_and_ollama_say_alone_is_named() {
    named([
        (
            "gemini",
            "openai_chat",
            json!({"contents": [{"parts": [{"text": "q", "videoMetadata": {"fps": 2}}]}]}),
            "silent contents[0].parts[0].videoMetadata",
        ),
        (
            "gemini",
            "openai_chat",
            json!({"contents": [{"parts": [{"text": "q"}]}], "toolConfig": {"retrievalConfig": {"languageCode": "de"}}}),
            "dropped toolConfig.retrievalConfig",
        ),
        (
            "ollama",
            "gemini",
            json!({"model": "m", "messages": [{"role": "user", "content": "q", "weight": 2}]}),
            "dropped messages[0].weight",
        ),
    ]);
}

/// What agents send with every request is heard by nobody.
#[test]
fn hints_of_agents_are_silent() {
    let cache = json!({"type": "ephemeral", "ttl": "1h", "scope": "global"});
    let claude = json!({"model": "m", "max_tokens": 9, "metadata": {"user_id": "u", "session": "s"},
        "context_management": {"edits": []}, "system": [{"type": "text", "text": "s", "cache_control": cache}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "eager_input_streaming": true, "defer_loading": true}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "q", "cache_control": cache}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {},
                "caller": {"type": "direct"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r",
                "cache_control": cache}]}]});
    let codex = json!({"model": "m", "store": false, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
        "client_metadata": {"a": "b"}, "stream": true, "parallel_tool_calls": false, "text": {"verbosity": "medium"},
        "reasoning": {"effort": "medium", "summary": "auto"}, "tool_choice": "auto",
        "tools": [{"type": "function", "name": "f", "strict": false, "parameters": {"type": "object", "properties": {}}}],
        "input": [{"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": null, "encrypted_content": "x"},
            {"type": "message", "id": "msg_2", "role": "assistant", "phase": "final_answer", "status": "completed",
                "content": [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]}]});
    for (client, body) in [("anthropic", claude), ("openai_responses", codex)] {
        for wire in ["openai_chat", "anthropic"].into_iter().filter(|wire| *wire != client) {
            let found = lost(client, wire, &body);
            assert!(found.lines().all(|line| line.starts_with("silent ")), "{client} to {wire}: {found}");
        }
    }
}

fn merged(mut body: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { return body };
    fields.into_iter().for_each(|(name, value)| body[name] = value);
    body
}
