//! Rules of Chat Completions requests that span fields: limits, tools, output formats, and the form of a request.

use serde_json::{Map, Value};

use crate::openai::{conversation, schema};
use crate::provider::{Call, Refusal};
use crate::schema::{Flaw, Path, Violation, check as check_schema, type_name};

type Checked = Result<(), Refusal>;

/// The most output tokens that the fake models allow.
const MAX_OUTPUT: i64 = 128_000;

/// The body as JSON, if the request has the outer form that the API asks for.
pub(crate) fn parse(call: &Call<'_>) -> Result<Value, Refusal> {
    let kind = call.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let what =
            format!("Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests");
        return Err(Refusal::new(415, "invalid_request_error", what).code("unsupported_content_type"));
    }
    serde_json::from_slice(call.body).map_err(|error| {
        Refusal::invalid(format!("We could not parse the JSON body of your request. ({error})")).code("invalid_json")
    })
}

/// Every rule, cheapest first.
pub(crate) fn check(body: &Value, vendor: bool) -> Checked {
    let known = if vendor { without_vendor_fields(body) } else { body.clone() };
    check_schema(&known, schema::CREATE, &Path::default()).map_err(|violation| refusal(&violation))?;
    let Some(members) = body.as_object() else { return Ok(()) };
    check_numbers(members)?;
    check_limits(members)?;
    check_model_limits(members)?;
    check_tools(members)?;
    check_choice(members)?;
    check_format(members)?;
    conversation::check(list(members, "messages"))
}

fn without_vendor_fields(body: &Value) -> Value {
    let mut body = body.clone();
    let messages = body.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten().filter_map(Value::as_object_mut) {
        if message.get("role").and_then(Value::as_str) == Some("assistant") {
            schema::VENDOR_MESSAGE_FIELDS.iter().for_each(|name| _ = message.remove(*name));
            let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
            for call in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
                schema::VENDOR_CALL_FIELDS.iter().for_each(|name| _ = call.remove(*name));
            }
        }
    }
    body
}

pub(crate) fn refusal(violation: &Violation) -> Refusal {
    let param = violation.path.bracketed();
    let (message, code) = match &violation.flaw {
        Flaw::Missing => (format!("Missing required parameter: '{param}'."), "missing_required_parameter"),
        Flaw::Unknown if violation.path.is_top() => {
            (format!("Unrecognized request argument supplied: {param}"), "unknown_parameter")
        }
        Flaw::Unknown => (format!("Unknown parameter: '{param}'."), "unknown_parameter"),
        Flaw::Type { expected, given } => {
            let what = format!("expected {}, but got {} instead", article(expected), article(given));
            (format!("Invalid type for '{param}': {what}."), "invalid_type")
        }
        Flaw::Value { given, allowed } => {
            let allowed: Vec<String> = allowed.iter().map(|word| format!("'{word}'")).collect();
            let what = format!("Supported values are: {}.", allowed.join(", "));
            (format!("Invalid value: '{given}'. {what}"), "invalid_value")
        }
    };
    Refusal::invalid(message).param(param).code(code)
}

fn article(kind: &str) -> String {
    let an = kind.starts_with(['a', 'i', 'o']);
    if kind == "null" { kind.to_owned() } else { format!("{} {kind}", if an { "an" } else { "a" }) }
}

/// Name, least, most.
const RANGES: [(&str, f64, f64); 6] = [
    ("temperature", 0.0, 2.0),
    ("top_p", 0.0, 1.0),
    ("frequency_penalty", -2.0, 2.0),
    ("presence_penalty", -2.0, 2.0),
    ("n", 1.0, 128.0),
    ("top_logprobs", 0.0, 20.0),
];

fn check_numbers(body: &Map<String, Value>) -> Checked {
    for (name, least, most) in RANGES {
        let Some(value) = body.get(name).and_then(Value::as_f64) else { continue };
        let kind = type_name(&body[name]);
        if value < least {
            let code = if kind == "integer" { "integer_below_min_value" } else { "decimal_below_min_value" };
            let what = format!("{kind} below minimum value. Expected a value >= {least}, but got {value} instead");
            return Err(Refusal::invalid(format!("Invalid '{name}': {what}.")).param(name).code(code));
        }
        if value > most {
            let code = if kind == "integer" { "integer_above_max_value" } else { "decimal_above_max_value" };
            let what = format!("{kind} above maximum value. Expected a value <= {most}, but got {value} instead");
            return Err(Refusal::invalid(format!("Invalid '{name}': {what}.")).param(name).code(code));
        }
    }
    Ok(())
}

