//! Rules of Gemini conversations: turns, parts, pairing of calls and results, proofs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::gemini::rules::{is_name, list};
use crate::gemini::{Class, invalid, schema};
use crate::media;
use crate::provider::Refusal;
use crate::seal;

type Checked = Result<(), Refusal>;

/// What the documentation names for a history whose proofs were lost.
const SENTINEL: &str = "skip_thought_signature_validator";
const PICTURES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// Checks the contents of a request whose fields are in order.
pub(super) fn check(body: &Value, class: Class) -> Checked {
    let contents = list(body, "contents");
    if contents.is_empty() {
        return Err(invalid("* GenerateContentRequest.contents: contents is not specified"));
    }
    for (at, content) in contents.iter().enumerate() {
        check_content(content, &format!("contents[{at}]"))?;
    }
    if let Some(instruction) = body.get("systemInstruction") {
        check_parts(instruction, "system_instruction")?;
        if list(instruction, "parts").iter().any(|part| part["text"].as_str().is_none()) {
            return Err(invalid("Unable to submit request because the system instruction holds more than text."));
        }
    }
    check_turns(contents)?;
    check_proofs(contents, class)
}

fn check_content(content: &Value, place: &str) -> Checked {
    match content["role"].as_str() {
        None | Some("user" | "model" | "function") => check_parts(content, place),
        Some(_) => Err(invalid("Please use a valid role: user, model.")),
    }
}

fn check_parts(content: &Value, place: &str) -> Checked {
    let parts = list(content, "parts");
    if parts.is_empty() {
        return Err(invalid(format!("* GenerateContentRequest.{place}.parts: contents.parts must not be empty.")));
    }
    // Its own streams end with an empty text, which its SDKs send back; but nothing else must not be all there is.
    if parts.iter().all(|part| part["text"] == "" && part.get("thoughtSignature").is_none()) {
        return Err(invalid("Unable to submit request because it has an empty text parameter."));
    }
    parts.iter().enumerate().try_for_each(|(at, part)| check_part(part, &format!("{place}.parts[{at}]")))
}

fn check_part(part: &Value, place: &str) -> Checked {
    let filled: Vec<&str> = schema::DATA.into_iter().filter(|name| part.get(*name).is_some()).collect();
    match filled[..] {
        [] => {
            let what = "required oneof field 'data' must have one initialized field";
            return Err(invalid(format!("* GenerateContentRequest.{place}.data: {what}")));
        }
        [_] => (),
        [_, second, ..] => {
            let what = format!("oneof field 'data' is already set. Cannot set '{second}'");
            return Err(invalid(format!("Invalid value at '{place}' (oneof), {what}")));
        }
    }
    let called = ["functionCall", "functionResponse"].into_iter().find_map(|name| part[name]["name"].as_str());
    if called.is_some_and(|name| !is_name(name)) {
        return Err(invalid(format!("* GenerateContentRequest.{place}.name: Invalid function name.")));
    }
    let nested = list(&part["functionResponse"], "parts").iter();
    nested.chain([part]).filter_map(|part| part.get("inlineData")).try_for_each(|blob| check_blob(blob, place))
}

fn check_blob(blob: &Value, place: &str) -> Checked {
    let declared = blob["mimeType"].as_str().unwrap_or_default();
    let Some(bytes) = decode(blob["data"].as_str().unwrap_or_default()) else {
        let what = "(TYPE_BYTES), Base64 decoding failed";
        return Err(invalid(format!("Invalid value at '{place}.inline_data.data' {what}")));
    };
    let found = media::sniff(&bytes);
    let is_sound = match declared.split_once('/') {
        Some(("image", _)) => PICTURES.contains(&declared) && found == Some(declared),
        _ if declared == "application/pdf" => found == Some("application/pdf"),
        Some(("audio" | "video" | "text", _)) => true,
        _ => return Err(invalid(format!("Unsupported MIME type: {declared}"))),
    };
    match is_sound {
        true => Ok(()),
        false if declared == "application/pdf" => Err(invalid("The document has no pages.")),
        false => Err(invalid("Unable to process input image.")),
    }
}

