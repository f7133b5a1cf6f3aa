//! Rules of generateContent requests that span fields: settings, functions and their schemas, the form of a request.

use serde_json::{Map, Value, json};

use crate::gemini::{Class, conversation, invalid, schema};
use crate::provider::{Call, Refusal};
use crate::schema::{Flaw, Path, Violation, check as check_schema};

type Checked = Result<(), Refusal>;

/// The most output tokens that the fake models allow.
pub(super) const MAX_OUTPUT: i64 = 65_536;
/// Thinking budgets of the models that take them; -1 leaves it to the model.
const MAX_BUDGET: i64 = 24_576;
const MAX_STOPS: usize = 5;
const MAX_NAME: usize = 128;

/// What a function's `parameters` may say: a part of OpenAPI's schema, and an unknown name is refused.
const SCHEMA_WORDS: [&str; 21] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "items",
    "minimum",
];

/// The body in one spelling of names, if the request has the outer form that the API asks for.
pub(super) fn parse(call: &Call<'_>) -> Result<Value, Refusal> {
    let kind = call.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(invalid(format!("Invalid JSON payload received. Unsupported content type {kind:?}.")));
    }
    let body: Value = serde_json::from_slice(call.body)
        .map_err(|error| invalid(format!("Invalid JSON payload received. {error}")))?;
    Ok(schema::canonical(&body))
}

/// What a token count counts: contents alone, or a whole request.
pub(super) fn counted(mut body: Value, model: &str) -> Result<Value, Refusal> {
    let Some(inner) = body.get_mut("generateContentRequest").map(Value::take) else { return Ok(body) };
    if body.get("contents").is_some() {
        return Err(invalid("contents and generateContentRequest are mutually exclusive"));
    }
    match inner["model"].as_str() {
        Some(name) if name.trim_start_matches("models/") == model => Ok(inner),
        _ => Err(invalid("generateContentRequest.model must be the model of the address")),
    }
}

/// Every rule, cheapest first.
pub(super) fn check(body: &Value, class: Class) -> Checked {
    check_schema(body, schema::CREATE, &Path::default()).map_err(|violation| refusal(&violation))?;
    check_config(&body["generationConfig"], class)?;
    let names = check_tools(body, class)?;
    check_choice(&body["toolConfig"]["functionCallingConfig"], &names)?;
    check_format(&body["generationConfig"], !names.is_empty(), class)?;
    conversation::check(body, class)
}

fn refusal(violation: &Violation) -> Refusal {
    let place = violation.path.bracketed();
    let (at, name) = place.rsplit_once('.').unwrap_or(("", &place));
    invalid(match &violation.flaw {
        Flaw::Missing => format!("* GenerateContentRequest.{place}: {name} is not specified"),
        Flaw::Unknown => {
            format!("Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field.")
        }
        Flaw::Type { expected, given } => format!("Invalid value at '{place}' ({expected}), but got {given}"),
        Flaw::Value { given, .. } => format!("Invalid value at '{place}' (enum), \"{given}\""),
    })
}

/// Name, least, most.
const RANGES: [(&str, f64, f64); 5] = [
    ("temperature", 0.0, 2.0),
    ("topP", 0.0, 1.0),
    ("topK", 1.0, 1_000.0),
    ("maxOutputTokens", 1.0, 65_536.0),
    ("candidateCount", 1.0, 8.0),
];

fn check_config(config: &Value, class: Class) -> Checked {
    for (name, least, most) in RANGES {
        let given = config[name].as_f64();
        if let Some(value) = given.filter(|value| !(least..=most).contains(value)) {
            let what = format!("has a {name} value of {value} but the supported range is from {least} to {most}");
            return Err(invalid(format!("Unable to submit request because it {what}.")));
        }
    }
    if list(config, "stopSequences").len() > MAX_STOPS {
        return Err(invalid("stop_sequences: at most 5 stop sequences are supported"));
    }
    check_thinking(&config["thinkingConfig"], class)
}

