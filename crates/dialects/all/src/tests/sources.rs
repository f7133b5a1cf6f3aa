//! Searches of the web and the sources of texts, from every wire to every client, whole and streamed.

use bytes::BytesMut;
use dialect::{Framer, Memo, Reply};
use hub::{Event, Grammar};
use serde_json::{Value, json};

use super::side;
use crate::ALL;

/// The text of all answers here: of its characters some are several bytes, and one is two that combine.
const TEXT: &str = "Imker 🐝 sagen: e\u{301}t\u{e9} ist süß.";

fn reply(stream: bool) -> Reply {
    Reply { created: 1, seed: 7, usage_frame: true, ..Reply::new("m", stream) }
}

/// What a client gets of a whole answer.
pub(super) fn whole(client: &str, wire: &str, answer: &Value) -> Value {
    let response = side(wire).decode_response(answer.to_string().as_bytes(), &Memo::default()).unwrap();
    let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap().client.unwrap();
    serde_json::from_slice(&face.encode_response(&response, &reply(false))).unwrap()
}

/// The events of a stream of a wire.
fn events(wire: &str, chunks: &[Value]) -> Vec<Event> {
    let dialect = ALL.iter().find(|dialect| dialect.id.0 == wire).unwrap();
    let mut decoder = side(wire).stream_decoder(Memo::default());
    let mut framer = Framer::new(dialect.framing, 1 << 20);
    let mut events = Vec::new();
    for chunk in chunks {
        let frame = match chunk {
            Value::String(raw) => format!("data: {raw}\n\n"),
            chunk if wire == "ollama" => format!("{chunk}\n"),
            chunk => format!("data: {chunk}\n\n"),
        };
        framer.feed(frame.as_bytes(), &mut |frame| decoder.feed(frame, &mut events)).unwrap();
    }
    framer.finish(&mut |frame| decoder.feed(frame, &mut events)).unwrap();
    decoder.end(&mut events).unwrap();
    let mut grammar = Grammar::default();
    events.iter().for_each(|event| grammar.see(event).unwrap());
    events
}

/// What a client is streamed.
pub(super) fn streamed(client: &str, wire: &str, chunks: &[Value]) -> Vec<Value> {
    let face = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap().client.unwrap();
    let (mut encoder, mut out) = (face.stream_encoder(reply(true)), BytesMut::new());
    events(wire, chunks).iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    let data = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    data.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The values at a pointer of the events that have one.
fn all<'a>(events: &'a [Value], pointer: &str) -> Vec<&'a Value> {
    events.iter().filter_map(|event| event.pointer(pointer)).collect()
}

fn slice(text: &str, start: &Value, end: &Value) -> String {
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    text.chars().skip(at(start)).take(at(end) - at(start)).collect()
}

/// Google's answer: a source for the bee, two for the summer, one without an address, one that is told twice.
fn gemini() -> Value {
    let from = |words: &str| TEXT.find(words).unwrap();
    let support = |words: &str, chunks: Value| {
        json!({"segment": {"startIndex": from(words), "endIndex": from(words) + words.len(), "text": words},
            "groundingChunkIndices": chunks})
    };
    json!({"webSearchQueries": ["bees", "summer"],
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"web": {"uri": "https://b.example", "title": "B"}},
            {"web": {"title": "no address"}}, {"retrievedContext": {"uri": "gs://x"}}],
        "groundingSupports": [support("🐝", json!([0, 2])), support("e\u{301}t\u{e9}", json!([0, 1, 1, 9])),
            support("🐝", json!([0])), support("t\u{e9} ist", json!([1, 3]))]})
}

fn of_gemini(parts: &Value, grounding: &Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP",
        "groundingMetadata": grounding}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}})
}

fn text_delta(text: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]})
}

