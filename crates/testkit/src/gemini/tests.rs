//! What the Gemini fake refuses, and that it refuses nothing else.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::Gemini;
use crate::answer::{Ask, Think};
use crate::lively::{self, Ids};
use crate::provider::{Call, Provider as _, Refusal, Route};
use crate::seal;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn ask(model: &str, body: &Value) -> Result<Ask, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let path = format!("/v1beta/models/{model}:generateContent");
    let body = body.to_string();
    let call = Call { headers: &headers, path: &path, query: "", body: body.as_bytes(), route: &Route::Generate };
    Gemini::default().check(&call)
}

/// A legal request with some members replaced.
fn with(changes: &Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    changes.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body
}

fn refused_by(model: &str, changes: &Value, part: &str) {
    let refusal = ask(model, &with(changes)).expect_err(&changes.to_string());
    assert_eq!((refusal.status, refusal.kind), (400, "INVALID_ARGUMENT"));
    assert!(refusal.message.contains(part), "{:?} lacks {part:?}", refusal.message);
}

fn refused(changes: &Value, part: &str) {
    refused_by("gemini-2.5-model", changes, part);
}

fn accepted_by(model: &str, changes: &Value) -> Ask {
    ask(model, &with(changes)).unwrap_or_else(|refusal| panic!("{changes}: {}", refusal.message))
}

fn config(config: &Value) -> Value {
    json!({"generationConfig": config})
}

fn tools(function: &Value) -> Value {
    json!({"tools": [{"functionDeclarations": [function]}]})
}

#[test]
fn both_spellings_and_no_unknown_names() {
    let ask = accepted_by(
        "gemini-2.5-model",
        &json!({"system_instruction": {"parts": [{"text": "be kind"}]}, "generation_config": {"max_output_tokens": 5, "seed": null}}),
    );
    assert_eq!((ask.system.as_str(), ask.max_tokens, ask.think), ("be kind", Some(5), Think::Hidden));
    refused(&json!({"messages": []}), "Unknown name \"messages\" at ''");
    refused(&config(&json!({"temperature": 3})), "temperature value of 3");
    refused(&config(&json!({"temperature": "warm"})), "Invalid value at 'generationConfig.temperature'");
    refused(&config(&json!({"stopSequences": ["a", "b", "c", "d", "e", "f"]})), "at most 5");
    refused(&config(&json!({"maxOutputTokens": 0})), "maxOutputTokens");
    refused(&json!({"contents": []}), "contents is not specified");
}