fn check_thinking(thinking: &Value, class: Class) -> Checked {
    let (budget, level) = (thinking["thinkingBudget"].as_i64(), thinking["thinkingLevel"].as_str());
    match (budget, level, class) {
        (Some(_), Some(_), _) => Err(invalid("You can only set only one of thinking budget and thinking level.")),
        (_, Some(_), Class::Budgets) => Err(invalid("Thinking level is not supported for this model.")),
        (Some(0), _, Class::Levels) => Err(invalid("Budget 0 is invalid. This model only works in thinking mode.")),
        (Some(budget), _, _) if !(-1..=MAX_BUDGET).contains(&budget) => {
            let what =
                format!("The thinking budget {budget} is invalid. Please choose a value between 0 and {MAX_BUDGET}.");
            Err(invalid(what))
        }
        _ => Ok(()),
    }
}

/// The names of the functions.
fn check_tools(body: &Value, class: Class) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for (at, tool) in list(body, "tools").iter().enumerate() {
        if tool.as_object().is_none_or(Map::is_empty) {
            return Err(invalid(format!(
                "* GenerateContentRequest.tools[{at}].tool_type: required one_of 'tool_type' must have one initialized field"
            )));
        }
        for (index, function) in list(tool, "functionDeclarations").iter().enumerate() {
            let place = format!("tools[{at}].function_declarations[{index}]");
            let name = function["name"].as_str().unwrap_or_default();
            check_function(function, name, &place)?;
            if names.iter().any(|known| known == name) {
                return Err(invalid(format!("Duplicate function declaration found: {name}")));
            }
            names.push(name.to_owned());
        }
    }
    let hosted =
        |tool: &Value| tool.as_object().is_some_and(|tool| tool.keys().any(|key| key != "functionDeclarations"));
    if class == Class::Budgets && !names.is_empty() && list(body, "tools").iter().any(hosted) {
        return Err(invalid("Built-in tools and Function Calling cannot be combined in the same request."));
    }
    Ok(names)
}

fn check_function(function: &Value, name: &str, place: &str) -> Checked {
    if !is_name(name) {
        let what =
            "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9)";
        let rest =
            format!("underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of {MAX_NAME}.");
        return Err(invalid(format!("* GenerateContentRequest.{place}.name: {what}, {rest}")));
    }
    let both = function.get("parameters").is_some() && function.get("parametersJsonSchema").is_some();
    if both {
        return Err(invalid(format!("{place}: parameters and parameters_json_schema are mutually exclusive.")));
    }
    if let Some(schema) = function.get("parameters") {
        check_open_api(schema, &format!("{place}.parameters"))?;
    }
    let Some(schema) = function.get("parametersJsonSchema") else { return Ok(()) };
    if schema["type"] != "object" {
        return Err(invalid(format!("{place}.parameters_json_schema: schema type should be object")));
    }
    check_json_schema(schema, &format!("{place}.parameters_json_schema"))
}

pub(super) fn is_name(name: &str) -> bool {
    let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    start && name.len() <= MAX_NAME && name.chars().all(legal)
}

/// OpenAPI's form: a type in each schema, known words only, no names in `required` that are not there.
fn check_open_api(schema: &Value, place: &str) -> Checked {
    let Some(members) = schema.as_object() else {
        return Err(invalid(format!("Invalid value at '{place}' (type.googleapis.com/google.ai.Schema), {schema}")));
    };
    let known = |name: &str| SCHEMA_WORDS.contains(&name) || name == "maximum";
    if let Some(name) = members.keys().find(|name| !known(name)) {
        let what = format!("Unknown name \"{name}\" at '{place}': Cannot find field.");
        return Err(invalid(format!("Invalid JSON payload received. {what}")));
    }
    if members.get("type").is_some_and(|kind| !kind.is_string()) {
        return Err(invalid(format!("Proto field is not repeating, cannot start list: '{place}.type'")));
    }
    let strings = |value: &Value| value.as_array().is_some_and(|words| words.iter().all(Value::is_string));
    if members.get("enum").is_some_and(|words| !strings(words)) {
        return Err(invalid(format!("Invalid value at '{place}.enum[0]' (TYPE_STRING)")));
    }
    check_members(schema, place)?;
    subschemas(schema).into_iter().try_for_each(|(name, inner)| check_open_api(inner, &format!("{place}.{name}")))
}

