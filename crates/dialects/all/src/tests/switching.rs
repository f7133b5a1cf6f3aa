//! The model changes in the middle of a tool loop with thinking: every client, from every wire to every wire, the
//! answer in between whole and streamed.
//!
//! A vendor's proof goes back to that vendor on the very part it came on, through any client that has a place for it.
//! It goes to no other vendor, nor does what was thought, nor our own packing; calls and results go to all.

use bytes::{Bytes, BytesMut};
use dialect::{Body, Dialect, Framer, Memo, ModelTraits, Reply, Target, ThinkingTraits};
use hub::{Assembler, Losses, Response, replay};
use serde_json::{Value, json};

use super::matrix::head;
use crate::ALL;

const THOUGHT: &str = "the harbour is far";
const PROOF: &str = "UFJPT0Y=";

/// An answer that thinks, speaks and makes two calls, the proof where its vendor puts it.
fn answer(wire: &str) -> Value {
    let call = |name: &str, place: &str| json!({"name": name, "arguments": format!("{{\"place\":\"{place}\"}}")});
    match wire {
        "anthropic" => json!({"type": "message", "role": "assistant", "id": "msg_1", "model": "m", "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": PROOF},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "toolu_a", "name": "look", "input": {"place": "here"}},
            {"type": "tool_use", "id": "toolu_b", "name": "look", "input": {"place": "there"}}],
            "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}}),
        "gemini" => json!({"candidates": [{"content": {"role": "model", "parts": [
            {"text": THOUGHT, "thought": true}, {"text": "I look."},
            {"functionCall": {"id": "a", "name": "look", "args": {"place": "here"}}, "thoughtSignature": PROOF},
            {"functionCall": {"id": "b", "name": "look", "args": {"place": "there"}}}]}, "finishReason": "STOP"}]}),
        "openai_responses" => json!({"id": "resp_1", "status": "completed", "model": "m", "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}],
                "encrypted_content": PROOF},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "look",
                "arguments": "{\"place\":\"here\"}", "status": "completed"},
            {"type": "function_call", "id": "fc_2", "call_id": "call_b", "name": "look",
                "arguments": "{\"place\":\"there\"}", "status": "completed"}]}),
        "ollama" => json!({"model": "m", "done": true, "done_reason": "stop", "message": {"role": "assistant",
            "content": "I look.", "thinking": THOUGHT, "tool_calls": [
                {"function": {"name": "look", "arguments": {"place": "here"}}},
                {"function": {"name": "look", "arguments": {"place": "there"}}}]}}),
        _ => json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant",
            "content": "I look.", "reasoning_content": THOUGHT, "tool_calls": [
                {"id": "call_a", "type": "function", "function": call("look", "here")},
                {"id": "call_b", "type": "function", "function": call("look", "there")}]}}]}),
    }
}

/// The next request of a client that got `answer` and ran both calls.
fn next(client: &str, answer: &Value) -> Value {
    let question = "Where is it?";
    let tool = json!({"name": "look", "description": "d"});
    let function = json!([{"type": "function", "function": tool}]);
    match client {
        "anthropic" => {
            let calls = answer["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
            let results: Vec<Value> = calls
                .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "a harbour"}))
                .collect();
            json!({"model": "m", "max_tokens": 9_000, "thinking": {"type": "enabled", "budget_tokens": 2_000},
                "tools": [{"name": "look", "input_schema": {"type": "object"}}], "messages": [
                    {"role": "user", "content": question}, {"role": "assistant", "content": answer["content"]},
                    {"role": "user", "content": results}]})
        }
        "gemini" => {
            let content = &answer["candidates"][0]["content"];
            let calls = content["parts"].as_array().unwrap().iter().filter_map(|part| part.get("functionCall"));
            let results: Vec<Value> = calls
                .map(|call| json!({"functionResponse": {"id": call["id"], "name": "look", "response": {"result": "a harbour"}}}))
                .collect();
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 2_000, "includeThoughts": true}},
                "tools": [{"functionDeclarations": [{"name": "look"}]}], "contents": [
                    {"role": "user", "parts": [{"text": question}]}, content, {"role": "user", "parts": results}]})
        }
        "openai_responses" => {
            let mut input = vec![json!({"type": "message", "role": "user", "content": question})];
            let output = answer["output"].as_array().unwrap();
            input.extend(output.iter().cloned());
            let calls = output.iter().filter(|item| item["type"] == "function_call");
            input.extend(calls.map(
                |call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "a harbour"}),
            ));
            json!({"model": "m", "reasoning": {"effort": "low"}, "input": input,
                "tools": [{"type": "function", "name": "look"}]})
        }
        "ollama" => json!({"model": "m", "think": true, "tools": function, "messages": [
            {"role": "user", "content": question}, answer["message"],
            {"role": "tool", "tool_name": "look", "content": "a harbour"},
            {"role": "tool", "tool_name": "look", "content": "a harbour"}]}),
        _ => {
            let message = &answer["choices"][0]["message"];
            let mut messages = vec![json!({"role": "user", "content": question}), message.clone()];
            let calls = message["tool_calls"].as_array().unwrap().iter();
            messages
                .extend(calls.map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "a harbour"})));
            json!({"model": "m", "reasoning_effort": "low", "tools": function, "messages": messages})
        }
    }
}

