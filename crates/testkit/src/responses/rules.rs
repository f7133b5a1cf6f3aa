//! Rules of Responses requests that span fields: limits, tools, output formats.

use serde_json::{Map, Value};

use crate::openai::rules::{answer_flaw, check_name, check_parameters, is_set, list, refusal, text};
use crate::provider::Refusal;
use crate::responses::{conversation, schema};
use crate::schema::{Path, check as check_schema};

type Checked = Result<(), Refusal>;

const MIN_OUTPUT: i64 = 16;
const MAX_OUTPUT: i64 = 128_000;

/// Every rule, cheapest first.
pub(super) fn check(body: &Value, knows: &dyn Fn(&str) -> bool) -> Checked {
    check_schema(body, schema::CREATE, &Path::default()).map_err(|violation| refusal(&violation))?;
    let Some(members) = body.as_object() else { return Ok(()) };
    check_limits(members)?;
    check_model_limits(members)?;
    check_tools(members)?;
    check_choice(members)?;
    check_format(members)?;
    if is_set(members, "previous_response_id") {
        // What stands before the new items is not kept, only that it was: pairs cannot be checked.
        return check_state(members, knows);
    }
    conversation::check(&body["input"])
}

/// A token count takes less than an answer does.
pub(super) fn check_count(body: &Value) -> Checked {
    const OTHERS: [&str; 9] = [
        "stream",
        "stream_options",
        "store",
        "include",
        "max_output_tokens",
        "temperature",
        "top_p",
        "metadata",
        "service_tier",
    ];
    match OTHERS.into_iter().find(|field| body.get(field).is_some()) {
        Some(field) => Err(Refusal::invalid(format!("Unknown parameter: '{field}'.")).param(field)),
        None => Ok(()),
    }
}

fn check_limits(body: &Map<String, Value>) -> Checked {
    let Some(limit) = body.get("max_output_tokens").and_then(Value::as_i64) else { return Ok(()) };
    let (name, given) = ("max_output_tokens", format!("but got {limit} instead"));
    if limit < MIN_OUTPUT {
        let what = format!("integer below minimum value. Expected a value >= {MIN_OUTPUT}, {given}");
        let refusal = Refusal::invalid(format!("Invalid '{name}': {what}."));
        return Err(refusal.param(name).code("integer_below_min_value"));
    }
    if limit > MAX_OUTPUT {
        let what = format!("integer above maximum value. Expected a value <= {MAX_OUTPUT}, {given}");
        let refusal = Refusal::invalid(format!("Invalid '{name}': {what}."));
        return Err(refusal.param(name).code("integer_above_max_value"));
    }
    Ok(())
}

/// Reasoning models (here: by name) take no sampling.
fn check_model_limits(body: &Map<String, Value>) -> Checked {
    let model = text(body, "model");
    if !model.contains("reasoning") && !model.starts_with("gpt-5") {
        return Ok(());
    }
    match ["temperature", "top_p"].into_iter().find(|name| is_set(body, name)) {
        Some(name) => {
            Err(Refusal::invalid(format!("Unsupported parameter: '{name}' is not supported with this model."))
                .param(name)
                .code("unsupported_parameter"))
        }
        None => Ok(()),
    }
}

fn check_tools(body: &Map<String, Value>) -> Checked {
    let mut names = Vec::new();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        let Some(name) = tool["name"].as_str() else { continue };
        check_name(name, &format!("tools[{index}].name"))?;
        if tool["type"] == "function" && tool["parameters"].is_object() {
            check_parameters(tool, name, &format!("tools[{index}].parameters"))?;
        }
        if names.contains(&name) {
            return Err(Refusal::invalid(format!("Tool names must be unique: '{name}'.")).param("tools"));
        }
        names.push(name);
    }
    Ok(())
}

fn check_choice(body: &Map<String, Value>) -> Checked {
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let tools = list(body, "tools");
    if tools.is_empty() && choice != "none" && choice != "auto" {
        let what = "Tool choice 'required' must be specified with 'tools' parameter.";
        return Err(Refusal::invalid(what).param("tool_choice"));
    }
    match choice["name"].as_str() {
        Some(name) if !tools.iter().any(|tool| tool["name"] == name) => {
            let what = format!("Tool choice '{name}' not found in 'tools' parameter.");
            Err(Refusal::invalid(what).param("tool_choice"))
        }
        _ => Ok(()),
    }
}

fn check_format(body: &Map<String, Value>) -> Checked {
    let Some(format) = body.get("text").and_then(|text| text.get("format")) else { return Ok(()) };
    if format["type"] == "json_object" {
        let said = format!("{}{}", body["input"], text(body, "instructions")).to_lowercase().contains("json");
        let what = "Response input messages must contain the word 'json' in some form to use 'text.format' of type";
        let refusal = Refusal::invalid(format!("{what} 'json_object'."));
        return if said { Ok(()) } else { Err(refusal.param("input")) };
    }
    if format["type"] != "json_schema" {
        return Ok(());
    }
    let name = format["name"].as_str().unwrap_or_default();
    check_name(name, "text.format.name")?;
    match answer_flaw(&format["schema"], format["strict"] == true) {
        Some(flaw) => Err(Refusal::invalid(format!("Invalid schema for response_format '{name}': {flaw}."))
            .param("text.format.schema")
            .code("invalid_json_schema")),
        None => Ok(()),
    }
}

fn check_state(body: &Map<String, Value>, knows: &dyn Fn(&str) -> bool) -> Checked {
    if !knows(text(body, "previous_response_id")) {
        let what = format!("Previous response with id '{}' not found.", text(body, "previous_response_id"));
        return Err(Refusal::invalid(what).param("previous_response_id").code("previous_response_not_found"));
    }
    Ok(())
}