fn check_limits(body: &Map<String, Value>) -> Checked {
    if is_set(body, "max_tokens") && is_set(body, "max_completion_tokens") {
        let what = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Refusal::invalid(what).code("invalid_parameter_combination"));
    }
    for name in ["max_tokens", "max_completion_tokens"] {
        match body.get(name).and_then(Value::as_i64) {
            Some(value @ ..1) => {
                let what = format!("integer below minimum value. Expected a value >= 1, but got {value} instead");
                let refusal = Refusal::invalid(format!("Invalid '{name}': {what}."));
                return Err(refusal.param(name).code("integer_below_min_value"));
            }
            Some(value) if value > MAX_OUTPUT => {
                let what = format!("This model supports at most {MAX_OUTPUT} completion tokens");
                let refusal = Refusal::invalid(format!("{name} is too large: {value}. {what}."));
                return Err(refusal.param(name).code("invalid_value"));
            }
            _ => (),
        }
    }
    check_lists(body)?;
    if is_set(body, "stream_options") && body.get("stream") != Some(&Value::Bool(true)) {
        let what = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid(what).param("stream_options"));
    }
    if is_set(body, "top_logprobs") && body.get("logprobs") != Some(&Value::Bool(true)) {
        let what = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
        return Err(Refusal::invalid(what).param("top_logprobs"));
    }
    Ok(())
}

fn check_lists(body: &Map<String, Value>) -> Checked {
    for (name, most) in [("stop", 4), ("tools", 128), ("functions", 128)] {
        let Some(items) = body.get(name).and_then(Value::as_array) else { continue };
        if items.is_empty() {
            let what = "empty array. Expected an array with minimum length 1, but got an empty array instead";
            return Err(Refusal::invalid(format!("Invalid '{name}': {what}.")).param(name).code("empty_array"));
        }
        if items.len() > most {
            let what = format!("array too long. Expected an array with maximum length {most}");
            let refusal = Refusal::invalid(format!("Invalid '{name}': {what}, but got {} instead.", items.len()));
            return Err(refusal.param(name).code("array_above_max_length"));
        }
    }
    match body.get("metadata").and_then(Value::as_object).map(Map::len) {
        Some(17..) => Err(Refusal::invalid("Invalid 'metadata': too many properties.").param("metadata")),
        _ => Ok(()),
    }
}

/// Reasoning models (here: by name) take less than the others.
fn check_model_limits(body: &Map<String, Value>) -> Checked {
    if !text(body, "model").contains("reasoning") {
        return Ok(());
    }
    if is_set(body, "max_tokens") {
        let what = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        let refusal = Refusal::invalid(format!("Unsupported parameter: {what}"));
        return Err(refusal.param("max_tokens").code("unsupported_parameter"));
    }
    for name in ["temperature", "top_p"] {
        if body.get(name).and_then(Value::as_f64).is_some_and(|value| value != 1.0) {
            let what = format!("'{name}' does not support {} with this model.", body[name]);
            let refusal =
                Refusal::invalid(format!("Unsupported value: {what} Only the default (1) value is supported."));
            return Err(refusal.param(name).code("unsupported_value"));
        }
    }
    match is_set(body, "stop") {
        true => Err(Refusal::invalid("Unsupported parameter: 'stop' is not supported with this model.")
            .param("stop")
            .code("unsupported_parameter")),
        false => Ok(()),
    }
}

fn check_tools(body: &Map<String, Value>) -> Checked {
    let mut names = Vec::new();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        let kind = tool["type"].as_str().unwrap_or_default();
        let inner = &tool[kind];
        let name = inner["name"].as_str().unwrap_or_default();
        check_name(name, &format!("tools[{index}].{kind}.name"))?;
        check_parameters(inner, name, &format!("tools[{index}].function.parameters"))?;
        if names.contains(&name) {
            let what = format!("Invalid 'tools': function names must be unique, got '{name}' twice.");
            return Err(Refusal::invalid(what).param("tools"));
        }
        names.push(name);
    }
    Ok(())
}

/// Names of functions and formats.
pub(crate) fn check_name(name: &str, param: &str) -> Checked {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > 64 {
        let what = "string too long. Expected a string with maximum length 64";
        return Err(Refusal::invalid(format!("Invalid '{param}': {what}."))
            .param(param)
            .code("string_above_max_length"));
    }
    if name.is_empty() || !name.chars().all(legal) {
        let what = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'";
        return Err(Refusal::invalid(format!("Invalid '{param}': {what}.")).param(param).code("invalid_value"));
    }
    Ok(())
}

