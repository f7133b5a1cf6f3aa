//! Rules of Anthropic conversations: turns, pairing of calls and results, signed thinking, pictures and files.

use serde_json::{Map, Value};

use crate::anthropic::rules::{list, text};
use crate::anthropic::{Class, VERSIONS};
use crate::media;
use crate::provider::Refusal;
use crate::seal;

type Checked = Result<(), Refusal>;

/// What the checks of one turn need to know of the request.
struct Context<'a> {
    body: &'a Map<String, Value>,
    class: Class,
    /// Version 2026-10-21 or later.
    modern: bool,
}

/// Checks the `messages` of a request whose fields are in order.
pub(super) fn check(body: &Map<String, Value>, version: &str) -> Checked {
    let context = Context { body, class: Class::of(text(body, "model")), modern: version != VERSIONS[0] };
    let messages = list(body, "messages");
    check_system(body)?;
    check_order(messages, &context)?;
    for (index, message) in messages.iter().enumerate() {
        let last = index + 1 == messages.len();
        check_content(message, index, last)?;
        for (at, block) in blocks(message).iter().enumerate() {
            check_block(block, role(message), &format!("messages.{index}.content.{at}"), &context)?;
        }
    }
    check_pairs(messages)?;
    check_prefill(messages, &context)?;
    check_thinking_first(messages, &context)
}

fn check_system(body: &Map<String, Value>) -> Checked {
    let empty =
        list(body, "system").iter().any(|block| block["text"].as_str().is_none_or(|text| text.trim().is_empty()));
    if empty { Err(Refusal::invalid("system: text content blocks must be non-empty")) } else { Ok(()) }
}

fn check_order(messages: &[Value], context: &Context<'_>) -> Checked {
    match messages.first().map(role) {
        None => return Err(Refusal::invalid("messages: at least one message is required")),
        Some("user") => (),
        Some(_) => return Err(Refusal::invalid("messages: first message must use the \"user\" role")),
    }
    for (index, message) in messages.iter().enumerate().filter(|(_, message)| role(message) == "system") {
        if context.class == Class::Old {
            let what = "role 'system' is not supported on this model";
            return Err(Refusal::invalid(format!("messages.{index}: {what}")));
        }
        if role(&messages[index - 1]) == "assistant" {
            let what = "role 'system' must follow a user turn";
            return Err(Refusal::invalid(format!("messages.{index}: {what}, got {}", role(message))));
        }
    }
    Ok(())
}

fn check_content(message: &Value, index: usize, last: bool) -> Checked {
    let content = &message["content"];
    let empty = content.as_str().is_some_and(str::is_empty) || content.as_array().is_some_and(Vec::is_empty);
    if empty && !(last && role(message) == "assistant") {
        let what = "all messages must have non-empty content except for the optional final assistant message";
        return Err(Refusal::invalid(format!("messages.{index}: {what}")));
    }
    match blocks(message).last() {
        Some(block) if role(message) == "assistant" && kind(block).ends_with("thinking") => {
            let what = "The final block in an assistant message cannot be `thinking`.";
            Err(Refusal::invalid(format!("messages.{index}: {what}")))
        }
        _ => Ok(()),
    }
}

fn check_block(block: &Value, role: &str, place: &str, context: &Context<'_>) -> Checked {
    match kind(block) {
        "text" => check_text(block, role, context),
        "image" if role == "assistant" => misplaced(place, "image", role),
        "document" if role == "assistant" && context.modern => misplaced(place, "document", role),
        "thinking" | "redacted_thinking" | "tool_use" if role != "assistant" => misplaced(place, kind(block), role),
        "tool_result" if role != "user" => misplaced(place, "tool_result", role),
        "image" => check_picture(&block["source"], &format!("{place}.image.source")),
        "document" => check_document(&block["source"], &format!("{place}.document.source")),
        "thinking" => check_signature(block, place),
        "redacted_thinking" => check_redacted(block, place),
        "tool_use" => check_call(block, place),
        "tool_result" => check_result(block, place, context),
        _ => Ok(()),
    }
}

fn misplaced(place: &str, kind: &str, role: &str) -> Checked {
    let only = format!("`{kind}` blocks are not permitted in {role} messages");
    Err(Refusal::invalid(format!("{place}: {only}")))
}