#[test]
fn geminis_bytes_become_characters() {
    let expect = [
        ("🐝", "https://a.example"),
        ("e\u{301}t\u{e9}", "https://a.example"),
        ("e\u{301}t\u{e9}", "https://b.example"),
        ("t\u{e9} ist", "https://b.example"),
    ];
    let check = |text: &str, annotations: &[Value]| {
        let found: Vec<(String, &str)> = annotations
            .iter()
            .map(|cited| (slice(text, &cited["start_index"], &cited["end_index"]), cited["url"].as_str().unwrap()))
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(text, url)| (text.as_str(), *url)).collect();
        assert_eq!(found, expect);
    };
    let answer = of_gemini(&json!([{"text": TEXT}]), &gemini());
    let chat = whole("openai_chat", "gemini", &answer);
    let inner = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|entry| entry["url_citation"].clone()).collect()
    };
    let message = &chat["choices"][0]["message"];
    check(message["content"].as_str().unwrap(), &inner(&message["annotations"]));
    let responses = whole("openai_responses", "gemini", &answer);
    let part = &responses["output"][0]["content"][0];
    check(part["text"].as_str().unwrap(), part["annotations"].as_array().unwrap());
    // In a stream, the sources come with the last chunk, which on newer models holds a proof as well.
    let last = of_gemini(&json!([{"text": "", "thoughtSignature": "c2ln"}]), &gemini());
    for last in [of_gemini(&json!([{"text": ""}]), &gemini()), last] {
        let (head, tail) = TEXT.split_at(TEXT.find("🐝").unwrap());
        let chunks = [text_delta(head), text_delta(tail), last];
        let chat = streamed("openai_chat", "gemini", &chunks);
        let notes = all(&chat, "/choices/0/delta/annotations");
        check(TEXT, &inner(notes[0]));
        let place =
            |pointer: &str| chat.iter().rposition(|chunk| chunk.pointer(pointer).is_some_and(|at| !at.is_null()));
        assert!(place("/choices/0/delta/annotations") < place("/choices/0/finish_reason"));
        let responses = streamed("openai_responses", "gemini", &chunks);
        let added: Vec<Value> = all(&responses, "/annotation").into_iter().cloned().collect();
        check(TEXT, &added);
        let at = |kind: &str| responses.iter().rposition(|event| event["type"] == kind).unwrap();
        assert!(at("response.output_text.annotation.added") < at("response.content_part.done"));
        let done = &responses.last().unwrap()["response"]["output"];
        let message = done.as_array().unwrap().iter().find(|item| item["type"] == "message").unwrap();
        check(TEXT, message["content"][0]["annotations"].as_array().unwrap());
    }
}

#[test]
fn sources_of_a_part_count_from_its_beginning() {
    let supports = json!({"groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": {"partIndex": 2, "startIndex": 0, "endIndex": 3, "text": "two"}, "groundingChunkIndices": [0]}]});
    let parts = json!([{"text": "hm", "thought": true}, {"text": "one two "}, {"text": "two"}]);
    let chat = whole("openai_chat", "gemini", &of_gemini(&parts, &supports));
    let cited = &chat["choices"][0]["message"]["annotations"][0]["url_citation"];
    assert_eq!((&cited["start_index"], &cited["end_index"]), (&json!(8), &json!(11)), "{chat}");
    // A source of a text that a proof has closed is not lost.
    let parts = json!([{"text": "one two ", "thoughtSignature": "c2ln"}, {"text": "two"}]);
    let early = json!({"groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": {"startIndex": 4, "endIndex": 7, "text": "two"}, "groundingChunkIndices": [0]}]});
    let chat = whole("openai_chat", "gemini", &of_gemini(&parts, &early));
    let cited = &chat["choices"][0]["message"]["annotations"][0]["url_citation"];
    assert_eq!((&cited["start_index"], &cited["end_index"]), (&json!(4), &json!(7)), "{chat}");
}

#[test]
fn recited_sources_with_an_address_are_told() {
    let answer = json!({"candidates": [{"content": {"parts": [{"text": "né bee"}]}, "finishReason": "STOP",
        "citationMetadata": {"citationSources": [{"startIndex": 4, "endIndex": 7, "uri": "https://a.example"}, {"license": "x"}]}}]});
    let chat = whole("openai_chat", "gemini", &answer);
    let notes = chat["choices"][0]["message"]["annotations"].as_array().unwrap();
    assert_eq!((notes.len(), &notes[0]["url_citation"]["start_index"]), (1, &json!(3)));
    let responses = whole("openai_responses", "gemini", &answer);
    assert_eq!(responses["output"][0]["content"][0]["annotations"][0]["end_index"], 6);
}

