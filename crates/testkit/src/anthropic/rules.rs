//! Rules of Anthropic requests that span fields: sampling, thinking, tools, caching, and the form of a request.

use serde_json::{Map, Value};

use crate::anthropic::{Class, blocks, schema, version};
use crate::provider::{Call, Refusal, Route};
use crate::schema::{Flaw, Path, Violation, check as check_schema};

type Checked = Result<(), Refusal>;

/// The most output tokens that the fake models allow.
const MAX_OUTPUT: u64 = 128_000;
const MAX_BREAKPOINTS: usize = 4;

/// Keywords that structured output does not know, beside the shapes that it does.
const UNSUPPORTED: [&str; 12] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "oneOf",
    "not",
    "patternProperties",
];

/// The body as JSON, if the request has the outer form that the API asks for.
pub(crate) fn parse(call: &Call<'_>) -> Result<Value, Refusal> {
    let kind = call.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Refusal::invalid("content-type: must be application/json"));
    }
    if !call.query.is_empty() && call.query != "beta=true" {
        return Err(Refusal::invalid(format!("unexpected query: {}", call.query)));
    }
    serde_json::from_slice(call.body)
        .map_err(|error| Refusal::invalid(format!("The request body is not valid JSON: {error}")))
}

/// Every rule, cheapest first.
pub(crate) fn check(body: &Value, call: &Call<'_>) -> Checked {
    let version = version(call.headers);
    check_fields(body, call, version)?;
    check_betas(call)?;
    let Some(members) = body.as_object().map(without_nulls) else { return Ok(()) };
    let members = &members;
    if *call.route == Route::Generate {
        check_limits(members)?;
    }
    check_sampling(members)?;
    check_tools(members)?;
    check_choice(members)?;
    check_thinking(members)?;
    check_output(members)?;
    blocks::check(members, version)?;
    check_breakpoints(members)
}

fn check_fields(body: &Value, call: &Call<'_>, version: &str) -> Checked {
    let mut known = body.clone();
    if let Some(members) = known.as_object_mut() {
        if call.headers.contains_key("anthropic-beta") {
            schema::BETA_FIELDS.iter().for_each(|name| _ = members.remove(*name));
        }
        if version != super::VERSIONS[0]
            && let Some(name) = schema::SAMPLING_FIELDS.iter().find(|name| members.contains_key(**name))
        {
            return Err(Refusal::invalid(format!("{name}: Extra inputs are not permitted")));
        }
    }
    let table = if *call.route == Route::Count { schema::COUNT } else { schema::CREATE };
    check_schema(&known, table, &Path::default()).map_err(|violation| refusal(&violation))
}

/// Null is as good as absent, where the API takes it at all.
fn without_nulls(body: &Map<String, Value>) -> Map<String, Value> {
    body.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn refusal(violation: &Violation) -> Refusal {
    let place = violation.path.dotted();
    let what = match &violation.flaw {
        Flaw::Missing => "Field required".to_owned(),
        Flaw::Unknown => "Extra inputs are not permitted".to_owned(),
        Flaw::Type { expected, .. } => format!("Input should be a valid {expected}"),
        Flaw::Value { given, allowed } => {
            let allowed: Vec<String> = allowed.iter().map(|word| format!("'{word}'")).collect();
            format!("Input tag or value '{given}' found, expected one of {}", allowed.join(", "))
        }
    };
    Refusal::invalid(format!("{place}: {what}"))
}

/// Beta flags end in a date, `2025-06-27` or `20250219`.
fn check_betas(call: &Call<'_>) -> Checked {
    let values = call.headers.get_all("anthropic-beta").iter().filter_map(|value| value.to_str().ok());
    for flag in values.flat_map(|value| value.split(',')).map(str::trim) {
        let end: String = flag.chars().rev().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
        if end.chars().filter(char::is_ascii_digit).count() != 8 {
            return Err(Refusal::invalid(format!("Unexpected value(s) `{flag}` for the `anthropic-beta` header.")));
        }
    }
    Ok(())
}

fn check_limits(body: &Map<String, Value>) -> Checked {
    let limit = body.get("max_tokens").and_then(Value::as_i64).unwrap_or_default();
    if limit < 1 {
        return Err(Refusal::invalid("max_tokens: Input should be greater than or equal to 1"));
    }
    if limit.unsigned_abs() > MAX_OUTPUT {
        let model = text(body, "model");
        let why = "which is the maximum allowed number of output tokens for";
        return Err(Refusal::invalid(format!("max_tokens: {limit} > {MAX_OUTPUT}, {why} {model}")));
    }
    for (index, word) in list(body, "stop_sequences").iter().enumerate() {
        if word.as_str().is_none_or(|word| word.trim().is_empty()) {
            let what = "each stop sequence must contain non-whitespace";
            return Err(Refusal::invalid(format!("stop_sequences.{index}: {what}")));
        }
    }
    Ok(())
}

fn check_sampling(body: &Map<String, Value>) -> Checked {
    let sent = schema::SAMPLING_FIELDS.iter().find(|name| body.contains_key(**name));
    if let Some(name) = sent.filter(|_| Class::of(text(body, "model")) == Class::Adaptive) {
        return Err(Refusal::invalid(format!("`{name}` is deprecated for this model.")));
    }
    for name in ["temperature", "top_p"] {
        if body.get(name).and_then(Value::as_f64).is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return Err(Refusal::invalid(format!("{name}: range: 0..1")));
        }
    }
    match body.get("top_k").and_then(Value::as_i64) {
        Some(..0) => Err(Refusal::invalid("top_k: Input should be greater than or equal to 0")),
        _ => Ok(()),
    }
}

