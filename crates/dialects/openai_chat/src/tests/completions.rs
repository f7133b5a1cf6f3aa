use super::wire_replies::{assemble, read};
use super::*;
use crate::completions::Completions;
use dialect::{Memo, Reply};
use hub::{Part, Role};

fn decode(fields: Value) -> Result<Decoded, Fault> {
    let mut request = json!({"model": "m"});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Completions.decode_request(&head(), &body(&request))
}

#[test]
fn a_prompt_becomes_a_user_turn() {
    for prompt in [json!("once"), json!(["once"])] {
        let request =
            decode(json!({"prompt": prompt, "max_tokens": 16, "stop": "\n", "temperature": 0})).unwrap().request;
        assert_eq!(request.turns.len(), 1);
        assert_eq!(request.turns[0].role, Role::User);
        assert!(matches!(&request.turns[0].parts[..], [Part::Text(text)] if text.text == "once"));
        assert_eq!((request.sampling.max_tokens, request.sampling.temperature), (Some(16), Some(0.0)));
    }
}

#[test]
fn what_only_completion_models_can_do_is_refused() {
    for (fields, param) in [
        (json!({"prompt": "x", "suffix": "y"}), "suffix"),
        (json!({"prompt": "x", "echo": true}), "echo"),
        (json!({"prompt": "x", "best_of": 3}), "best_of"),
        (json!({"prompt": "x", "logprobs": 2}), "logprobs"),
        (json!({"prompt": ["x", "y"]}), "prompt"),
        (json!({"prompt": [1, 2]}), "prompt"),
        (json!({"prompt": [[1, 2]]}), "prompt"),
        (json!({"prompt": ""}), "prompt"),
        (json!({}), "prompt"),
    ] {
        let fault = decode(fields.clone()).unwrap_err();
        assert_eq!((fault.param.as_deref(), fault.status().as_u16()), (Some(param), 400), "{fields}");
    }
    assert!(decode(json!({"prompt": "x", "suffix": null, "echo": false, "best_of": 1, "logprobs": null})).is_ok());
}

#[test]
fn answers_have_the_legacy_shape_whole_and_streamed() {
    let stream = concat!(
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"content\":\"Hel\"}}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"lo\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}\n\n",
    );
    let events = read(Memo::default(), &[stream.as_bytes()]).unwrap();
    let reply = Reply { usage_frame: true, created: 5, ..Reply::new("m", true) };
    let mut encoder = Completions.stream_encoder(reply.clone());
    let mut out = bytes::BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    let frames: Vec<&str> =
        std::str::from_utf8(&out).unwrap().split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
    let chunks: Vec<Value> =
        frames[..frames.len() - 1].iter().map(|frame| serde_json::from_str(frame).unwrap()).collect();
    assert_eq!(frames.last(), Some(&"[DONE]"));
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(text, "Hello");
    assert!(chunks.iter().all(|chunk| chunk["object"] == "text_completion" && chunk["id"] == chunks[0]["id"]));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "length");
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 5);
    let body = Completions.encode_response(&assemble(events), &reply);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["choices"], json!([{"text": "Hello", "index": 0, "logprobs": null, "finish_reason": "length"}]));
    assert_eq!((&body["object"], &body["usage"]["prompt_tokens"]), (&json!("text_completion"), &json!(2)));
}