pub(crate) fn check_parameters(function: &Value, name: &str, param: &str) -> Checked {
    let Some(schema) = function.get("parameters") else { return Ok(()) };
    let found = match schema["type"].as_str() {
        Some("object") if schema.get("properties").is_none() => Some("object schema missing properties".to_owned()),
        Some("object") => schema_flaw(schema, function["strict"] == true),
        other => {
            let got = other.unwrap_or("None");
            Some(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'"))
        }
    };
    match found {
        Some(flaw) => Err(Refusal::invalid(format!("Invalid schema for function '{name}': {flaw}."))
            .param(param)
            .code("invalid_function_parameters")),
        None => Ok(()),
    }
}

/// The first thing in the schema of an answer that the API refuses.
pub(crate) fn answer_flaw(schema: &Value, strict: bool) -> Option<String> {
    let kind = schema["type"].as_str().unwrap_or("None");
    if kind != "object" {
        return Some(format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'"));
    }
    match ["anyOf", "oneOf", "allOf", "enum", "not"].into_iter().find(|word| schema.get(*word).is_some()) {
        Some(word) => Some(format!("schema must have type 'object' and not have '{word}' at the top level")),
        None => schema_flaw(schema, strict),
    }
}

/// The first thing in a schema that the API refuses.
pub(crate) fn schema_flaw(schema: &Value, strict: bool) -> Option<String> {
    let kind = schema["type"].as_str();
    if kind == Some("array") && schema.get("items").is_none() && schema.get("prefixItems").is_none() {
        return Some("In context=(), array schema missing items".to_owned());
    }
    if strict && kind == Some("object") {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Some("In context=(), 'additionalProperties' is required to be supplied and to be false".to_owned());
        }
        let names = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(name) = names.into_iter().find(|name| !required.iter().any(|word| word == name.as_str())) {
            let what = "'required' is required to be supplied and to be an array including every key in properties";
            return Some(format!("In context=(), {what}. Missing '{name}'"));
        }
    }
    let maps = ["properties", "$defs", "definitions"].iter().filter_map(|word| schema.get(*word)?.as_object());
    let lists = ["anyOf", "oneOf", "allOf"].iter().filter_map(|word| schema.get(*word)?.as_array());
    let inner = maps.flat_map(Map::values).chain(lists.flatten()).chain(schema.get("items"));
    inner.into_iter().find_map(|inner| schema_flaw(inner, strict))
}

fn check_choice(body: &Map<String, Value>) -> Checked {
    let tools = list(body, "tools");
    if tools.is_empty() {
        return match ["tool_choice", "parallel_tool_calls"].into_iter().find(|name| is_set(body, name)) {
            Some(name) => {
                let what = format!("'{name}' is only allowed when 'tools' are specified");
                Err(Refusal::invalid(format!("Invalid value for '{name}': {what}.")).param(name))
            }
            None => Ok(()),
        };
    }
    let Some(choice) = body.get("tool_choice").filter(|choice| choice.is_object()) else { return Ok(()) };
    let kind = choice["type"].as_str().unwrap_or_default();
    let Some(name) = choice[kind]["name"].as_str() else { return Ok(()) };
    match tools.iter().any(|tool| tool[kind]["name"] == name) {
        true => Ok(()),
        false => {
            let what = format!("Tool choice '{name}' not found in 'tools' parameter");
            Err(Refusal::invalid(format!("Invalid value for 'tool_choice': {what}.")).param("tool_choice"))
        }
    }
}

fn check_format(body: &Map<String, Value>) -> Checked {
    let Some(format) = body.get("response_format") else { return Ok(()) };
    if format["type"] == "json_object" {
        let said = body["messages"].to_string().to_lowercase().contains("json");
        let what =
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
        return if said { Ok(()) } else { Err(Refusal::invalid(what).param("messages")) };
    }
    if format["type"] != "json_schema" {
        return Ok(());
    }
    let inner = &format["json_schema"];
    let name = inner["name"].as_str().unwrap_or_default();
    check_name(name, "response_format.json_schema.name")?;
    let Some(schema) = inner.get("schema") else { return Ok(()) };
    match answer_flaw(schema, inner["strict"] == true) {
        Some(flaw) => Err(Refusal::invalid(format!("Invalid schema for response_format '{name}': {flaw}."))
            .param("response_format")
            .code("invalid_json_schema")),
        None => Ok(()),
    }
}

pub(crate) fn is_set(body: &Map<String, Value>, name: &str) -> bool {
    body.get(name).is_some_and(|value| !value.is_null())
}

pub(crate) fn list<'a>(body: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    body.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}
