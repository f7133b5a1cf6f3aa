//! The grammar of each dialect's streams, as programs read it. A judge takes all that was
//! streamed and says what is out of place.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

pub(super) type Judgement = Result<(), String>;

fn want(holds: bool, what: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(what()) }
}

/// The frames of a stream of events: the name, if one was given, and the data.
fn frames(text: &str) -> Result<Vec<(Option<&str>, &str)>, String> {
    want(text.ends_with("\n\n"), || "the last frame has no blank line after it".into())?;
    let mut found = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let (mut name, mut data) = (None, None);
        for line in block.split('\n') {
            match (line.strip_prefix("event: "), line.strip_prefix("data: ")) {
                (Some(word), _) => name = Some(word),
                (_, Some(json)) if data.is_none() => data = Some(json),
                _ => return Err(format!("an odd line: {line:?}")),
            }
        }
        found.push((name, data.ok_or("a frame without data")?));
    }
    Ok(found)
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

fn word<'a>(value: &'a Value, what: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("{what} is no text: {value}"))
}

// === Chat ===

pub(super) fn chat(text: &str) -> Judgement {
    let frames = frames(text)?;
    let (last, chunks) = frames.split_last().ok_or("nothing")?;
    want(*last == (None, "[DONE]"), || format!("ends with {last:?}"))?;
    let (mut id, mut finished, mut counted, mut calls) = (None, false, false, Vec::new());
    for (at, (name, data)) in chunks.iter().enumerate() {
        want(name.is_none(), || "an event has a name".into())?;
        let chunk = parsed(data)?;
        want(chunk["object"] == "chat.completion.chunk", || format!("no chunk: {data}"))?;
        let own = (chunk["id"].clone(), chunk["created"].clone(), chunk["model"].clone());
        want(*id.get_or_insert_with(|| own.clone()) == own, || format!("id, date or model changed: {data}"))?;
        let choices = chunk["choices"].as_array().ok_or("no choices")?;
        if choices.is_empty() {
            want(finished && !counted && chunk["usage"].is_object(), || format!("an odd usage chunk: {data}"))?;
            counted = true;
            continue;
        }
        want(!finished, || format!("after the finish: {data}"))?;
        want(chunk["usage"].is_null() && choices.len() == 1, || format!("usage too early: {data}"))?;
        let (delta, finish) = (&choices[0]["delta"], &choices[0]["finish_reason"]);
        want(delta.get("role").is_some() == (at == 0), || format!("a role at {at}: {data}"))?;
        if finish.is_null() {
            want(delta.as_object().is_some_and(|delta| !delta.is_empty()), || format!("an empty delta: {data}"))?;
            delta["tool_calls"].as_array().into_iter().flatten().try_for_each(|call| chat_call(call, &mut calls))?;
        } else {
            let words = ["stop", "length", "tool_calls", "content_filter"];
            want(words.contains(&word(finish, "the reason")?) && delta == &serde_json::json!({}), || data.to_string())?;
            finished = true;
        }
    }
    want(finished && counted, || "no finish, or no counts".into())?;
    calls.iter().try_for_each(|arguments: &Option<String>| arguments.as_deref().map_or(Ok(()), whole))
}

/// Joined arguments are JSON wherever the model's own were: those of the sequences below are.
fn whole(text: &str) -> Judgement {
    parsed(text).and_then(|value| want(value.is_object(), || format!("no object: {text}")))
}

fn chat_call(call: &Value, calls: &mut Vec<Option<String>>) -> Judgement {
    let index = call["index"].as_u64().ok_or("a call without index")? as usize;
    let kind = if call.get("custom").is_some() { "custom" } else { "function" };
    let inner = &call[kind];
    if index == calls.len() {
        want(!word(&call["id"], "id")?.is_empty() && call["type"] == kind, || format!("a call begins oddly: {call}"))?;
        want(!word(&inner["name"], "name")?.is_empty(), || format!("no name: {call}"))?;
        calls.push((kind == "function").then(String::new));
    } else {
        want(index < calls.len() && call.get("id").is_none(), || format!("a call goes on oddly: {call}"))?;
    }
    if let Some(so_far) = &mut calls[index] {
        so_far.push_str(word(&inner["arguments"], "arguments")?);
    }
    Ok(())
}

// === Anthropic ===

