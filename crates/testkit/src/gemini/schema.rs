//! What a generateContent request may hold, as a table, in the spelling of its JSON.
//!
//! Function schemas are recursive and have rules of their own: see `rules`.

use serde_json::{Map, Value};

use crate::schema::{Field, Kind, may, must};

const BLOB: Kind =
    Kind::Object(&[must("mimeType", Kind::Text), must("data", Kind::Text), may("displayName", Kind::Text)]);
const FILE: Kind =
    Kind::Object(&[may("mimeType", Kind::Text), must("fileUri", Kind::Text), may("displayName", Kind::Text)]);
const CALL: Kind = Kind::Object(&[may("id", Kind::Text), must("name", Kind::Text), may("args", Kind::Map)]);
const RESULT_PART: Kind = Kind::Object(&[may("inlineData", BLOB), may("fileData", FILE)]);
const RESULT: Kind = Kind::Object(&[
    may("id", Kind::Text),
    must("name", Kind::Text),
    must("response", Kind::Map),
    may("parts", Kind::List(&RESULT_PART)),
    may("willContinue", Kind::Bool),
    may("scheduling", Kind::Text),
]);

/// The members of a part of which exactly one must be there.
pub(super) const DATA: [&str; 7] =
    ["text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"];

const PART: Kind = Kind::Object(&[
    may("text", Kind::Text),
    may("inlineData", BLOB),
    may("fileData", FILE),
    may("functionCall", CALL),
    may("functionResponse", RESULT),
    may("executableCode", Kind::Map),
    may("codeExecutionResult", Kind::Map),
    may("thought", Kind::Bool),
    may("thoughtSignature", Kind::Text),
    may("videoMetadata", Kind::Map),
    may("mediaResolution", Kind::Map),
    may("partMetadata", Kind::Map),
]);

const CONTENT: Kind = Kind::Object(&[may("role", Kind::Text), may("parts", Kind::List(&PART))]);

const FUNCTION: Kind = Kind::Object(&[
    must("name", Kind::Text),
    may("description", Kind::Text),
    may("behavior", Kind::Enum(&["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"])),
    may("parameters", Kind::Map),
    may("parametersJsonSchema", Kind::Map),
    may("response", Kind::Map),
    may("responseJsonSchema", Kind::Map),
]);

const TOOL: Kind = Kind::Object(&[
    may("functionDeclarations", Kind::List(&FUNCTION)),
    may("googleSearch", Kind::Map),
    may("googleSearchRetrieval", Kind::Map),
    may("codeExecution", Kind::Map),
    may("urlContext", Kind::Map),
    may("computerUse", Kind::Map),
    may("fileSearch", Kind::Map),
    may("googleMaps", Kind::Map),
    may("mcpServers", Kind::List(&Kind::Map)),
]);

const TOOL_CONFIG: Kind = Kind::Object(&[
    may(
        "functionCallingConfig",
        Kind::Object(&[
            may("mode", Kind::Enum(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"])),
            may("allowedFunctionNames", Kind::List(&Kind::Text)),
        ]),
    ),
    may("retrievalConfig", Kind::Map),
    may("includeServerSideToolInvocations", Kind::Bool),
]);

const THINKING: Kind = Kind::Object(&[
    may("includeThoughts", Kind::Bool),
    may("thinkingBudget", Kind::Int),
    may("thinkingLevel", Kind::Enum(&["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"])),
]);

const CONFIG: Kind = Kind::Object(&[
    may("stopSequences", Kind::List(&Kind::Text)),
    may("responseMimeType", Kind::Enum(&["text/plain", "application/json", "text/x.enum"])),
    may("responseSchema", Kind::Map),
    may("responseJsonSchema", Kind::Map),
    may("responseModalities", Kind::List(&Kind::Enum(&["TEXT", "IMAGE", "AUDIO"]))),
    may("candidateCount", Kind::Int),
    may("maxOutputTokens", Kind::Int),
    may("temperature", Kind::Number),
    may("topP", Kind::Number),
    may("topK", Kind::Number),
    may("seed", Kind::Int),
    may("presencePenalty", Kind::Number),
    may("frequencyPenalty", Kind::Number),
    may("responseLogprobs", Kind::Bool),
    may("logprobs", Kind::Int),
    may("speechConfig", Kind::Map),
    may("imageConfig", Kind::Map),
    may("mediaResolution", Kind::Text),
    may("thinkingConfig", THINKING),
]);

const FIELDS: &[Field] = &[
    must("contents", Kind::List(&CONTENT)),
    may("model", Kind::Text),
    may("systemInstruction", CONTENT),
    may("tools", Kind::List(&TOOL)),
    may("toolConfig", TOOL_CONFIG),
    may("safetySettings", Kind::List(&Kind::Map)),
    may("generationConfig", CONFIG),
    may("cachedContent", Kind::Text),
    may("serviceTier", Kind::Enum(&["unspecified", "standard", "flex", "priority"])),
    may("store", Kind::Bool),
];

/// POST /v1beta/models/MODEL:generateContent.
pub(super) const CREATE: Kind = Kind::Object(FIELDS);

/// Members whose inside belongs to the client.
const OPAQUE: [&str; 5] = ["args", "response", "parametersJsonSchema", "responseJsonSchema", "partMetadata"];

/// The body in one spelling: `tool_config` is `toolConfig`, and null is as good as absent.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            let one = |(name, value): (&String, &Value)| {
                let name = camel(name);
                let value = match name.as_str() {
                    name if OPAQUE.contains(&name) => value.clone(),
                    "properties" => properties(value),
                    _ => canonical(value),
                };
                (name, value)
            };
            Value::Object(kept.map(one).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// The names of properties are the client's own, what they stand for is a schema.
fn properties(value: &Value) -> Value {
    let Some(members) = value.as_object() else { return value.clone() };
    Value::Object(members.iter().map(|(name, inner)| (name.clone(), canonical(inner))).collect())
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        out + letters.as_str()
    })
}