fn check_tools(body: &Map<String, Value>) -> Checked {
    let tools = list(body, "tools");
    let mut names = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        if tool.get("input_schema").is_some() {
            check_custom_tool(tool, name, &format!("tools.{index}.custom"))?;
        }
        if names.contains(&name) && !name.is_empty() {
            return Err(Refusal::invalid("tools: Tool names must be unique."));
        }
        names.push(name);
    }
    Ok(())
}

fn check_custom_tool(tool: &Value, name: &str, place: &str) -> Checked {
    if !blocks::is_name(name, 128) {
        let what = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'";
        return Err(Refusal::invalid(format!("{place}.name: {what}")));
    }
    let schema = &tool["input_schema"];
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(Refusal::invalid(format!("{place}.input_schema.type: Input should be 'object'")));
    }
    if ["oneOf", "allOf", "anyOf"].iter().any(|word| schema.get(*word).is_some()) {
        let what = "input_schema does not support oneOf, allOf, or anyOf at the top level";
        return Err(Refusal::invalid(format!("{place}.input_schema: {what}")));
    }
    if tool.get("strict").and_then(Value::as_bool) == Some(true) {
        check_closed(schema, &format!("{place}.input_schema"))?;
    }
    Ok(())
}

fn check_choice(body: &Map<String, Value>) -> Checked {
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let tools = list(body, "tools");
    if tools.is_empty() {
        return Err(Refusal::invalid("tool_choice: tool_choice may only be specified while providing tools."));
    }
    match choice.get("name").and_then(Value::as_str) {
        Some(name) if tools.iter().all(|tool| tool.get("name").and_then(Value::as_str) != Some(name)) => {
            Err(Refusal::invalid(format!("tool_choice: Tool '{name}' not found in provided tools")))
        }
        _ => Ok(()),
    }
}

fn check_thinking(body: &Map<String, Value>) -> Checked {
    let Some(thinking) = body.get("thinking") else { return Ok(()) };
    let kind = thinking.get("type").and_then(Value::as_str).unwrap_or_default();
    match (kind, Class::of(text(body, "model"))) {
        ("enabled", Class::Adaptive) => {
            let instead = "Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.";
            return Err(Refusal::invalid(format!(
                "\"thinking.type.enabled\" is not supported for this model. {instead}"
            )));
        }
        ("adaptive", Class::Old) => {
            return Err(Refusal::invalid("adaptive thinking is not supported on this model"));
        }
        _ => (),
    }
    if kind == "enabled" {
        check_budget(body, thinking)?;
    }
    if matches!(kind, "enabled" | "adaptive") { check_thinking_company(body) } else { Ok(()) }
}

