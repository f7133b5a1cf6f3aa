//! The call that makes a conversation shorter: the user's messages as they were, and one item that only this service
//! reads.

use serde_json::{Value, json};

use crate::provider::Refusal;
use crate::seal;

/// What the call takes: the SDK's parameters, and those that Codex sends beside them.
const FIELDS: [&str; 12] = [
    "model",
    "input",
    "instructions",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "tools",
    "parallel_tool_calls",
    "reasoning",
    "text",
];

/// An answer's settings have no place here.
pub(super) fn check(body: &Value) -> Result<(), Refusal> {
    let given = body.as_object().into_iter().flatten();
    match given.map(|(name, _)| name).find(|name| !FIELDS.contains(&name.as_str())) {
        Some(name) => Err(Refusal::invalid(format!("Unknown parameter: '{name}'.")).param(name.as_str())),
        None => Ok(()),
    }
}

/// An item comes back as it was given, or it cannot be read.
pub(super) fn check_item(item: &Value, place: &str) -> Result<(), Refusal> {
    match item["encrypted_content"].as_str() {
        Some(content) if seal::is_redacted(content) => Ok(()),
        _ => {
            let what = format!("The encrypted content for item {place} could not be verified.");
            Err(Refusal::invalid(what).code("invalid_encrypted_content"))
        }
    }
}

pub(super) fn answer(body: &Value) -> Value {
    let said = match &body["input"] {
        Value::String(text) => vec![json!({"role": "user", "content": [{"type": "input_text", "text": text}]})],
        Value::Array(items) => items.clone(),
        _ => Vec::new(),
    };
    let of_user = said.iter().filter(|item| item["role"] == "user");
    let mut output: Vec<Value> = of_user
        .enumerate()
        .map(|(at, item)| {
            let mut kept = item.clone();
            kept["id"] = json!(format!("msg_{at}"));
            kept["type"] = json!("message");
            kept["status"] = json!("completed");
            kept
        })
        .collect();
    let sealed = seal::redact(&format!("{} items", said.len()));
    output.push(json!({"id": "cmp_1", "type": "compaction", "encrypted_content": sealed}));
    json!({"id": "resp_compacted", "object": "response.compaction", "created_at": 1_790_000_000, "output": output,
        "usage": {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18}})
}