#[test]
fn thinking_by_class() {
    let level = config(&json!({"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}}));
    let budget = config(&json!({"thinkingConfig": {"thinkingBudget": 0}}));
    let both = config(&json!({"thinkingConfig": {"thinkingBudget": 9, "thinkingLevel": "LOW"}}));
    refused(&level, "level is not supported");
    assert_eq!(accepted_by("gemini-3-model", &level).think, Think::Shown);
    assert_eq!(accepted_by("gemini-2.5-model", &budget).think, Think::Off);
    refused_by("gemini-3-model", &budget, "only works in thinking mode");
    refused_by("gemini-3-model", &both, "only one of");
}

#[test]
fn functions_and_schemas() {
    let string = json!({"type": "STRING"});
    let open = |schema: Value| tools(&json!({"name": "f", "parameters": schema}));
    accepted_by(
        "gemini-2.5-model",
        &open(json!({"type": "OBJECT", "properties": {"const": string}, "required": ["const"]})),
    );
    accepted_by(
        "gemini-2.5-model",
        &open(json!({"type": "OBJECT", "property_ordering": [], "properties": {"a_b": string}, "required": ["a_b"]})),
    );
    refused(&open(json!({"type": "OBJECT", "$schema": "x"})), "Unknown name \"$schema\"");
    refused(&open(json!({"type": ["OBJECT", "NULL"]})), "cannot start list");
    refused(&open(json!({"type": "OBJECT", "properties": {"a": {"type": "ARRAY"}}})), "items: missing field");
    refused(&open(json!({"type": "OBJECT", "properties": {}, "required": ["a"]})), "property is not defined");
    let own = |schema: Value| tools(&json!({"name": "f", "parametersJsonSchema": schema}));
    accepted_by("gemini-2.5-model", &own(json!({"type": "object", "additionalProperties": false})));
    refused(&own(json!({"properties": {}})), "schema type should be object");
    refused(&tools(&json!({"name": "9f"})), "Invalid function name");
    refused(&tools(&json!({"name": "f", "parameters": {}, "parametersJsonSchema": {}})), "mutually exclusive");
    let twice = json!({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]});
    refused(&twice, "Duplicate function declaration");
    let mut mixed = tools(&json!({"name": "f"}));
    mixed["tools"][0]["googleSearch"] = json!({});
    refused(&mixed, "cannot be combined");
    accepted_by("gemini-3-model", &mixed);
    let mut choice = tools(&json!({"name": "f"}));
    choice["toolConfig"] = json!({"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}});
    refused(&choice, "other than ANY");
    choice["toolConfig"]["functionCallingConfig"] = json!({"mode": "ANY", "allowedFunctionNames": ["g"]});
    refused(&choice, "not a declared function");
}

#[test]
fn forms_of_the_answer() {
    refused(&config(&json!({"responseSchema": {"type": "OBJECT"}})), "requires a response mime type");
    let json_mode = json!({"responseMimeType": "application/json"});
    let mut both = tools(&json!({"name": "f"}));
    both["generationConfig"] = json_mode;
    refused(&both, "is unsupported");
    accepted_by("gemini-3-model", &both);
}

fn conversation(call: &Value, results: &Value) -> Value {
    json!({"contents": [
        {"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": call}, {"role": "user", "parts": results},
    ]})
}

#[test]
fn calls_and_results_pair() {
    let call = |id: &str| json!({"functionCall": {"name": "f", "args": {}, "id": id}});
    let result =
        |name: &str, id: &str| json!({"functionResponse": {"name": name, "response": {"output": "x"}, "id": id}});
    let model = "gemini-2.5-model";
    let ask =
        accepted_by(model, &conversation(&json!([call("1"), call("2")]), &json!([result("f", "2"), result("f", "1")])));
    assert_eq!(ask.results, ["x", "x"]);
    refused(
        &conversation(&json!([call("1"), call("2")]), &json!([result("f", "1")])),
        "number of function response parts",
    );
    refused(&conversation(&json!([call("1")]), &json!([result("g", "1")])), "does not match");
    refused(&conversation(&json!([call("1")]), &json!([result("f", "2")])), "does not match");
    refused(
        &conversation(&json!([{"text": "x"}]), &json!([result("f", "1")])),
        "immediately after a function call turn",
    );
    refused(&json!({"contents": [{"role": "model", "parts": [call("1")]}]}), "comes immediately after a user turn");
    refused(&json!({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}), "valid role");
    refused(&json!({"contents": [{"role": "user", "parts": []}]}), "must not be empty");
    refused(&json!({"contents": [{"role": "user", "parts": [{"text": ""}]}]}), "empty text");
    refused(&json!({"contents": [{"role": "user", "parts": [{"thought": true}]}]}), "must have one initialized field");
}

#[test]
fn proofs_are_wanted_and_checked() {
    let result = json!([{"functionResponse": {"name": "f", "response": {}}}]);
    let call = |proof: Option<&str>| {
        let mut part = json!({"functionCall": {"name": "f", "args": {}}});
        proof.into_iter().for_each(|proof| part["thoughtSignature"] = json!(proof));
        conversation(&json!([part]), &result)
    };
    accepted_by("gemini-2.5-model", &call(None));
    refused_by("gemini-3-model", &call(None), "missing a `thought_signature`");
    refused_by("gemini-3-model", &call(Some("AAAA")), "signature is not valid");
    accepted_by("gemini-3-model", &call(Some("skip_thought_signature_validator")));
    let own = seal::sign("call f");
    accepted_by("gemini-3-model", &call(Some(&own)));
    accepted_by("gemini-3-model", &call(Some(own.replace('+', "-").replace('/', "_").trim_end_matches('='))));
}

#[test]
fn pictures_are_looked_at() {
    let blob = |kind: &str, data: &str| json!({"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": kind, "data": data}}]}]});
    assert_eq!(accepted_by("gemini-2.5-model", &blob("image/png", PNG)).media.len(), 1);
    refused(&blob("image/jpeg", PNG), "input image");
    accepted_by("gemini-2.5-model", &blob("image/png", PNG.replace('+', "-").trim_end_matches('=')));
    refused(&blob("image/png", "a b"), "Base64");
    refused(&blob("application/pdf", PNG), "no pages");
    refused(&blob("application/zip", PNG), "Unsupported MIME type");
}

/// What the fake says, it accepts again.
#[test]
fn its_own_answers_are_legal_history() {
    let mut body =
        with(&tools(&json!({"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}})));
    body["contents"][0]["parts"][0]["text"] = json!("use the tool");
    body["generationConfig"] = json!({"thinkingConfig": {"includeThoughts": true}});
    for model in ["gemini-2.5-model", "gemini-3-model"] {
        let mut body = body.clone();
        let first = ask(model, &body).unwrap();
        let answer = Gemini::default().answer(&lively::answer(&first), &first, &Ids::default());
        let said = &answer["candidates"][0]["content"];
        assert_eq!(said["parts"][0]["thought"], true);
        let call = &said["parts"][1]["functionCall"];
        let mut result = json!({"name": call["name"], "response": {"output": "fine"}});
        call.get("id").into_iter().for_each(|id| result["id"] = id.clone());
        let turns = body["contents"].as_array_mut().unwrap();
        turns.extend([said.clone(), json!({"role": "user", "parts": [{"functionResponse": result}]})]);
        let second = ask(model, &body).unwrap();
        let answer = Gemini::default().answer(&lively::answer(&second), &second, &Ids::default()).to_string();
        assert!(answer.contains("The tool answered: fine"), "{answer}");
    }
}

#[test]
fn keys_and_paths() {
    let admit = |pairs: &[(&'static str, &'static str)]| {
        let headers =
            pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Gemini::default().admit(&headers.collect(), "right").map_err(|refusal| refusal.status)
    };
    assert_eq!(admit(&[("x-goog-api-key", "right")]), Ok(()));
    assert_eq!(admit(&[("x-goog-api-key", "wrong")]), Err(400));
    assert_eq!(admit(&[("authorization", "Bearer right")]), Err(403));
    let route = |path: &str| Gemini::default().route(&Method::POST, path).map_err(|refusal| refusal.status);
    assert_eq!(route("/v1beta/models/m:streamGenerateContent"), Ok(Route::Generate));
    assert_eq!(route("/v1/models/m:countTokens"), Ok(Route::Count));
    assert_eq!(route("/v1beta/models/m"), Err(404));
    assert_eq!(route("/v1beta/chat"), Err(404));
}