#[test]
fn a_text_is_cut_at_its_sources_for_anthropic_clients() {
    let answer = of_gemini(&json!([{"text": TEXT}]), &gemini());
    let content = whole("anthropic", "gemini", &answer)["content"].clone();
    let texts: Vec<(String, usize)> = content
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "text")
        .map(|block| (block["text"].as_str().unwrap().to_owned(), block["citations"].as_array().map_or(0, Vec::len)))
        .collect();
    // The last place overlaps the one before.
    let expect = [("Imker ", 0), ("🐝", 1), (" sagen: ", 0), ("e\u{301}t\u{e9}", 2), (" ist", 1), (" süß.", 0)];
    assert_eq!(texts, expect.map(|(text, count)| (text.to_owned(), count)));
    let chunks = [text_delta(TEXT), of_gemini(&json!([]), &gemini())];
    let events = streamed("anthropic", "gemini", &chunks);
    let cited: Vec<&Value> = all(&events, "/delta/citation");
    assert_eq!(cited.len(), 4);
    assert!(cited.iter().all(|cited| cited["type"] == "web_search_result_location" && cited["url"].is_string()));
    let texts: String = all(&events, "/delta/text").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(texts, TEXT);
}

/// Two messages' texts with a search before each, as Anthropic tells them.
fn anthropic() -> Vec<Value> {
    vec![
        json!({"type": "text", "text": "Ich suche 🐝."}),
        json!({"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "bees"}}),
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01", "content": [
            {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "RQ", "page_age": null}]}),
        json!({"type": "text", "text": "Imker 🐝 ", "citations": null}),
        json!({"type": "text", "text": "summen", "citations": [
            {"type": "web_search_result_location", "url": "https://a.example", "title": "A", "encrypted_index": "SQ", "cited_text": "buzz"},
            {"type": "char_location", "document_index": 0, "document_title": "mine", "start_char_index": 0, "end_char_index": 1, "cited_text": "x"}]}),
    ]
}

fn of_anthropic(blocks: &[Value], stop: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "content": blocks, "stop_reason": stop,
        "usage": {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}}})
}

/// The same as a stream.
fn anthropic_stream(blocks: &[Value]) -> Vec<Value> {
    let mut chunks =
        vec![json!({"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 1}}})];
    for (index, block) in blocks.iter().enumerate() {
        let mut start = block.clone();
        let mut deltas = Vec::new();
        if let Some(text) = block["text"].as_str() {
            start["text"] = json!("");
            start["citations"] = Value::Null;
            for cited in block["citations"].as_array().into_iter().flatten() {
                deltas.push(json!({"type": "citations_delta", "citation": cited}));
            }
            deltas.push(json!({"type": "text_delta", "text": text}));
        } else if block["input"].is_object() {
            start["input"] = json!({});
            deltas.push(json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}));
        }
        chunks.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        chunks
            .extend(deltas.iter().map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        chunks.push(json!({"type": "content_block_stop", "index": index}));
    }
    chunks.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}));
    chunks.push(json!({"type": "message_stop"}));
    chunks
}