fn check_text(block: &Value, role: &str, context: &Context<'_>) -> Checked {
    let text = block["text"].as_str().unwrap_or_default();
    if text.is_empty() {
        return Err(Refusal::invalid("messages: text content blocks must be non-empty"));
    }
    if text.trim().is_empty() {
        return Err(Refusal::invalid("messages: text content blocks must contain non-whitespace text"));
    }
    let cited = block.get("citations").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if cited && role != "assistant" && context.modern {
        return Err(Refusal::invalid("messages: citations are only permitted on text blocks of assistant messages"));
    }
    Ok(())
}

fn check_picture(source: &Value, place: &str) -> Checked {
    if kind(source) != "base64" {
        return check_address(source, place);
    }
    let declared = source["media_type"].as_str().unwrap_or_default();
    let Some(bytes) = media::decode(source["data"].as_str().unwrap_or_default()) else {
        return Err(Refusal::invalid(format!("{place}.base64.data: invalid base64 data")));
    };
    match media::sniff(&bytes) {
        None => Err(Refusal::invalid(format!("{place}.base64: Could not process image"))),
        Some(found) if found != declared => {
            let what = format!("using the {declared} media type, but the image appears to be a {found} image");
            Err(Refusal::invalid(format!("{place}.base64.data: The image was specified {what}")))
        }
        Some(_) => Ok(()),
    }
}

fn check_document(source: &Value, place: &str) -> Checked {
    match kind(source) {
        "base64" => match media::decode(source["data"].as_str().unwrap_or_default()) {
            None => Err(Refusal::invalid(format!("{place}.base64.data: invalid base64 data"))),
            Some(bytes) if media::sniff(&bytes) != Some("application/pdf") => {
                Err(Refusal::invalid(format!("{place}.base64.data: The PDF specified was not valid.")))
            }
            Some(_) => Ok(()),
        },
        "text" if source["data"].as_str().is_none_or(str::is_empty) => {
            Err(Refusal::invalid(format!("{place}.text.data: String should have at least 1 character")))
        }
        _ => check_address(source, place),
    }
}

fn check_address(source: &Value, place: &str) -> Checked {
    let url = source.get("url").and_then(Value::as_str);
    match url.is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        true => Err(Refusal::invalid(format!("{place}.url.url: Only HTTP and HTTPS URLs are supported."))),
        false => Ok(()),
    }
}

/// Hidden thinking comes with an empty text, so its signature covers the empty text.
fn check_signature(block: &Value, place: &str) -> Checked {
    let text = block["thinking"].as_str().unwrap_or_default();
    match block["signature"].as_str() == Some(seal::sign(text).as_str()) {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("{place}: Invalid `signature` in `thinking` block"))),
    }
}

fn check_redacted(block: &Value, place: &str) -> Checked {
    match block["data"].as_str().is_some_and(seal::is_redacted) {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("{place}: Invalid `data` in `redacted_thinking` block"))),
    }
}

fn check_call(block: &Value, place: &str) -> Checked {
    if !is_name(block["id"].as_str().unwrap_or_default(), usize::MAX) {
        let what = "String should match pattern '^[a-zA-Z0-9_-]+$'";
        return Err(Refusal::invalid(format!("{place}.tool_use.id: {what}")));
    }
    if !is_name(block["name"].as_str().unwrap_or_default(), 128) {
        let what = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'";
        return Err(Refusal::invalid(format!("{place}.tool_use.name: {what}")));
    }
    Ok(())
}

fn check_result(block: &Value, place: &str, context: &Context<'_>) -> Checked {
    let parts = block.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, part) in parts.iter().enumerate() {
        let place = format!("{place}.tool_result.content.{index}");
        match kind(part) {
            "text" if part["text"].as_str().is_none_or(str::is_empty) => {
                return Err(Refusal::invalid(format!("{place}: text content blocks must be non-empty")));
            }
            "text" => (),
            _ => check_block(part, "user", &place, context)?,
        }
    }
    Ok(())
}

