//! Several answers side by side, between the two languages that have them.

use dialect::{Dialect, Memo, ModelTraits, Reply};
use hub::{CallKind, Event, Fault, Grammar, Part, Response, StopReason, Text, ToolCall, replay};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::rounds::{assemble, read_for, write};
use super::settings::encode;
use super::side;
use crate::ALL;

const BOTH: [&str; 2] = ["openai_chat", "gemini"];

fn memo(answers: u32) -> Memo {
    Memo { answers, ..Memo::default() }
}

fn dialect(id: &str) -> &'static Dialect {
    ALL.iter().find(|dialect| dialect.id.0 == id).unwrap()
}

/// What a client gets of a whole answer.
fn whole(client: &str, wire: &str, answer: &Value, memo: &Memo) -> Value {
    let response = side(wire).decode_response(answer.to_string().as_bytes(), memo).unwrap();
    let reply = Reply::new("m", false);
    serde_json::from_slice(&dialect(client).client.unwrap().encode_response(&response, &reply)).unwrap()
}

/// What a client is streamed.
fn streamed(client: &str, wire: &str, chunks: &[Value], memo: Memo) -> Result<Vec<Value>, Fault> {
    let line = |chunk: &Value| match chunk {
        Value::String(mark) => format!("data: {mark}\n\n"),
        chunk => format!("data: {chunk}\n\n"),
    };
    let events = read_for(dialect(wire), chunks.iter().map(line).collect::<String>().as_bytes(), memo)?;
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
    let text = String::from_utf8(write(dialect(client), &events)).unwrap();
    Ok(text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect())
}

fn chat_chunk(index: u32, text: &str, finish: Option<&str>) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]})
}

fn gemini_chunk(index: u32, text: &str, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": index});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9}})
}

#[test]
fn a_whole_answer_of_gemini_is_as_many_choices() {
    let candidate = |index: u32, text: &str, finish: &str| json!({"content": {"parts": [{"text": text}]}, "finishReason": finish, "index": index});
    // Google leaves a zero out, and the order is not promised.
    let mut first = candidate(0, "one", "STOP");
    first.as_object_mut().unwrap().remove("index");
    let answer = json!({"candidates": [candidate(1, "two", "MAX_TOKENS"), first], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9}});
    let got = whole("openai_chat", "gemini", &answer, &memo(2));
    let told = |at: usize| {
        [&got["choices"][at]["index"], &got["choices"][at]["message"]["content"], &got["choices"][at]["finish_reason"]]
            .map(Value::clone)
    };
    assert_eq!(told(0), [json!(0), json!("one"), json!("stop")]);
    assert_eq!(told(1), [json!(1), json!("two"), json!("length")]);
    assert_eq!(got["usage"]["completion_tokens"], 9, "what all of them cost");
    assert_eq!(whole("openai_chat", "gemini", &answer, &memo(0))["choices"].as_array().unwrap().len(), 1);
}