#[test]
fn anthropics_cited_blocks_have_places_in_the_joined_text() {
    let answer = of_anthropic(&anthropic(), "end_turn");
    let check = |text: &str, notes: &Value| {
        let notes = notes.as_array().unwrap();
        assert_eq!(notes.len(), 1, "a document has no address");
        let cited = &notes[0]["url_citation"];
        assert_eq!(slice(text, &cited["start_index"], &cited["end_index"]), "summen");
        assert_eq!((&cited["url"], &cited["title"]), (&json!("https://a.example"), &json!("A")));
    };
    let chat = whole("openai_chat", "anthropic", &answer);
    let message = &chat["choices"][0]["message"];
    assert_eq!(message["content"], "Ich suche 🐝.Imker 🐝 summen");
    check(message["content"].as_str().unwrap(), &message["annotations"]);
    assert_eq!(chat["choices"][0]["finish_reason"], "stop", "the model's own tools are none of the client's");
    let chunks = streamed("openai_chat", "anthropic", &anthropic_stream(&anthropic()));
    let text: String = all(&chunks, "/choices/0/delta/content").into_iter().filter_map(Value::as_str).collect();
    check(&text, all(&chunks, "/choices/0/delta/annotations")[0]);
    assert!(all(&chunks, "/choices/0/delta/tool_calls").is_empty());
    for output in [
        whole("openai_responses", "anthropic", &answer)["output"].clone(),
        streamed("openai_responses", "anthropic", &anthropic_stream(&anthropic())).last().unwrap()["response"]["output"].clone(),
    ] {
        let part = &output[2]["content"][1];
        let note = &part["annotations"][0];
        assert_eq!((&part["text"], &note["type"]), (&json!("summen"), &json!("url_citation")), "{output}");
        assert_eq!((&note["start_index"], &note["end_index"]), (&json!(0), &json!(6)));
        assert_eq!(part["annotations"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn anthropics_searches_are_items_of_responses() {
    let check = |output: &Value| {
        let kinds: Vec<&str> = output.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["message", "web_search_call", "message"], "{output}");
        let action = json!({"type": "search", "query": "bees", "queries": ["bees"],
            "sources": [{"type": "url", "url": "https://a.example"}]});
        let item = &output[1];
        assert_eq!((&item["action"], &item["status"]), (&action, &json!("completed")));
        assert!(item["id"].as_str().unwrap().starts_with("ws_"), "{item}");
    };
    check(&whole("openai_responses", "anthropic", &of_anthropic(&anthropic(), "end_turn"))["output"]);
    let events = streamed("openai_responses", "anthropic", &anthropic_stream(&anthropic()));
    check(&events.last().unwrap()["response"]["output"]);
    let steps: Vec<&str> =
        events.iter().filter(|event| event["output_index"] == 1).map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        steps,
        [
            "response.output_item.added",
            "response.web_search_call.in_progress",
            "response.web_search_call.searching",
            "response.web_search_call.completed",
            "response.output_item.done"
        ]
    );
    let numbers: Vec<u64> = all(&events, "/sequence_number").into_iter().filter_map(Value::as_u64).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    // Two at once, of which one fails and one never tells what it found.
    let blocks = [
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}}),
        json!({"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {"query": "b"}}),
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content":
            {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}}),
        json!({"type": "text", "text": "x"}),
    ];
    for output in [
        whole("openai_responses", "anthropic", &of_anthropic(&blocks, "end_turn"))["output"].clone(),
        streamed("openai_responses", "anthropic", &anthropic_stream(&blocks)).last().unwrap()["response"]["output"]
            .clone(),
    ] {
        let told: Vec<(&Value, &Value)> = output
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["type"] == "web_search_call")
            .map(|item| (&item["action"]["query"], &item["status"]))
            .collect();
        assert_eq!(told, [(&json!("a"), &json!("failed")), (&json!("b"), &json!("completed"))], "{output}");
    }
}

/// A search, a page that was opened without saying which, and a message.
fn responses() -> Vec<Value> {
    vec![
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "bees",
            "queries": ["bees"], "sources": [{"type": "url", "url": "https://a.example"}]}}),
        json!({"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page"}}),
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": TEXT, "annotations": [
                {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 6, "end_index": 7},
                {"type": "file_citation", "file_id": "file-1", "filename": "f.txt", "index": 3}]}]}),
    ]
}

fn responses_stream(items: &[Value]) -> Vec<Value> {
    let mut chunks = vec![json!({"type": "response.created", "response": {"id": "resp_1", "model": "g"}})];
    for (index, item) in items.iter().enumerate() {
        let kind = item["type"].as_str().unwrap();
        let mut added = json!({"type": kind, "id": item["id"], "status": "in_progress"});
        if kind == "message" {
            added["content"] = json!([]);
        }
        chunks.push(json!({"type": "response.output_item.added", "output_index": index, "item": added}));
        for part in item["content"].as_array().into_iter().flatten() {
            let place = json!({"item_id": item["id"], "output_index": index, "content_index": 0});
            let with = |kind: &str, field: &str, value: &Value| {
                let mut event = place.clone();
                (event["type"], event[field]) = (json!(kind), value.clone());
                event
            };
            chunks.push(with("response.output_text.delta", "delta", &part["text"]));
            for note in part["annotations"].as_array().unwrap() {
                chunks.push(with("response.output_text.annotation.added", "annotation", note));
            }
            chunks.push(with("response.content_part.done", "part", part));
        }
        chunks.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    chunks.push(
        json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": items,
        "usage": {"input_tokens": 1, "output_tokens": 1}}}),
    );
    chunks
}

