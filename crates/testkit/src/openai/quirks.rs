//! Habits of OpenAI-compatible vendors that stretch the grammar of a stream.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::delivery::Frame;
use crate::openai::render;
use crate::reply::Quirk;

pub(super) fn twist(quirk: Quirk, frames: Vec<Frame>, answer: &Answer) -> Vec<Frame> {
    let usage = render::usage(answer.usage);
    match quirk {
        Quirk::UsageOnEveryChunk => edit(frames, |chunk| chunk["usage"] = usage.clone()),
        Quirk::UsageWithFinish => edit(without_usage(frames), |chunk| {
            if !chunk["choices"][0]["finish_reason"].is_null() {
                chunk["usage"] = usage.clone();
            }
        }),
        Quirk::LateUsage => late_usage(without_usage(frames), &usage),
        Quirk::Heartbeats => heartbeats(frames),
        Quirk::MissingIndex => edit(frames, drop_indexes),
        Quirk::WholeCalls => whole_calls(frames),
        Quirk::Repetitive => repetitive(frames),
    }
}

fn edit(frames: Vec<Frame>, mut change: impl FnMut(&mut Value)) -> Vec<Frame> {
    let one = |frame: Frame| match serde_json::from_str::<Value>(&frame.data) {
        Ok(mut chunk) => {
            change(&mut chunk);
            Frame { data: chunk.to_string(), ..frame }
        }
        Err(_) => frame,
    };
    frames.into_iter().map(one).collect()
}

fn read(frame: &Frame) -> Value {
    serde_json::from_str(&frame.data).unwrap_or_default()
}

fn is_usage_only(chunk: &Value) -> bool {
    chunk["choices"].as_array().is_some_and(Vec::is_empty)
}

fn without_usage(frames: Vec<Frame>) -> Vec<Frame> {
    let kept = frames.into_iter().filter(|frame| !is_usage_only(&read(frame))).collect();
    edit(kept, |chunk| _ = chunk.as_object_mut().and_then(|members| members.remove("usage")))
}

/// Sent whether or not the client asked, in a chunk of its own before the end.
fn late_usage(mut frames: Vec<Frame>, usage: &Value) -> Vec<Frame> {
    let mut chunk = frames.first().map(read).unwrap_or_default();
    chunk["choices"] = json!([]);
    chunk["usage"] = usage.clone();
    frames.insert(frames.len().saturating_sub(1), Frame::data(chunk.to_string()));
    frames
}

fn heartbeats(frames: Vec<Frame>) -> Vec<Frame> {
    let mut beat = frames.first().map(read).unwrap_or_default();
    beat["choices"] = json!([]);
    let done = |frame: &Frame| frame.data == "[DONE]";
    frames
        .into_iter()
        .flat_map(|frame| if done(&frame) { vec![frame] } else { vec![Frame::data(beat.to_string()), frame] })
        .collect()
}

fn drop_indexes(chunk: &mut Value) {
    let calls = chunk.pointer_mut("/choices/0/delta/tool_calls").and_then(Value::as_array_mut);
    for call in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
        call.remove("index");
    }
}

/// Folds the argument deltas of each call into the chunk that opened it.
fn whole_calls(frames: Vec<Frame>) -> Vec<Frame> {
    let mut out: Vec<Frame> = Vec::new();
    for frame in frames {
        let chunk = read(&frame);
        let call = &chunk["choices"][0]["delta"]["tool_calls"][0];
        match (call["function"]["arguments"].as_str(), call["id"].as_str(), out.last_mut()) {
            (Some(more), None, Some(last)) => {
                let mut whole = read(last);
                let arguments = &mut whole["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
                *arguments = json!(format!("{}{more}", arguments.as_str().unwrap_or_default()));
                last.data = whole.to_string();
            }
            _ => out.push(frame),
        }
    }
    out
}

/// Role on every delta; id, type and name on every delta of a call.
fn repetitive(frames: Vec<Frame>) -> Vec<Frame> {
    let mut opened = Value::Null;
    edit(frames, |chunk| {
        let Some(delta) = chunk["choices"].get_mut(0).map(|choice| &mut choice["delta"]) else { return };
        delta["role"] = json!("assistant");
        let Some(call) = delta.get_mut("tool_calls").and_then(|calls| calls.get_mut(0)) else { return };
        if call["id"].is_string() {
            opened = call.clone();
            return;
        }
        for name in ["id", "type"] {
            call[name] = opened[name].clone();
        }
        call["function"]["name"] = opened["function"]["name"].clone();
    })
}