/// Results stand in the very next message, one for each call, before anything else.
fn check_pairs(messages: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let results = ids(message, "tool_result", "tool_use_id");
        if let Some(stray) =
            results.iter().enumerate().find(|(at, id)| !open.contains(id) || results[..*at].contains(id))
        {
            let what = format!("unexpected `tool_use_id` found in `tool_result` blocks: {}", stray.1);
            let why = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message.";
            return Err(Refusal::invalid(format!("messages.{index}.content.{}: {what}. {why}", stray.0)));
        }
        if let Some(missing) = open.iter().find(|id| !results.contains(id)) {
            return Err(unanswered(index - 1, missing));
        }
        check_results_first(message, index)?;
        open = ids(message, "tool_use", "id");
        if open.iter().enumerate().any(|(at, id)| open[..at].contains(id)) {
            return Err(Refusal::invalid(format!("messages.{index}: `tool_use` ids must be unique")));
        }
    }
    match open.first() {
        Some(id) => Err(unanswered(messages.len() - 1, id)),
        None => Ok(()),
    }
}

fn unanswered(index: usize, id: &str) -> Refusal {
    let what = format!("`tool_use` ids were found without `tool_result` blocks immediately after: {id}");
    let why = "Each `tool_use` block must have a corresponding `tool_result` block in the next message.";
    Refusal::invalid(format!("messages.{index}: {what}. {why}"))
}

fn check_results_first(message: &Value, index: usize) -> Checked {
    let content = blocks(message);
    let after = content.iter().skip_while(|block| kind(block) == "tool_result");
    match after.clone().any(|block| kind(block) == "tool_result") {
        true => Err(Refusal::invalid(format!("messages.{index}: `tool_result` blocks must come first in the content"))),
        false => Ok(()),
    }
}

fn check_prefill(messages: &[Value], context: &Context<'_>) -> Checked {
    let Some(message) = messages.last().filter(|message| role(message) == "assistant") else { return Ok(()) };
    let thinks = context.body.get("thinking").is_some_and(|thinking| matches!(kind(thinking), "enabled" | "adaptive"));
    if context.class == Class::Adaptive || thinks {
        let what = "This model does not support assistant message prefill.";
        return Err(Refusal::invalid(format!("{what} The conversation must end with a user message.")));
    }
    let text = message["content"].as_str().or_else(|| blocks(message).last()?.get("text")?.as_str());
    match text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        true => Err(Refusal::invalid("messages: final assistant content cannot end with trailing whitespace")),
        false => Ok(()),
    }
}

/// With a thinking budget, the tool turn being answered must begin with its thinking.
fn check_thinking_first(messages: &[Value], context: &Context<'_>) -> Checked {
    let manual = context.body.get("thinking").is_some_and(|thinking| kind(thinking) == "enabled");
    let Some(index) = messages.iter().rposition(|message| role(message) == "assistant").filter(|_| manual) else {
        return Ok(());
    };
    let turn = blocks(&messages[index]);
    let calls = turn.iter().any(|block| kind(block) == "tool_use");
    match turn.first().map(kind) {
        Some(first) if calls && !first.ends_with("thinking") => {
            let what = format!("Expected `thinking` or `redacted_thinking`, but found `{first}`");
            let why = "When `thinking` is enabled, a final `assistant` message must start with a thinking block";
            Err(Refusal::invalid(format!("messages.{index}.content.0.type: {what}. {why}.")))
        }
        _ => Ok(()),
    }
}

/// Letters, digits, `_` and `-`, at least one and at most `limit`.
pub(super) fn is_name(text: &str, limit: usize) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.len() <= limit && text.chars().all(legal)
}

pub(super) fn role(message: &Value) -> &str {
    message["role"].as_str().unwrap_or_default()
}

pub(super) fn kind(block: &Value) -> &str {
    block["type"].as_str().unwrap_or_default()
}

/// The blocks of a message; a plain string has none.
pub(super) fn blocks(message: &Value) -> &[Value] {
    message["content"].as_array().map_or(&[], Vec::as_slice)
}

fn ids<'a>(message: &'a Value, wanted: &str, member: &str) -> Vec<&'a str> {
    let found = blocks(message).iter().filter(|block| kind(block) == wanted);
    found.filter_map(|block| block[member].as_str()).collect()
}