#[test]
fn responses_searches_are_blocks_of_anthropic() {
    let answer = json!({"id": "resp_1", "status": "completed", "output": responses(), "usage": {"input_tokens": 1}});
    let content = whole("anthropic", "openai_responses", &answer)["content"].clone();
    let used = json!({"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {"query": "bees"}});
    assert_eq!(content[0], used);
    let found = &content[1];
    assert_eq!((&found["type"], &found["tool_use_id"]), (&json!("web_search_tool_result"), &json!("ws_1")));
    assert_eq!(
        (&found["content"][0]["url"], &found["content"][0]["type"]),
        (&json!("https://a.example"), &json!("web_search_result"))
    );
    assert!(found["content"][0]["encrypted_content"].is_string() && found["content"][0]["title"].is_string());
    assert_eq!(content.as_array().unwrap().len(), 5, "no block of the empty page, and the text in three: {content}");
    assert_eq!((&content[3]["text"], &content[3]["citations"][0]["url"]), (&json!("🐝"), &json!("https://a.example")));
    let events = streamed("anthropic", "openai_responses", &responses_stream(&responses()));
    let starts: Vec<&str> = all(&events, "/content_block/type").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(starts, ["server_tool_use", "web_search_tool_result", "text"]);
    let input: String = all(&events, "/delta/partial_json").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(serde_json::from_str::<Value>(&input).unwrap(), json!({"query": "bees"}));
    assert_eq!(all(&events, "/content_block/input"), [&json!({})]);
    let indexes: Vec<&Value> =
        events.iter().filter(|event| event["type"] == "content_block_stop").map(|event| &event["index"]).collect();
    assert_eq!(indexes, [&json!(0), &json!(1), &json!(2)]);
    assert_eq!(all(&events, "/delta/citation").len(), 1, "a file has no form here");
    assert_eq!(all(&events, "/delta/stop_reason"), [&json!("end_turn")]);
}

#[test]
fn places_in_responses_texts_are_places_in_chats() {
    let answer = json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "🐝🐝"}]}, responses()[2]], "usage": {"input_tokens": 1}});
    let chat = whole("openai_chat", "openai_responses", &answer);
    let message = &chat["choices"][0]["message"];
    let check = |text: &str, notes: &Value| {
        assert_eq!(notes.as_array().unwrap().len(), 1);
        let cited = &notes[0]["url_citation"];
        assert_eq!(slice(text, &cited["start_index"], &cited["end_index"]), "🐝");
        assert_eq!(cited["start_index"], 8);
    };
    check(message["content"].as_str().unwrap(), &message["annotations"]);
    let items = [
        json!({"type": "message", "id": "m0", "content": [{"type": "output_text", "text": "🐝🐝", "annotations": []}]}),
        responses()[2].clone(),
    ];
    let chunks = streamed("openai_chat", "openai_responses", &responses_stream(&items));
    let text: String = all(&chunks, "/choices/0/delta/content").into_iter().filter_map(Value::as_str).collect();
    check(&text, all(&chunks, "/choices/0/delta/annotations")[0]);
    // And back: what Chat says of the whole text is said of its part.
    let back = whole("openai_responses", "openai_chat", &chat);
    let note = &back["output"][0]["content"][0]["annotations"][0];
    assert_eq!((&note["start_index"], &note["end_index"]), (&json!(8), &json!(9)), "{back}");
    let gemini = whole("gemini", "openai_chat", &chat);
    let segment = &gemini["candidates"][0]["groundingMetadata"]["groundingSupports"][0]["segment"];
    assert_eq!(segment, &json!({"startIndex": 8 + 6, "endIndex": 8 + 6 + 4, "text": "🐝"}));
}