/// JSON Schema's form: what is unknown is passed over, what is broken is not.
fn check_json_schema(schema: &Value, place: &str) -> Checked {
    if schema.is_boolean() {
        return Ok(());
    }
    check_members(schema, place)?;
    let definitions = ["$defs", "definitions"].iter().filter_map(|word| schema[*word].as_object()).flatten();
    definitions.map(|(_, inner)| inner).try_for_each(|inner| check_json_schema(inner, place))?;
    subschemas(schema).into_iter().try_for_each(|(name, inner)| check_json_schema(inner, &format!("{place}.{name}")))
}

fn check_members(schema: &Value, place: &str) -> Checked {
    let kind = schema["type"].as_str().unwrap_or_default().to_ascii_lowercase();
    if kind == "array" && schema.get("items").is_none() && schema.get("prefixItems").is_none() {
        return Err(invalid(format!("* GenerateContentRequest.{place}.items: missing field.")));
    }
    for (index, name) in list(schema, "required").iter().enumerate() {
        if schema["properties"].get(name.as_str().unwrap_or_default()).is_none() {
            let what = "property is not defined";
            return Err(invalid(format!("* GenerateContentRequest.{place}.required[{index}]: {what}")));
        }
    }
    Ok(())
}

fn subschemas(schema: &Value) -> Vec<(String, &Value)> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut found: Vec<(String, &Value)> =
        properties.map(|(name, inner)| (format!("properties[{name}]"), inner)).collect();
    found.extend(schema.get("items").map(|inner| ("items".to_owned(), inner)));
    found.extend(list(schema, "anyOf").iter().map(|inner| ("any_of".to_owned(), inner)));
    found
}

fn check_choice(choice: &Value, names: &[String]) -> Checked {
    let allowed = list(choice, "allowedFunctionNames");
    if allowed.is_empty() {
        return Ok(());
    }
    if !matches!(choice["mode"].as_str(), Some("ANY" | "VALIDATED")) {
        return Err(invalid(
            "Function calling config is set without function_declarations or allowed_function_names is set with a mode other than ANY.",
        ));
    }
    match allowed.iter().find(|name| !names.iter().any(|known| *name == known)) {
        Some(name) => Err(invalid(format!("allowed_function_names: {name} is not a declared function"))),
        None => Ok(()),
    }
}

fn check_format(config: &Value, functions: bool, class: Class) -> Checked {
    let json = config["responseMimeType"] == "application/json" || config["responseMimeType"] == "text/x.enum";
    let schemas = ["responseSchema", "responseJsonSchema"].map(|name| config.get(name));
    match schemas {
        [Some(_), Some(_)] => return Err(invalid("Only one of response_schema and response_json_schema may be set.")),
        [None, None] => (),
        _ if !json => return Err(invalid("Response schema requires a response mime type of application/json.")),
        [Some(schema), None] => check_open_api(schema, "generation_config.response_schema")?,
        [None, Some(schema)] => check_json_schema(schema, "generation_config.response_json_schema")?,
    }
    match json && functions && class == Class::Budgets {
        true => Err(invalid("Function calling with a response mime type: 'application/json' is unsupported")),
        false => Ok(()),
    }
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// A schema in the words of JSON Schema, for the fake's own wits: types in lower case.
pub(super) fn lowered(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let one = |(name, value): (&String, &Value)| match (name.as_str(), value.as_str()) {
                ("type", Some(kind)) => (name.clone(), json!(kind.to_ascii_lowercase())),
                _ => (name.clone(), lowered(value)),
            };
            Value::Object(members.iter().map(one).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(lowered).collect()),
        other => other.clone(),
    }
}