pub(super) fn anthropic(text: &str) -> Judgement {
    let (mut next, mut open, mut ended, mut started, mut over) = (0_u64, None, false, false, false);
    for (name, data) in frames(text)? {
        let event = parsed(data)?;
        let kind = word(&event["type"], "type")?;
        want(name == Some(kind) && !over, || format!("{name:?} names {data}"))?;
        want(started == (kind != "message_start"), || format!("the start has another place: {data}"))?;
        let index = event["index"].as_u64();
        match kind {
            "message_start" => {
                started = true;
                let message = &event["message"];
                want(message["content"] == serde_json::json!([]) && message["stop_reason"].is_null(), || data.into())?;
                want(message["usage"]["input_tokens"].is_u64() && message["usage"]["output_tokens"].is_u64(), || {
                    data.into()
                })?;
            }
            "content_block_start" => {
                want(!ended && open.is_none() && index == Some(next), || format!("begins out of turn: {data}"))?;
                open = Some(opened(&event["content_block"])?);
            }
            "content_block_delta" => {
                let Some(block) = open.as_mut().filter(|_| index == Some(next)) else { return Err(data.into()) };
                block.add(&event["delta"])?;
            }
            "content_block_stop" => {
                let block: Opened = open.take().filter(|_| index == Some(next)).ok_or_else(|| data.to_owned())?;
                block.close()?;
                next += 1;
            }
            "message_delta" => {
                want(!ended && open.is_none(), || format!("ends too early: {data}"))?;
                want(event["delta"]["stop_reason"].is_string() && event["usage"]["output_tokens"].is_u64(), || {
                    data.into()
                })?;
                ended = true;
            }
            "message_stop" => {
                want(ended, || "stops before it has ended".into())?;
                over = true;
            }
            other => return Err(format!("unknown: {other}")),
        }
    }
    want(over, || "no message_stop".into())
}

struct Opened {
    kind: String,
    input: String,
    signed: bool,
}

fn opened(block: &Value) -> Result<Opened, String> {
    let kind = word(&block["type"], "type")?.to_owned();
    match kind.as_str() {
        "text" => want(block["text"] == "", || block.to_string())?,
        "thinking" => want(block["thinking"] == "" && block["signature"] == "", || block.to_string())?,
        "tool_use" => {
            want(block["input"] == serde_json::json!({}) && !word(&block["name"], "name")?.is_empty(), || {
                block.to_string()
            })?;
            let id = word(&block["id"], "id")?;
            want(!id.is_empty(), || block.to_string())?;
        }
        "redacted_thinking" => want(block["data"].is_string(), || block.to_string())?,
        _ => (),
    }
    Ok(Opened { kind, input: String::new(), signed: false })
}

impl Opened {
    fn add(&mut self, delta: &Value) -> Judgement {
        let kind = word(&delta["type"], "type")?;
        want(!self.signed, || format!("after the signature: {delta}"))?;
        match (self.kind.as_str(), kind) {
            ("text", "text_delta") | ("thinking", "thinking_delta") => Ok(()),
            ("text", "citations_delta") => want(delta["citation"]["type"].is_string(), || delta.to_string()),
            ("thinking", "signature_delta") => {
                self.signed = true;
                Ok(())
            }
            ("tool_use" | "server_tool_use", "input_json_delta") => {
                self.input.push_str(word(&delta["partial_json"], "partial_json")?);
                Ok(())
            }
            (of, _) => Err(format!("{kind} in {of}")),
        }
    }

    fn close(&self) -> Judgement {
        if self.input.is_empty() { Ok(()) } else { whole(&self.input) }
    }
}

// === Responses ===