#[test]
fn words_of_programs_do_not_move_the_sources_after_them() {
    let parts = json!([{"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}, {"text": "Es ist 🐝."}]);
    let grounding = json!({"groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": {"startIndex": 7, "endIndex": 11, "text": "🐝"}, "groundingChunkIndices": [0]}]});
    let chat = whole("openai_chat", "gemini", &of_gemini(&parts, &grounding));
    let message = &chat["choices"][0]["message"];
    let text = message["content"].as_str().unwrap();
    assert!(text.starts_with("```python\nprint(1)\n```") && text.contains("```\n1\n"), "{text}");
    let cited = &message["annotations"][0]["url_citation"];
    assert_eq!(slice(text, &cited["start_index"], &cited["end_index"]), "🐝");
}

#[test]
fn every_search_reaches_every_client_that_has_a_form_for_it() {
    let google = of_gemini(&json!([{"text": TEXT}]), &gemini());
    let google_stream = [text_delta(TEXT), of_gemini(&json!([]), &gemini())];
    for output in [
        whole("openai_responses", "gemini", &google)["output"].clone(),
        streamed("openai_responses", "gemini", &google_stream).last().unwrap()["response"]["output"].clone(),
    ] {
        let action = &output[1]["action"];
        assert_eq!(
            (&output[1]["type"], &action["queries"]),
            (&json!("web_search_call"), &json!(["bees", "summer"])),
            "{output}"
        );
        assert_eq!(action["sources"][1]["url"], "https://b.example");
    }
    let content = whole("anthropic", "gemini", &google)["content"].clone();
    let blocks = content.as_array().unwrap();
    let (used, found) = (&blocks[blocks.len() - 2], &blocks[blocks.len() - 1]);
    assert_eq!((&used["name"], &used["input"]), (&json!("web_search"), &json!({"query": "bees; summer"})));
    assert_eq!((&used["id"], &found["content"][0]["title"]), (&found["tool_use_id"], &json!("A")));
    let events = streamed("anthropic", "gemini", &google_stream);
    let starts: Vec<&str> = all(&events, "/content_block/type").into_iter().filter_map(Value::as_str).collect();
    assert_eq!(starts, ["text", "server_tool_use", "web_search_tool_result"]);
    let queries = "/candidates/0/groundingMetadata/webSearchQueries";
    for (wire, answer, stream) in [
        ("anthropic", of_anthropic(&anthropic(), "end_turn"), anthropic_stream(&anthropic())),
        ("openai_responses", json!({"status": "completed", "output": responses()}), responses_stream(&responses())),
    ] {
        assert_eq!(whole("gemini", wire, &answer).pointer(queries), Some(&json!(["bees"])), "{wire}");
        let chunks = streamed("gemini", wire, &stream);
        assert_eq!(chunks.last().unwrap().pointer(queries), Some(&json!(["bees"])), "{wire}");
        for client in ["openai_chat", "ollama"] {
            let text = whole(client, wire, &answer).to_string();
            assert!(
                !text.contains("ws_1") && !text.contains("srvtoolu") && !text.contains("Found on"),
                "{client}: {text}"
            );
        }
    }
}

#[test]
fn replayed_searches_are_titles_and_addresses_and_never_calls() {
    let mut turns = anthropic();
    turns.push(json!({"type": "server_tool_use", "id": "srvtoolu_2", "name": "tool_search_tool_regex", "input": {}}));
    let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "q"},
        {"role": "assistant", "content": turns}, {"role": "user", "content": "and?"}]});
    for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
        let sent = super::rules::sent("anthropic", wire, &body).to_string();
        assert!(sent.contains("A: https://a.example") && sent.contains("summen"), "{wire}: {sent}");
        for secret in
            ["srvtoolu", "RQ", "SQ", "web_search_tool_result", "tool_calls", "function_call\"", "functionCall"]
        {
            assert!(!sent.contains(secret), "{wire} is told {secret}: {sent}");
        }
        let lost = super::rules::lost("anthropic", wire, &body);
        assert!(
            lost.contains("approximated messages: a search") && lost.contains("dropped messages: a block"),
            "{wire}: {lost}"
        );
    }
    let input = json!({"model": "m", "input": [{"role": "user", "content": "q"}, responses()[0], responses()[1], responses()[2]]});
    for wire in ["openai_chat", "anthropic", "gemini", "ollama"] {
        let sent = super::rules::sent("openai_responses", wire, &input).to_string();
        assert!(
            sent.contains("https://a.example") && !sent.contains("web_search_call") && !sent.contains("ws_"),
            "{wire}: {sent}"
        );
        let lost = super::rules::lost("openai_responses", wire, &input);
        assert!(lost.contains("approximated input[1]") && lost.contains("dropped input[2]"), "{wire}: {lost}");
    }
}
