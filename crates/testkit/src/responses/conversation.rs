//! Rules of Responses input: items, ids, pairing of calls and outputs, proofs, pictures and files.

use serde_json::Value;

use crate::openai::conversation::{check_file, check_picture};
use crate::openai::rules::check_name;
use crate::provider::Refusal;
use crate::responses::compact;
use crate::seal;

type Checked = Result<(), Refusal>;

const MAX_ID: usize = 64;
/// What the ids of items begin with.
const PREFIXES: [(&str, &str); 4] =
    [("message", "msg"), ("function_call", "fc"), ("custom_tool_call", "ctc"), ("reasoning", "rs")];

/// Checks the `input` of a request whose fields are in order.
pub(super) fn check(input: &Value) -> Checked {
    let items = match input {
        Value::String(text) if text.is_empty() => return Err(empty("input")),
        Value::Array(items) if items.is_empty() => return Err(empty("input")),
        Value::Array(items) => items,
        _ => return Ok(()),
    };
    for (at, item) in items.iter().enumerate() {
        check_item(item, &format!("input[{at}]"))?;
    }
    check_pairs(items)?;
    check_thoughts(items)
}

fn empty(place: &str) -> Refusal {
    Refusal::invalid(format!("Invalid '{place}': must not be empty.")).param(place)
}

fn kind(item: &Value) -> &str {
    item["type"].as_str().unwrap_or("message")
}

fn check_item(item: &Value, place: &str) -> Checked {
    check_ids(item, place)?;
    if let Some(name) = item["name"].as_str() {
        check_name(name, &format!("{place}.name"))?;
    }
    if kind(item) == "compaction" {
        compact::check_item(item, place)?;
    }
    if kind(item) == "item_reference" {
        return Err(lost(item["id"].as_str().unwrap_or_default()));
    }
    for (member, parts) in ["content", "output"].map(|member| (member, item[member].as_array())) {
        for (at, part) in parts.into_iter().flatten().enumerate() {
            check_part(part, &format!("{place}.{member}[{at}]"))?;
        }
    }
    Ok(())
}

fn check_ids(item: &Value, place: &str) -> Checked {
    for name in ["id", "call_id"] {
        let Some(id) = item[name].as_str() else { continue };
        if id.is_empty() {
            return Err(empty(&format!("{place}.{name}")));
        }
        if id.len() > MAX_ID {
            let what = "string too long. Expected a string with maximum length 64";
            let refusal = Refusal::invalid(format!("Invalid '{place}.{name}': {what}."));
            return Err(refusal.param(format!("{place}.{name}")).code("string_above_max_length"));
        }
    }
    let wanted = PREFIXES.iter().find(|(known, _)| *known == kind(item)).map(|(_, prefix)| *prefix);
    match (item["id"].as_str(), wanted) {
        (Some(id), Some(prefix)) if !id.starts_with(prefix) => {
            let what = format!("'{id}'. Expected an ID that begins with '{prefix}'");
            let refusal = Refusal::invalid(format!("Invalid '{place}.id': {what}."));
            Err(refusal.param(format!("{place}.id")).code("invalid_value"))
        }
        _ => Ok(()),
    }
}

fn check_part(part: &Value, place: &str) -> Checked {
    match part["type"].as_str().unwrap_or_default() {
        "input_image" => match (part["image_url"].as_str(), part["file_id"].as_str()) {
            (Some(url), _) => check_picture(url, place),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(Refusal::invalid(format!("Missing required parameter: '{place}.image_url'."))
                .param(format!("{place}.image_url"))
                .code("missing_required_parameter")),
        },
        "input_file" if part["file_url"].is_string() => Ok(()),
        "input_file" if part["file_data"].is_string() && !part["filename"].is_string() => {
            let missing = format!("{place}.filename");
            let what = format!("Missing required parameter: '{missing}'.");
            Err(Refusal::invalid(what).param(missing).code("missing_required_parameter"))
        }
        "input_file" => check_file(part, place),
        _ => Ok(()),
    }
}

/// Each call has one output, somewhere after it.
fn check_pairs(items: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for item in items {
        let id = item["call_id"].as_str().unwrap_or_default();
        match kind(item) {
            "function_call" | "custom_tool_call" | "shell_call" | "apply_patch_call" if open.contains(&id) => {
                return Err(Refusal::invalid(format!("Duplicate call_id '{id}' in input.")).param("input"));
            }
            "function_call" | "custom_tool_call" | "shell_call" | "apply_patch_call" => open.push(id),
            "function_call_output" | "custom_tool_call_output" | "shell_call_output" | "apply_patch_call_output" => {
                match open.iter().position(|wanted| *wanted == id) {
                    Some(at) => _ = open.remove(at),
                    None => {
                        let what = format!("No tool call found for function call output with call_id {id}.");
                        return Err(Refusal::invalid(what).param("input"));
                    }
                }
            }
            _ => (),
        }
    }
    match open.first() {
        Some(id) => Err(Refusal::invalid(format!("No tool output found for function call {id}.")).param("input")),
        None => Ok(()),
    }
}

/// A thought stands before what came of it, and carries the proof that this service gave.
fn check_thoughts(items: &[Value]) -> Checked {
    for (at, item) in items.iter().enumerate().filter(|(_, item)| kind(item) == "reasoning") {
        let id = item["id"].as_str().unwrap_or_default();
        let followed = items[at + 1..].iter().find(|next| kind(next) != "reasoning");
        if followed.is_none_or(|next| kind(next) == "message" && next["role"] != "assistant") {
            let what = format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
            return Err(Refusal::invalid(what).param("input"));
        }
        match item["encrypted_content"].as_str() {
            None => return Err(lost(id)),
            Some(proof) if !seal::is_redacted(proof) => {
                let what = format!("The encrypted content for item {id} could not be verified.");
                return Err(Refusal::invalid(what).code("invalid_encrypted_content"));
            }
            Some(_) => (),
        }
    }
    Ok(())
}

fn lost(id: &str) -> Refusal {
    let what = "Items are not persisted when `store` is set to false.";
    let refusal = Refusal::new(404, "invalid_request_error", format!("Item with id '{id}' not found. {what}"));
    refusal.param("input")
}