pub(super) fn responses(text: &str) -> Judgement {
    let (mut items, mut done, mut over): (Vec<Value>, Vec<Option<Value>>, bool) = (Vec::new(), Vec::new(), false);
    let mut parts = Parts::default();
    for (number, (name, data)) in frames(text)?.into_iter().enumerate() {
        let event = parsed(data)?;
        let kind = word(&event["type"], "type")?;
        want(name == Some(kind) && !over, || format!("{name:?} names {data}"))?;
        want(event["sequence_number"] == number, || format!("number {number}: {data}"))?;
        match (number, kind) {
            (0, "response.created") | (1, "response.in_progress") => {
                let response = &event["response"];
                want(response["status"] == "in_progress" && response["output"] == serde_json::json!([]), || {
                    data.into()
                })?;
            }
            (0 | 1, _) => return Err(format!("begins with {data}")),
            (_, "response.output_item.added") => {
                want(event["output_index"] == items.len(), || format!("out of order: {data}"))?;
                items.push(event["item"].clone());
                done.push(None);
            }
            (_, "response.output_item.done") => {
                let at = event["output_index"].as_u64().ok_or("no index")? as usize;
                let (added, item) = (items.get(at).ok_or("never added")?, &event["item"]);
                want(added["id"] == item["id"] && added["type"] == item["type"], || format!("another item: {data}"))?;
                want(done[at].replace(item.clone()).is_none(), || format!("done twice: {data}"))?;
                parts.settled(at, item)?;
            }
            (_, "response.completed" | "response.incomplete" | "response.failed") => {
                let response = &event["response"];
                want(format!("response.{}", word(&response["status"], "status")?) == kind, || data.into())?;
                let all: Option<Vec<Value>> = done.iter().cloned().collect();
                let all = all.ok_or("an item was never done")?;
                want(response["output"] == Value::Array(all), || format!("another output: {data}"))?;
                let usage = &response["usage"];
                want(
                    usage.is_null()
                        || usage["total_tokens"].is_u64() && usage["input_tokens_details"]["cached_tokens"].is_u64(),
                    || data.into(),
                )?;
                over = true;
            }
            (_, kind) => {
                let at = event["output_index"].as_u64().ok_or("no index")? as usize;
                let item = items
                    .get(at)
                    .filter(|_| done[at].is_none())
                    .ok_or_else(|| format!("no such item is open: {data}"))?;
                want(item["id"] == event["item_id"], || format!("another's id: {data}"))?;
                parts.see(at, kind, &event)?;
            }
        }
    }
    want(over, || "no terminal event".into())
}