fn check_budget(body: &Map<String, Value>, thinking: &Value) -> Checked {
    let budget = thinking.get("budget_tokens").and_then(Value::as_i64).unwrap_or_default();
    if budget < 1024 {
        let what = "Input should be greater than or equal to 1024";
        return Err(Refusal::invalid(format!("thinking.enabled.budget_tokens: {what}")));
    }
    match body.get("max_tokens").and_then(Value::as_i64) {
        Some(limit) if limit <= budget => {
            Err(Refusal::invalid("`max_tokens` must be greater than `thinking.budget_tokens`."))
        }
        _ => Ok(()),
    }
}

/// What thinking does not stand beside.
fn check_thinking_company(body: &Map<String, Value>) -> Checked {
    let number = |name| body.get(name).and_then(Value::as_f64);
    let forced = body.get("tool_choice").and_then(|choice| choice.get("type")).and_then(Value::as_str);
    let refused = if number("temperature").is_some_and(|value| value < 1.0) {
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
    } else if body.contains_key("top_k") {
        "`top_k` must be unset when thinking is enabled or in adaptive mode."
    } else if number("top_p").is_some_and(|value| value < 0.95) {
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode."
    } else if matches!(forced, Some("any" | "tool")) {
        "Thinking may not be enabled when tool_choice forces tool use."
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(refused))
}

fn check_output(body: &Map<String, Value>) -> Checked {
    let Some(schema) = body.get("output_config").and_then(|config| config.get("format")?.get("schema")) else {
        return Ok(());
    };
    check_closed(schema, "output_config.format.schema")?;
    check_supported(schema, "output_config.format.schema")
}

/// Every object must say that it allows nothing else.
fn check_closed(schema: &Value, place: &str) -> Checked {
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    if is_object && schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        let what = "For 'object' type, 'additionalProperties' must be explicitly set to false";
        return Err(Refusal::invalid(format!("{place}: {what}")));
    }
    subschemas(schema).into_iter().try_for_each(|inner| check_closed(inner, place))
}

fn check_supported(schema: &Value, place: &str) -> Checked {
    let few = schema.get("minItems").and_then(Value::as_u64).is_none_or(|least| least <= 1);
    let found = UNSUPPORTED.iter().copied().find(|word| schema.get(*word).is_some());
    if let Some(word) = found.or(Some("minItems").filter(|_| !few)) {
        return Err(Refusal::invalid(format!("{place}: property '{word}' is not supported")));
    }
    subschemas(schema).into_iter().try_for_each(|inner| check_supported(inner, place))
}

/// The schemas inside a schema, never a property that is only named like a keyword.
fn subschemas(schema: &Value) -> Vec<&Value> {
    let maps = ["properties", "$defs", "definitions"].iter().filter_map(|word| schema.get(*word)?.as_object());
    let lists = ["anyOf", "allOf", "oneOf"].iter().filter_map(|word| schema.get(*word)?.as_array());
    let mut found: Vec<&Value> = maps.flat_map(Map::values).collect();
    found.extend(lists.flatten());
    found.extend(schema.get("items").filter(|items| items.is_object()));
    found
}

/// At most four breakpoints, and a long one never after a short one.
fn check_breakpoints(body: &Map<String, Value>) -> Checked {
    let mut lives = Vec::new();
    for name in ["tools", "system", "messages"] {
        body.get(name).into_iter().for_each(|value| collect_breakpoints(value, &mut lives));
    }
    if lives.len() > MAX_BREAKPOINTS {
        let what = format!("A maximum of 4 blocks with cache_control may be provided. Found {}.", lives.len());
        return Err(Refusal::invalid(what));
    }
    match lives.windows(2).any(|pair| pair[0] == "5m" && pair[1] == "1h") {
        true => {
            Err(Refusal::invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block"))
        }
        false => Ok(()),
    }
}

fn collect_breakpoints(value: &Value, lives: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_breakpoints(item, lives)),
        Value::Object(members) => {
            // Only blocks hold breakpoints; arguments and schemas may hold anything under that name.
            members.get("content").into_iter().for_each(|inner| collect_breakpoints(inner, lives));
            if let Some(control) = members.get("cache_control").filter(|control| control.is_object()) {
                let ttl = control.get("ttl").and_then(Value::as_str).unwrap_or("5m");
                lives.push(ttl.to_owned());
            }
        }
        _ => (),
    }
}

pub(super) fn list<'a>(body: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    body.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}