#[test]
fn a_whole_answer_of_chat_is_as_many_candidates() {
    let call = json!([{"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let choice = |index: u32| json!({"index": index, "message": {"role": "assistant", "content": format!("a{index}"), "tool_calls": call}, "finish_reason": "tool_calls"});
    let answer = json!({"id": "c", "choices": [choice(0), choice(1), choice(2)], "usage": {"prompt_tokens": 3, "completion_tokens": 9}});
    let got = whole("gemini", "openai_chat", &answer, &memo(3));
    let list = got["candidates"].as_array().unwrap();
    let texts: Vec<_> = list.iter().map(|one| (&one["index"], &one["content"]["parts"][0]["text"])).collect();
    assert_eq!(texts, [(&json!(0), &json!("a0")), (&json!(1), &json!("a1")), (&json!(2), &json!("a2"))]);
    let mut ids: Vec<_> = list.iter().map(|one| one["content"]["parts"][1]["functionCall"]["id"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "no two calls have one id");
    assert_eq!(got["usageMetadata"]["candidatesTokenCount"], 9);
}

#[test]
fn streams_go_side_by_side_as_they_come() {
    let chunks = [
        gemini_chunk(1, "b", None),
        gemini_chunk(0, "a", None),
        gemini_chunk(0, "A", Some("STOP")),
        gemini_chunk(1, "B", Some("MAX_TOKENS")),
    ];
    let got = streamed("openai_chat", "gemini", &chunks, memo(2)).unwrap();
    let said: Vec<(u64, String)> = got
        .iter()
        .filter_map(|chunk| {
            Some((
                chunk.pointer("/choices/0/index")?.as_u64()?,
                chunk.pointer("/choices/0/delta/content")?.as_str()?.to_owned(),
            ))
        })
        .filter(|(_, text)| !text.is_empty())
        .collect();
    assert_eq!(said, [(1, "b".into()), (0, "a".into()), (0, "A".into()), (1, "B".into())]);
    let ends: Vec<_> =
        got.iter().filter_map(|chunk| chunk.pointer("/choices/0/finish_reason")).filter(|end| !end.is_null()).collect();
    assert_eq!(ends, ["length", "stop"], "the first answer ends last");
    let figures: Vec<_> = got.iter().filter(|chunk| chunk["usage"].is_object()).collect();
    assert_eq!(figures.len(), 1);
    assert_eq!((&figures[0]["choices"], &figures[0]["usage"]["completion_tokens"]), (&json!([]), &json!(9)));

    let chunks = [
        chat_chunk(0, "a", None),
        chat_chunk(1, "b", Some("stop")),
        chat_chunk(0, "A", Some("length")),
        json!("[DONE]"),
    ];
    let got = streamed("gemini", "openai_chat", &chunks, memo(2)).unwrap();
    let told: Vec<_> = got
        .iter()
        .map(|chunk| {
            (
                &chunk["candidates"][0]["index"],
                &chunk["candidates"][0]["content"]["parts"][0]["text"],
                &chunk["candidates"][0]["finishReason"],
            )
        })
        .collect();
    let (zero, one, null, nothing) = (json!(0), json!(1), Value::Null, json!(""));
    assert_eq!(
        told,
        [
            (&zero, &json!("a"), &null),
            (&one, &json!("b"), &null),
            (&zero, &json!("A"), &null),
            (&one, &nothing, &json!("STOP")),
            (&zero, &nothing, &json!("MAX_TOKENS"))
        ]
    );
}

#[test]
fn an_answer_that_breaks_off_is_a_fault_though_the_others_end() {
    let cut = [gemini_chunk(0, "a", Some("STOP")), gemini_chunk(1, "b", None)];
    assert!(streamed("openai_chat", "gemini", &cut, memo(2)).is_err());
    let cut = [chat_chunk(0, "a", Some("stop")), chat_chunk(1, "b", None)];
    assert!(streamed("gemini", "openai_chat", &cut, memo(2)).is_err());
}

#[test]
fn answers_that_nobody_asked_for_are_left_out() {
    let chunks =
        [chat_chunk(u32::MAX, "x", None), chat_chunk(2, "x", None), chat_chunk(0, "a", Some("stop")), json!("[DONE]")];
    for answers in [0, 1, 2] {
        let got = streamed("gemini", "openai_chat", &chunks, memo(answers)).unwrap();
        assert!(got.iter().all(|chunk| chunk["candidates"][0]["index"] == 0), "{got:?}");
    }
}

#[test]
fn the_number_goes_where_there_is_a_place_for_it() {
    let chat = json!({"n": 3});
    let gemini = json!({"generationConfig": {"candidateCount": 3}});
    let traits = ModelTraits::default();
    let (encoded, body) = encode("openai_chat", &chat, "gemini", &traits).unwrap();
    assert_eq!((&body["generationConfig"]["candidateCount"], encoded.memo.answers), (&json!(3), 3));
    let (encoded, body) = encode("gemini", &gemini, "openai_chat", &traits).unwrap();
    assert_eq!((&body["n"], encoded.memo.answers), (&json!(3), 3));
    for (client, body) in [("openai_chat", &chat), ("gemini", &gemini)] {
        for wire in ["anthropic", "openai_responses", "ollama"] {
            let fault = encode(client, body, wire, &traits).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some("n"), "{client} to {wire}");
        }
    }
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        "[a-zé🐝]{1,6}".prop_map(|text| Part::Text(Text::plain(text))),
        ("[a-z0-9]{1,4}", 0_u8..9).prop_map(|(id, figure)| Part::ToolCall(ToolCall {
            id,
            name: "f".into(),
            arguments: format!("{{\"a\":{figure}}}"),
            kind: CallKind::Function,
            seal: None,
            cache: None,
        })),
    ]
}

fn answer() -> impl Strategy<Value = Response> {
    let reason = prop::sample::select(vec![StopReason::End, StopReason::Length]);
    (vec(part(), 1..4), reason).prop_map(|(parts, reason)| Response {
        parts,
        stop: reason.into(),
        ..Response::default()
    })
}

/// What a dialect makes of its own stream of these events.
fn through(id: &str, events: &[Event], answers: u32) -> Response {
    let dialect = dialect(id);
    assemble(read_for(dialect, &write(dialect, events), memo(answers)).unwrap())
}

/// The steps of all answers mixed at random, each answer's own in order, the end of the first one last.
fn mixed(response: Response, order: &[prop::sample::Index]) -> Vec<Event> {
    let mut events = Vec::new();
    replay(response, &mut events);
    let last = events.pop();
    let mut out = vec![events.remove(0)];
    let answer_of = |event: &Event| match event {
        Event::Aside { answer, .. } => *answer,
        _ => 0,
    };
    for pick in order.iter().chain(std::iter::repeat(&order[0])) {
        if events.is_empty() {
            break;
        }
        let answer = answer_of(&events[pick.index(events.len())]);
        let next = events.iter().position(|event| answer_of(event) == answer).unwrap();
        out.push(events.remove(next));
    }
    out.extend(last);
    out
}

/// What a dialect makes of its own whole answer.
fn whole_through(id: &str, response: &Response, answers: u32) -> Response {
    let body = dialect(id).client.unwrap().encode_response(response, &Reply::new("m", false));
    side(id).decode_response(&body, &memo(answers)).unwrap()
}

/// The answers of a response, each by itself.
fn each(response: Response) -> Vec<Response> {
    let Response { parts, stop, others, .. } = response;
    std::iter::once(Response { parts, stop, ..Response::default() }).chain(others).collect()
}

proptest! {
    #[test]
    fn an_answer_beside_others_reads_as_it_would_alone(
        answers in vec(answer(), 1..5),
        order in vec(any::<prop::sample::Index>(), 1..40),
    ) {
        let count = u32::try_from(answers.len()).unwrap();
        let all = Response { others: answers[1..].to_vec(), ..answers[0].clone() };
        for id in BOTH {
            let alone: Vec<_> = answers.iter().map(|one| each(through(id, &mixed(one.clone(), &order), 1)).remove(0)).collect();
            prop_assert_eq!(each(through(id, &mixed(all.clone(), &order), count)), alone);
            let alone: Vec<_> = answers.iter().map(|one| each(whole_through(id, one, 1)).remove(0)).collect();
            prop_assert_eq!(each(whole_through(id, &all, count)), alone);
        }
    }
}
