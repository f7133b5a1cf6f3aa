use super::wire_replies::{assemble, read};
use super::*;
use crate::completions::Completions;
use dialect::{Memo, Reply};
use hub::{Event, Part, Role};

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
        (json!({"prompt": "x", "logprobs": "many"}), "logprobs"),
        (json!({"prompt": "x", "logprobs": -1}), "logprobs"),
        (json!({"prompt": "x", "logprobs": true}), "logprobs"),
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

#[test]
fn log_probabilities_stand_in_lists_side_by_side() {
    let asked = |logprobs: Value| {
        let sampling = decode(json!({"prompt": "x", "logprobs": logprobs})).unwrap().request.sampling;
        (sampling.logprobs, sampling.top_logprobs)
    };
    assert_eq!(
        [json!(0), json!(3), json!(null), json!(false)].map(asked),
        [(true, None), (true, Some(3)), (false, None), (false, None)]
    );
    let token = |text: &str, bytes: &[u8], log: f64| hub::Token {
        text: text.into(),
        bytes: Some(bytes.into()),
        log,
        ..hub::Token::default()
    };
    let others = vec![token("N\u{ed}", "N\u{ed}".as_bytes(), -0.5), token("No", b"No", -2.0), token("No", b"No", -3.0)];
    let tokens = vec![
        hub::Token { others, ..token("N\u{ed}", "N\u{ed}".as_bytes(), -0.5) },
        // Two halves of a character.
        hub::Token { others: vec![token("x", b"x", -4.0)], ..token("\u{fffd}", &[0xF0, 0x9F], -1.0) },
        token("\u{fffd}", &[0x90, 0x9D], 0.0),
        token("!", b"!", -0.25),
    ];
    let text = hub::Text { tokens, ..hub::Text::plain("N\u{ed}\u{1f41d}!") };
    let answer = hub::Response { parts: vec![Part::Text(text)], ..hub::Response::default() };
    let expect = json!({
        "tokens": ["N\u{ed}", "bytes:\\xf0\\x9f", "bytes:\\x90\\x9d", "!"],
        "token_logprobs": [-0.5, -1.0, 0.0, -0.25],
        "top_logprobs": [
            {"N\u{ed}": -0.5, "No": -2.0}, {"x": -4.0, "bytes:\\xf0\\x9f": -1.0}, {"bytes:\\x90\\x9d": 0.0}, {"!": -0.25}],
        "text_offset": [0, 2, 3, 3],
    });
    let numbers = |value: &Value| value.to_string().replace(".0,", ",").replace(".0}", "}").replace(".0]", "]");
    let whole: Value = serde_json::from_slice(&Completions.encode_response(&answer, &Reply::new("m", false))).unwrap();
    assert_eq!(numbers(&whole["choices"][0]["logprobs"]), numbers(&expect));
    let block = hub::BlockId(0);
    let say = |text: &str, log: f64| {
        [
            Event::Tokens { block, tokens: vec![token(text, text.as_bytes(), log)] },
            Event::Delta { block, text: text.into() },
        ]
    };
    let events =
        [Event::Open { block, kind: hub::Block::Text }].into_iter().chain(say("a\u{e9}", -1.5)).chain(say("b", -2.5));
    let mut encoder = Completions.stream_encoder(Reply::new("m", true));
    let mut out = bytes::BytesMut::new();
    events
        .chain([Event::Close { block }, Event::Stop(hub::Stop::default())])
        .for_each(|event| encoder.push(&event, &mut out));
    let chunks = std::str::from_utf8(&out).unwrap().split("\n\n").filter_map(|frame| frame.strip_prefix("data: "));
    let odds: Vec<Value> =
        chunks.map(|chunk| serde_json::from_str::<Value>(chunk).unwrap()["choices"][0]["logprobs"].clone()).collect();
    let one = |text: &str, log: f64, at: u64| json!({"tokens": [text], "token_logprobs": [log], "top_logprobs": null, "text_offset": [at]});
    assert_eq!(odds, [one("a\u{e9}", -1.5, 0), one("b", -2.5, 2), Value::Null]);
}
