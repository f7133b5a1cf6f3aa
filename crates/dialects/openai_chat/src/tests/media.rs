use super::*;
use hub::{CacheHint, Detail, Part, Source};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

fn parts(content: Value) -> Vec<Part> {
    let request = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    decode(&request).unwrap().request.turns.remove(0).parts
}

fn one(part: Value) -> Part {
    parts(json!([part])).remove(0)
}

#[test]
fn pictures_of_every_spelling() {
    let data = format!("data:image/jpg;base64,{PNG}");
    for url in [json!({"url": data, "detail": "low"}), json!(data)] {
        match one(json!({"type": "image_url", "image_url": url})) {
            Part::Image(image) => {
                // The bytes know better than the label.
                assert_eq!(
                    (image.source, image.media_type.as_deref()),
                    (Source::Base64(PNG.into()), Some("image/png"))
                );
            }
            other => panic!("{other:?}"),
        }
    }
    match one(json!({"type": "image_url", "image_url": {"url": "HTTPS://a.example/x.png", "detail": "original"}})) {
        Part::Image(image) => assert_eq!(
            (image.source, image.detail),
            (Source::Url("HTTPS://a.example/x.png".into()), Some(Detail::Original))
        ),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        one(json!({"type": "video_url", "video_url": {"url": "https://a.example/x.mp4"}})),
        Part::Video(_)
    ));
}

#[test]
fn sounds_and_files() {
    match one(json!({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}})) {
        Part::Audio(audio) => assert_eq!(audio.media_type.as_deref(), Some("audio/mpeg")),
        other => panic!("{other:?}"),
    }
    let file = |file: Value| match one(json!({"type": "file", "file": file})) {
        Part::File(file) => (file.source, file.media_type, file.name),
        other => panic!("{other:?}"),
    };
    let pdf = || Source::Base64("JVBERi0xLjQK".into());
    let kind = |text: &str| Some(text.to_owned());
    assert_eq!(
        file(json!({"file_data": "data:application/pdf;base64,JVBERi0xLjQK", "filename": "a.pdf"})),
        (pdf(), kind("application/pdf"), kind("a.pdf"))
    );
    assert_eq!(file(json!({"file_data": "JVBERi0xLjQK"})), (pdf(), kind("application/pdf"), None));
    assert_eq!(
        file(json!({"file_data": "YSxi", "filename": "t.CSV"})),
        (Source::Base64("YSxi".into()), kind("text/csv"), kind("t.CSV"))
    );
    assert_eq!(file(json!({"file_id": "file-1"})), (Source::FileId("file-1".into()), None, None));
    assert!(matches!(one(json!({"type": "file", "file": {"file_data": PNG}})), Part::Image(_)));
    let bad = json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "no base64!"}}]}]});
    assert_eq!(decode(&bad).unwrap_err().param.as_deref(), Some("messages[0].content[0]"));
}

#[test]
fn breakpoints_of_parts_win_over_those_of_messages() {
    let request = json!({"model": "m", "messages": [{"role": "user", "cache_control": {"type": "ephemeral", "ttl": "1h"}, "content": [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}]},
        {"role": "user", "cache_control": {"type": "ephemeral"}, "content": [
        {"type": "text", "text": "c", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}]}]});
    let turns = decode(&request).unwrap().request.turns;
    let hints: Vec<Option<CacheHint>> = turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .map(|part| match part {
            Part::Text(text) => text.cache,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(hints, [Some(CacheHint::Default), Some(CacheHint::OneHour), Some(CacheHint::HalfHour)]);
}

#[test]
fn results_of_any_shape_are_words() {
    let result = |content: Value| {
        let request = json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "a", "content": content}]});
        match decode(&request).unwrap().request.turns.remove(0).parts.remove(0) {
            Part::ToolResult(result) => result
                .parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.text.clone(),
                    other => format!("{other:?}"),
                })
                .collect::<Vec<_>>()
                .join("|"),
            other => panic!("{other:?}"),
        }
    };
    for (content, expect) in [
        (json!("plain"), "plain"),
        (json!(""), ""),
        (Value::Null, ""),
        (json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "a|b"),
        (json!({"k": 1}), "{\"k\":1}"),
        (json!(7), "7"),
        (json!([1, 2]), "[1,2]"),
    ] {
        assert_eq!(result(content.clone()), expect, "{content}");
    }
}

#[test]
fn reasoning_and_proofs_of_earlier_turns_are_kept() {
    let request = json!({"model": "m", "messages": [{"role": "assistant", "reasoning_content": "hm", "content": null, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1}},
         "extra_content": {"google": {"thought_signature": "c2ln"}}}]}]});
    let parts = decode(&request).unwrap().request.turns.remove(0).parts;
    match &parts[..] {
        [Part::Thinking(thought), Part::ToolCall(call)] => {
            assert_eq!((thought.text.as_str(), call.arguments.as_str()), ("hm", "{\"x\":1}"));
            let seal = call.seal.as_ref().unwrap();
            assert_eq!((seal.vendor.as_ref(), seal.data.as_str()), ("gemini", "c2ln"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_text_in_a_system_prompt_becomes_the_users() {
    let url = format!("data:image/png;base64,{PNG}");
    let request = json!({"model": "m", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "s"}, {"type": "image_url", "image_url": {"url": url}}]},
        {"role": "system", "content": "t"}, {"role": "user", "content": "u"}]});
    let decoded = decode(&request).unwrap();
    assert_eq!(decoded.request.system.len(), 2);
    assert!(matches!(decoded.request.turns[0].parts[0], Part::Image(_)));
    assert!(!decoded.losses.is_silent());
}
