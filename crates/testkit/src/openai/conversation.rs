//! Rules of Chat Completions conversations: turns, pairing of calls and results, pictures and files.

use serde_json::Value;

use crate::media;
use crate::openai::rules::check_name;
use crate::provider::Refusal;

type Checked = Result<(), Refusal>;

const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Checks the `messages` of a request whose fields are in order.
pub(super) fn check(messages: &[Value]) -> Checked {
    if messages.is_empty() {
        let what = "empty array. Expected an array with minimum length 1, but got an empty array instead";
        return Err(Refusal::invalid(format!("Invalid 'messages': {what}.")).param("messages").code("empty_array"));
    }
    for (index, message) in messages.iter().enumerate() {
        check_message(message, &format!("messages[{index}]"))?;
    }
    check_pairs(messages)
}

fn check_message(message: &Value, place: &str) -> Checked {
    match role(message) {
        "assistant" => check_assistant(message, place)?,
        "user" if is_empty(&message["content"]) => return Err(empty(&format!("{place}.content"))),
        _ => (),
    }
    for (index, part) in message["content"].as_array().into_iter().flatten().enumerate() {
        check_part(part, &format!("{place}.content[{index}]"))?;
    }
    Ok(())
}

fn check_assistant(message: &Value, place: &str) -> Checked {
    let said = ["content", "refusal", "audio", "function_call", "reasoning_content"];
    let silent = said.iter().all(|name| is_empty(&message[*name]));
    let Some(calls) = message.get("tool_calls").and_then(Value::as_array) else {
        let what = format!("Invalid value for 'content': expected a string, got null. (param: {place}.content)");
        return if silent { Err(Refusal::invalid(what).param(format!("{place}.content"))) } else { Ok(()) };
    };
    if calls.is_empty() {
        return Err(empty(&format!("{place}.tool_calls")).code("empty_array"));
    }
    for (index, call) in calls.iter().enumerate() {
        let kind = call["type"].as_str().unwrap_or_default();
        let name = call[kind]["name"].as_str().unwrap_or_default();
        check_name(name, &format!("{place}.tool_calls[{index}].{kind}.name"))?;
        if is_empty(&call["id"]) {
            return Err(empty(&format!("{place}.tool_calls[{index}].id")));
        }
    }
    Ok(())
}

fn empty(place: &str) -> Refusal {
    Refusal::invalid(format!("Invalid '{place}': must not be empty.")).param(place)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn check_part(part: &Value, place: &str) -> Checked {
    match part["type"].as_str().unwrap_or_default() {
        "text" if is_empty(&part["text"]) => Err(empty(&format!("{place}.text"))),
        "image_url" => check_picture(part["image_url"]["url"].as_str().unwrap_or_default(), place),
        "file" => check_file(&part["file"], place),
        "input_audio" => match media::decode(part["input_audio"]["data"].as_str().unwrap_or_default()) {
            Some(_) => Ok(()),
            None => Err(invalid_data(place, "input_audio.data")),
        },
        _ => Ok(()),
    }
}

pub(crate) fn check_picture(url: &str, place: &str) -> Checked {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    let Some((declared, data)) = media::data_url(url) else {
        let what = "Expected a base64-encoded data URL with an image MIME type";
        let refusal = Refusal::invalid(format!("Invalid '{place}.image_url': {what}."));
        return Err(refusal.param(format!("{place}.image_url")).code("invalid_value"));
    };
    let Some(bytes) = media::decode(data) else { return Err(invalid_data(place, "image_url.url")) };
    let found = media::sniff(&bytes);
    if found.is_none_or(|kind| !PICTURES.contains(&kind)) {
        let what = "Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp']";
        let refusal = Refusal::invalid(format!("You uploaded an unsupported image. {what}."));
        return Err(refusal.param(place).code("invalid_image_format"));
    }
    if found != Some(declared) {
        let what = format!("The data URL says {declared}, the image is {}.", found.unwrap_or_default());
        return Err(Refusal::invalid(what).param(place).code("invalid_image_format"));
    }
    Ok(())
}

pub(crate) fn check_file(file: &Value, place: &str) -> Checked {
    let Some(data) = file["file_data"].as_str() else {
        let missing = format!("{place}.file.file_id");
        return match is_empty(&file["file_id"]) {
            true => Err(Refusal::invalid(format!("Missing required parameter: '{missing}'."))
                .param(missing)
                .code("missing_required_parameter")),
            false => Ok(()),
        };
    };
    let Some((kind, data)) = media::data_url(data) else {
        let what = "Expected a base64-encoded data URL with an application/pdf MIME type";
        let refusal = Refusal::invalid(format!("Invalid '{place}.file.file_data': {what}."));
        return Err(refusal.param(format!("{place}.file.file_data")).code("invalid_value"));
    };
    match media::decode(data) {
        None => Err(invalid_data(place, "file.file_data")),
        Some(bytes) if kind == "application/pdf" && media::sniff(&bytes) != Some("application/pdf") => {
            Err(Refusal::invalid("The file you uploaded is not a valid PDF.").param(place).code("invalid_file"))
        }
        Some(_) => Ok(()),
    }
}

fn invalid_data(place: &str, member: &str) -> Refusal {
    Refusal::invalid(format!("Invalid base64 data in '{place}.{member}'.")).param(place).code("invalid_base64")
}

/// Tool messages answer the calls right before them, each once; everything else waits until all are answered.
fn check_pairs(messages: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if role(message) == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = open.iter().position(|wanted| *wanted == id) else { return Err(stray(index)) };
            open.remove(at);
            continue;
        }
        if !open.is_empty() {
            return Err(unanswered(&open, index));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| call["id"].as_str()).collect();
        if let Some(twice) = open.iter().enumerate().find(|(at, id)| open[..*at].contains(id)) {
            let what = format!("Duplicate value for 'tool_call_id' of '{}' in message[{index}]", twice.1);
            return Err(Refusal::invalid(what).param("messages"));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(&open, messages.len())) }
}

fn stray(index: usize) -> Refusal {
    let what = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
    Refusal::invalid(format!("Invalid parameter: {what}")).param(format!("messages.[{index}].role"))
}

fn unanswered(open: &[&str], index: usize) -> Refusal {
    let what =
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    let ids = open.join(", ");
    let refusal = Refusal::invalid(format!("{what} The following tool_call_ids did not have response messages: {ids}"));
    refusal.param(format!("messages.[{index}].role"))
}

fn role(message: &Value) -> &str {
    message["role"].as_str().unwrap_or_default()
}