fn reply(stream: bool) -> Reply {
    Reply { created: 1, seed: 7, usage_frame: true, ..Reply::new("m", stream) }
}

/// What a client was given, as the body that a whole answer is.
fn told(client: &Dialect, response: &Response, stream: bool) -> Value {
    let side = client.client.unwrap();
    let whole = match stream {
        false => response.clone(),
        true => {
            let mut events = Vec::new();
            replay(response.clone(), &mut events);
            let (mut encoder, mut out) = (side.stream_encoder(reply(true)), BytesMut::new());
            events.iter().for_each(|event| encoder.push(event, &mut out));
            encoder.end(&mut out);
            let mut decoder = client.wire.unwrap().stream_decoder(Memo::default());
            let (mut framer, mut read) = (Framer::new(client.framing, 1 << 20), Vec::new());
            framer.feed(&out, &mut |frame| decoder.feed(frame, &mut read)).unwrap();
            framer.finish(&mut |frame| decoder.feed(frame, &mut read)).unwrap();
            decoder.end(&mut read).unwrap();
            let mut assembler = Assembler::new(1 << 20);
            read.into_iter().for_each(|event| assembler.push(event).unwrap());
            assembler.finish().unwrap()
        }
    };
    serde_json::from_slice(&side.encode_response(&whole, &reply(false))).unwrap()
}

fn sent(client: &Dialect, request: &Value, wire: &Dialect) -> Value {
    let body = Body::parse(Bytes::from(request.to_string())).unwrap();
    let mut request = client.client.unwrap().decode_request(&head(client), &body).unwrap().request;
    hub::mend(&mut request, &mut Losses::default());
    let thinking = ThinkingTraits {
        supported: Some(true),
        budget: (wire.id.0 != "ollama").then_some((1_024, 32_000)),
        can_disable: Some(true),
        ..ThinkingTraits::default()
    };
    let traits = ModelTraits { thinking, insists_on_proofs: Some(true), ..ModelTraits::default() };
    let target = Target { model: "m", stream: false, traits: &traits };
    serde_json::from_slice(&wire.wire.unwrap().encode_request(&request, &target).unwrap().body).unwrap()
}

/// Where the proof stands in what is sent to its own vendor.
fn proof<'a>(wire: &str, body: &'a Value) -> &'a Value {
    match wire {
        "anthropic" => &body["messages"][1]["content"][0]["signature"],
        "gemini" => {
            let parts = body["contents"][1]["parts"].as_array().unwrap();
            &parts.iter().find(|part| part.get("functionCall").is_some()).unwrap()["thoughtSignature"]
        }
        _ => {
            let items = body["input"].as_array().unwrap();
            &items.iter().find(|item| item["type"] == "reasoning").unwrap_or(&Value::Null)["encrypted_content"]
        }
    }
}

/// Whether a client has a place for a vendor's proof: Chat only for Google's on a call, Ollama for none.
fn carries(client: &str, vendor: &str) -> bool {
    let proven = matches!(vendor, "anthropic" | "gemini" | "openai_responses");
    match client {
        "ollama" => false,
        "openai_chat" => vendor == "gemini",
        _ => proven,
    }
}

#[test]
fn a_proof_goes_to_its_own_vendor_and_to_no_other() {
    for client in ALL {
        for first in ALL {
            let body = answer(first.id.0).to_string();
            let response = first.wire.unwrap().decode_response(body.as_bytes(), &Memo::default()).unwrap();
            for (second, stream) in ALL.iter().flat_map(|second| [(second, false), (second, true)]) {
                let case = format!("{} from {} to {}, streamed: {stream}", client.id, first.id, second.id);
                let request = next(client.id.0, &told(client, &response, stream));
                let body = sent(client, &request, second);
                let text = body.to_string();
                assert!(!text.contains("bos1:") && !text.contains("Ym9zM"), "{case}: our packing: {text}");
                assert_eq!(text.matches("a harbour").count(), 2, "{case}: {text}");
                let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{case}: no {word}: {text}"));
                assert!(at("I look.") < at("a harbour") && text.contains("there"), "{case}: {text}");
                let own = second.id == first.id && carries(client.id.0, first.id.0);
                assert_eq!(text.contains(PROOF), own, "{case}: {text}");
                if own {
                    assert_eq!(proof(second.id.0, &body), PROOF, "{case}: {text}");
                }
                if !own && matches!(second.id.0, "anthropic" | "gemini" | "openai_responses") {
                    assert!(!text.contains(THOUGHT), "{case}: a foreign thought: {text}");
                }
                if second.id.0 == "gemini" && !own {
                    let stand_ins = text.matches("skip_thought_signature_validator").count();
                    assert_eq!(stand_ins, 1, "{case}: on the first call alone: {text}");
                }
                if second.id.0 == "anthropic" {
                    let mode = if own { "enabled" } else { "disabled" };
                    assert_eq!(body["thinking"]["type"], mode, "{case}: {text}");
                }
            }
        }
    }
}