/// The pieces inside of items: what was said so far, and how far each is.
#[derive(Default)]
struct Parts {
    said: HashMap<(usize, u64, &'static str), String>,
    open: HashSet<(usize, u64)>,
    told: HashSet<(usize, u64, &'static str)>,
}

impl Parts {
    fn see(&mut self, item: usize, kind: &str, event: &Value) -> Judgement {
        let at = event["content_index"].as_u64().or(event["summary_index"].as_u64()).unwrap_or(0);
        match kind {
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                want(self.open.insert((item, at)), || format!("added twice: {event}"))
            }
            "response.content_part.done" | "response.reasoning_summary_part.done" => {
                let part = &event["part"];
                let text = part["text"].as_str().or(part["refusal"].as_str()).unwrap_or_default();
                let said: String = ["text", "refusal", "summary"]
                    .iter()
                    .filter_map(|kind| self.said.get(&(item, at, *kind)).cloned())
                    .collect();
                want(self.open.remove(&(item, at)) && said == text, || format!("part {said:?}: {event}"))
            }
            "response.output_text.annotation.added" => {
                want(self.open.contains(&(item, at)) && event["annotation_index"].is_u64(), || event.to_string())
            }
            "response.output_text.delta" => self.delta(item, at, "text", event),
            "response.output_text.done" => self.done(item, at, "text", &event["text"], event),
            "response.refusal.delta" => self.delta(item, at, "refusal", event),
            "response.refusal.done" => self.done(item, at, "refusal", &event["refusal"], event),
            "response.reasoning_summary_text.delta" => self.delta(item, at, "summary", event),
            "response.reasoning_summary_text.done" => self.done(item, at, "summary", &event["text"], event),
            "response.function_call_arguments.delta" => self.delta(item, 0, "arguments", event),
            "response.function_call_arguments.done" => self.done(item, 0, "arguments", &event["arguments"], event),
            "response.custom_tool_call_input.delta" => self.delta(item, 0, "input", event),
            "response.custom_tool_call_input.done" => self.done(item, 0, "input", &event["input"], event),
            // Each step of a search comes once, in order.
            "response.web_search_call.in_progress" => {
                want(self.told.insert((item, 0, "begun")), || format!("begun twice: {event}"))
            }
            "response.web_search_call.searching" => {
                let begun = self.told.contains(&(item, 0, "begun"));
                want(begun && self.told.insert((item, 0, "searching")), || format!("out of place: {event}"))
            }
            "response.web_search_call.completed" => {
                let searched = self.told.contains(&(item, 0, "searching"));
                want(searched && self.told.insert((item, 0, "searched")), || format!("out of place: {event}"))
            }
            // A program is told whole before it runs.
            "response.code_interpreter_call.in_progress" => {
                want(self.told.insert((item, 0, "begun")), || format!("begun twice: {event}"))
            }
            "response.code_interpreter_call_code.delta" => self.delta(item, 0, "code", event),
            "response.code_interpreter_call_code.done" => self.done(item, 0, "code", &event["code"], event),
            "response.code_interpreter_call.interpreting" => {
                let told = self.told.contains(&(item, 0, "code"));
                want(told && self.told.insert((item, 0, "runs")), || format!("out of place: {event}"))
            }
            "response.code_interpreter_call.completed" => {
                let runs = self.told.contains(&(item, 0, "runs"));
                want(runs && self.told.insert((item, 0, "ran")), || format!("out of place: {event}"))
            }
            other => Err(format!("unknown: {other}")),
        }
    }

    fn delta(&mut self, item: usize, at: u64, kind: &'static str, event: &Value) -> Judgement {
        let inside = matches!(kind, "arguments" | "input" | "code") || self.open.contains(&(item, at));
        want(inside && !self.told.contains(&(item, at, kind)), || format!("out of place: {event}"))?;
        self.said.entry((item, at, kind)).or_default().push_str(word(&event["delta"], "delta")?);
        Ok(())
    }

    fn done(&mut self, item: usize, at: u64, kind: &'static str, full: &Value, event: &Value) -> Judgement {
        let said = self.said.get(&(item, at, kind)).map(String::as_str).unwrap_or_default();
        want(word(full, "the whole")? == said && self.told.insert((item, at, kind)), || format!("{said:?}: {event}"))
    }

    fn settled(&self, at: usize, item: &Value) -> Judgement {
        want(!self.open.iter().any(|(of, _)| *of == at), || format!("a part is open: {item}"))?;
        match item["type"].as_str() {
            Some("function_call") => {
                want(self.told.contains(&(at, 0, "arguments")), || format!("never told: {item}"))?;
                whole(word(&item["arguments"], "arguments")?)
            }
            _ => Ok(()),
        }
    }
}

// === Gemini and Ollama ===

pub(super) fn gemini(text: &str) -> Judgement {
    let frames = frames(text)?;
    let mut identity = None;
    for (at, (name, data)) in frames.iter().enumerate() {
        want(name.is_none() && !data.contains(['\u{2028}', '\u{2029}', '\r']), || {
            format!("no plain data line: {data}")
        })?;
        let chunk = parsed(data)?;
        let own = (chunk["responseId"].clone(), chunk["modelVersion"].clone());
        want(own.0.is_string() && *identity.get_or_insert_with(|| own.clone()) == own, || {
            format!("another answer: {data}")
        })?;
        let candidate = &chunk["candidates"][0];
        want(candidate["content"]["role"] == "model", || data.to_string())?;
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            let call = &part["functionCall"];
            want(call.is_null() || (call["args"].is_object() && call["name"].is_string()), || {
                format!("half a call: {data}")
            })?;
        }
        let last = at + 1 == frames.len();
        want(candidate.get("finishReason").is_some() == last, || format!("the reason at {at}: {data}"))?;
        want(chunk.get("usageMetadata").is_none() || last, || format!("counts at {at}: {data}"))?;
    }
    want(!frames.is_empty(), || "nothing".into())
}

pub(super) fn ollama(text: &str) -> Judgement {
    want(text.ends_with('\n') && !text.contains("\n\n"), || "a blank line, or a last line that does not end".into())?;
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let chunk = parsed(line)?;
        want(chunk["model"].is_string() && chunk["created_at"].is_string(), || line.to_string())?;
        want(chunk["message"]["role"] == "assistant" && chunk["message"]["content"].is_string(), || line.to_string())?;
        for call in chunk["message"]["tool_calls"].as_array().into_iter().flatten() {
            want(call["function"]["arguments"].is_object(), || format!("half a call: {line}"))?;
        }
        let last = at + 1 == lines.len();
        want(chunk["done"] == last, || format!("done at {at}: {line}"))?;
        if last {
            want(chunk["message"]["content"] == "" && chunk["done_reason"].is_string(), || line.to_string())?;
            let clocks = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"];
            want(clocks.iter().all(|clock| chunk[*clock].is_u64()), || line.to_string())?;
        }
    }
    Ok(())
}