fn count(content: Option<&Value>, name: &str) -> usize {
    content.map_or(0, |content| list(content, "parts").iter().filter(|part| part.get(name).is_some()).count())
}

fn is_model(content: &Value) -> bool {
    content["role"] == "model"
}

/// Calls follow the user, results follow their calls, all of them, by name.
fn check_turns(contents: &[Value]) -> Checked {
    for (at, content) in contents.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &contents[at]);
        let calls = count(Some(content), "functionCall");
        if calls > 0 && (!is_model(content) || before.is_none_or(is_model)) {
            let what = "function call turn comes immediately after a user turn or after a function response turn";
            return Err(invalid(format!("Please ensure that {what}.")));
        }
        let results = count(Some(content), "functionResponse");
        let asked = count(before, "functionCall");
        if results > 0 && asked == 0 {
            return Err(invalid(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        if results != asked {
            let what = "the number of function response parts is equal to the number of function call parts";
            return Err(invalid(format!("Please ensure that {what} of the function call turn.")));
        }
        check_pairs(before, content)?;
    }
    match contents.last() {
        Some(last) if count(Some(last), "functionCall") > 0 => {
            Err(invalid("Please ensure that single turn requests end with a user role or the role field is empty."))
        }
        _ => Ok(()),
    }
}

fn check_pairs(before: Option<&Value>, content: &Value) -> Checked {
    let of = |content: &Value, kind: &str| -> Vec<(String, Option<String>)> {
        let found = list(content, "parts").iter().filter_map(|part| part.get(kind));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        found.map(|inner| (text(&inner["name"]).unwrap_or_default(), text(&inner["id"]))).collect()
    };
    let mut open = before.map(|before| of(before, "functionCall")).unwrap_or_default();
    for (name, id) in of(content, "functionResponse") {
        let fits =
            |call: &(String, Option<String>)| call.0 == name && (id.is_none() || call.1.is_none() || call.1 == id);
        let Some(at) = open.iter().position(fits) else {
            return Err(invalid(format!(
                "Function response {name} does not match any function call of the turn before."
            )));
        };
        open.remove(at);
    }
    Ok(())
}

/// In the current turn the first call of each step carries its proof; a proof that is there must be a real one.
fn check_proofs(contents: &[Value], class: Class) -> Checked {
    let speaks = |content: &Value| !is_model(content) && count(Some(content), "functionResponse") == 0;
    let current = contents.iter().rposition(speaks).unwrap_or(0);
    for (at, content) in contents.iter().enumerate() {
        let mut calls = 0;
        for part in list(content, "parts") {
            let name = part["functionCall"]["name"].as_str();
            calls += usize::from(name.is_some());
            match (part["thoughtSignature"].as_str(), name) {
                (Some(proof), _) if !is_proof(proof, part) => return Err(invalid("Thought signature is not valid.")),
                (None, Some(name)) if class == Class::Levels && calls == 1 && at > current => {
                    let what = format!("Function call `default_api:{name}` in the `{}.` content block", at + 1);
                    return Err(invalid(format!("{what} is missing a `thought_signature`.")));
                }
                _ => (),
            }
        }
    }
    Ok(())
}

/// Bytes in either alphabet of base64, as Google's JSON takes them; SDKs write the URL-safe one.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok()).filter(|bytes| !bytes.is_empty())
}

/// Signed over what the part holds. SDKs write the proof anew in another alphabet, so bytes are compared.
fn is_proof(proof: &str, part: &Value) -> bool {
    let sentinel = proof == SENTINEL || decode(proof).as_deref() == Some(SENTINEL.as_bytes());
    sentinel || decode(proof) == decode(&seal::sign(&signed(part)))
}

/// The text that the proof of a part covers.
pub(super) fn signed(part: &Value) -> String {
    match part["functionCall"]["name"].as_str() {
        Some(name) => format!("call {name}"),
        None => part["text"].as_str().unwrap_or_default().to_owned(),
    }
}
