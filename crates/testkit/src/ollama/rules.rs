//! What the server refuses: wrong types, unknown words, pictures that are none, and what a model cannot do.

use serde_json::Value;

use super::{invalid, is_plain, list, refusal, schema};
use crate::media;
use crate::provider::Refusal;
use crate::schema::{Flaw, Kind, Path, Violation, check as check_schema, type_name};

type Checked = Result<(), Refusal>;

const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];
const LEVELS: [&str; 4] = ["low", "medium", "high", "max"];

pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Err(invalid("missing request body"));
    }
    serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))
}

/// Every rule of a chat.
pub(super) fn check(body: &Value) -> Checked {
    check_shared(body, schema::CHAT)?;
    let messages = list(body, "messages");
    if messages.is_empty() {
        return Err(invalid("the fake loads no models: send a message"));
    }
    messages.iter().try_for_each(check_message)?;
    list(body, "tools").iter().try_for_each(check_tool)?;
    check_abilities(body)
}

/// Every rule of a prompt without messages.
pub(super) fn check_prompt(body: &Value) -> Checked {
    check_shared(body, schema::GENERATE)?;
    let says = |name: &str| body[name].as_str().is_some_and(|words| !words.is_empty());
    if body["raw"] == true && (says("template") || says("system") || !list(body, "context").is_empty()) {
        return Err(invalid("raw mode does not support template, system, or context"));
    }
    if says("suffix") && is_plain(body["model"].as_str().unwrap_or_default()) {
        return Err(invalid("does not support insert"));
    }
    list(body, "images").iter().try_for_each(check_picture)?;
    check_abilities(body)
}

/// The rules of a question about a model, and the model.
pub(super) fn check_show(body: &Value) -> Result<String, Refusal> {
    check_schema(body, schema::SHOW, &Path::default()).map_err(|violation| mistyped(&violation))?;
    let named = ["model", "name"].into_iter().find_map(|field| body[field].as_str().filter(|name| !name.is_empty()));
    named.map(str::to_owned).ok_or_else(|| invalid("model is required"))
}

fn check_shared(body: &Value, shape: Kind) -> Checked {
    check_schema(body, shape, &Path::default()).map_err(|violation| mistyped(&violation))?;
    let top = body["top_logprobs"].as_i64().unwrap_or_default();
    if !(0..=20).contains(&top) {
        return Err(invalid("top_logprobs must be between 0 and 20"));
    }
    check_think(&body["think"])?;
    check_format(&body["format"])
}

fn mistyped(violation: &Violation) -> Refusal {
    let place = violation.path.bracketed();
    invalid(match &violation.flaw {
        Flaw::Missing if place == "model" => "model is required".to_owned(),
        Flaw::Missing => format!("{place} is required"),
        Flaw::Unknown => format!("json: unknown field \"{place}\""),
        Flaw::Type { given, .. } if place.starts_with("options.") => {
            format!("option {:?} must be of another type than {given}", place.trim_start_matches("options."))
        }
        Flaw::Type { expected, given } => {
            format!("json: cannot unmarshal {given} into Go struct field ChatRequest.{place} of type {expected}")
        }
        Flaw::Value { given, .. } => format!("invalid value for {place}: {given:?}"),
    })
}

fn check_think(think: &Value) -> Checked {
    match think {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::String(level) if LEVELS.contains(&level.as_str()) => Ok(()),
        Value::String(level) => Err(invalid(format!(
            "invalid think value: {level:?} (must be \"high\", \"medium\", \"low\", \"max\", true, or false)"
        ))),
        _ => Err(invalid("think must be a boolean or string (\"high\", \"medium\", \"low\", \"max\", true, or false)")),
    }
}

fn check_format(format: &Value) -> Checked {
    match format {
        Value::Null | Value::Object(_) => Ok(()),
        Value::String(word) if word.is_empty() || word == "json" => Ok(()),
        other => Err(invalid(format!("invalid format: {other}; expected \"json\" or a valid JSON Schema object"))),
    }
}

fn check_message(message: &Value) -> Checked {
    let role = message["role"].as_str().unwrap_or_default();
    if !ROLES.contains(&role) {
        return Err(invalid(format!("invalid role: {role}, must be one of [system user assistant tool]")));
    }
    // Templates write the tool's name before its result.
    if role == "tool" && message["tool_name"].as_str().is_none_or(str::is_empty) {
        return Err(invalid("a tool result names its tool in tool_name"));
    }
    if role != "assistant" && !list(message, "tool_calls").is_empty() {
        return Err(invalid(format!("tool_calls in a message of role {role}")));
    }
    list(message, "images").iter().try_for_each(check_picture)
}

fn check_picture(picture: &Value) -> Checked {
    let Some(bytes) = picture.as_str().and_then(media::decode) else {
        return Err(invalid("illegal base64 data at input byte 4"));
    };
    match media::sniff(&bytes) {
        Some(kind) if kind.starts_with("image/") => Ok(()),
        _ => Err(refusal(500, "failed to process inputs: image: unknown format")),
    }
}

fn check_tool(tool: &Value) -> Checked {
    let function = &tool["function"];
    if tool["type"] != "function" || function["name"].as_str().is_none_or(str::is_empty) {
        return Err(invalid("a tool is a function with a name"));
    }
    check_properties(&function["parameters"])
}

/// The server reads a property into a type of its own: nothing but an object will do.
fn check_properties(schema: &Value) -> Checked {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(_, inner)| inner).chain(list(schema, "anyOf")).try_for_each(check_property)
}

fn check_property(schema: &Value) -> Checked {
    let wrong = |member: &str, value: &Value| {
        let given = type_name(value);
        Err(invalid(format!("json: cannot unmarshal {given} into Go struct field ToolProperty.{member}")))
    };
    if !schema.is_object() {
        return wrong("properties", schema);
    }
    let words = |value: &Value| value.as_array().is_some_and(|words| words.iter().all(Value::is_string));
    let optional = |member: &str| schema.get(member).filter(|value| !value.is_null());
    if let Some(kind) = optional("type").filter(|kind| !kind.is_string() && !words(kind)) {
        return wrong("type", kind);
    }
    if let Some(about) = optional("description").filter(|about| !about.is_string()) {
        return wrong("description", about);
    }
    if let Some(values) = optional("enum").filter(|values| !values.is_array()) {
        return wrong("enum", values);
    }
    check_properties(schema)
}

fn check_abilities(body: &Value) -> Checked {
    let model = body["model"].as_str().unwrap_or_default();
    let thinks = body["think"] == true || body["think"].is_string();
    let sees = list(body, "messages").iter().chain([body]).any(|said| !list(said, "images").is_empty());
    let wanted = [("thinking", thinks), ("tools", !list(body, "tools").is_empty()), ("images", sees)];
    match wanted.into_iter().find(|(_, wanted)| *wanted).filter(|_| is_plain(model)) {
        Some((ability, _)) => Err(invalid(format!("\"{model}\" does not support {ability}"))),
        None => Ok(()),
    }
}
