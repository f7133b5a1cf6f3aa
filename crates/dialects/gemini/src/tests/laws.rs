//! What holds for any bytes.

use dialect::{Frame, Memo, Reply};
use http::{HeaderMap, StatusCode};
use hub::{Assembler, Event, Grammar, RawFault};
use proptest::prelude::*;

use super::*;

/// JSON that looks like this dialect's, right or wrong.
fn part() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#"{"text":"a 🐝"}"#,
        r#"{"text":""}"#,
        r#"{"text":"hm","thought":true}"#,
        r#"{"text":"hm","thought":true,"thoughtSignature":"AAAA"}"#,
        r#"{"text":"x","thoughtSignature":"BBBB"}"#,
        r#"{"text":"","thoughtSignature":"CCCC"}"#,
        r#"{"thoughtSignature":"DDDD"}"#,
        r#"{"functionCall":{"name":"f","args":{"a":1.0}},"thoughtSignature":"EEEE"}"#,
        r#"{"functionCall":{"id":"i","name":"g"}}"#,
        r#"{"functionCall":{}}"#,
        r#"{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}"#,
        r#"{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}"#,
        r#"{"executableCode":{"language":"PYTHON","code":"1"}}"#,
        r#"{"codeExecutionResult":{"output":"1"}}"#,
        r#"{"text":5}"#,
        "{}",
        "[]",
        "null",
    ])
    .prop_map(str::to_owned)
}

fn chunk() -> impl Strategy<Value = String> {
    let rest = prop::sample::select(vec![
        "",
        r#","finishReason":"STOP""#,
        r#","finishReason":"NEWS""#,
        r#","groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"segment":{"endIndex":2},"groundingChunkIndices":[0]}]}"#,
        r#","groundingMetadata":7"#,
    ]);
    let usage = prop::sample::select(vec!["", r#","usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}"#]);
    (prop::collection::vec(part(), 0..4), rest, usage).prop_map(|(parts, rest, usage)| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{}]}}{rest}}}]{usage}}}"#, parts.join(","))
    })
}

fn events(chunks: &[String]) -> Result<Vec<Event>, Fault> {
    let mut decoder = Gemini.stream_decoder(Memo::default());
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.feed(Frame { event: None, data: chunk.as_bytes() }, &mut out)?;
    }
    decoder.end(&mut out)?;
    Ok(out)
}

proptest! {
    #[test]
    fn streams_keep_to_the_grammar_and_survive_our_own_client(chunks in prop::collection::vec(chunk(), 0..6)) {
        let ends = chunks.iter().any(|chunk| chunk.contains("finishReason"));
        let found = events(&chunks);
        prop_assert_eq!(found.is_ok(), ends, "cut or not");
        let Ok(found) = found else { return Ok(()) };
        let mut grammar = Grammar::default();
        let mut assembler = Assembler::new(1 << 20);
        for event in &found {
            grammar.see(event).unwrap();
            assembler.push(event.clone()).unwrap();
        }
        grammar.finish().unwrap();
        let response = assembler.finish().unwrap();
        // Whole answers and streams tell the same, and both read back.
        let whole = Gemini.encode_response(&response, &Reply::new("m", false));
        let again = Gemini.decode_response(&whole, &Memo::default()).unwrap();
        let text = |response: &hub::Response| response.parts.iter().filter_map(|part| match part {
            hub::Part::Text(text) => Some(text.text.clone()),
            _ => None,
        }).collect::<String>();
        let calls = |response: &hub::Response| response.parts.iter().filter_map(|part| match part {
            hub::Part::ToolCall(call) => Some((call.name.clone(), call.arguments.clone(), call.seal.clone())),
            _ => None,
        }).collect::<Vec<_>>();
        prop_assert_eq!(text(&again), text(&response));
        prop_assert_eq!(calls(&again), calls(&response));
    }

    #[test]
    fn the_scanner_agrees_with_the_decoder(chunks in prop::collection::vec(chunk(), 1..6)) {
        let mut scanner = Gemini.scanner();
        for chunk in &chunks {
            let _ = scanner.frame(Frame { event: None, data: chunk.as_bytes() });
        }
        let ends = chunks.iter().any(|chunk| chunk.contains("finishReason"));
        prop_assert_eq!(scanner.observed().terminal, ends);
    }

    #[test]
    fn no_bytes_panic(text in r#"(\{|\}|\[|\]|"(contents|parts|text|error|candidates|functionCall|content|generationConfig|tools)"|:|,|null|1|"x"){0,24}"#) {
        let bytes = text.as_bytes();
        if let Ok(body) = Body::parse(Bytes::copy_from_slice(bytes)) {
            let _ = Gemini.decode_request(&head("generateContent"), &body);
        }
        let _ = Gemini.decode_response(bytes, &Memo::default());
        let _ = Gemini.stream_decoder(Memo::default()).feed(Frame { event: None, data: bytes }, &mut Vec::new());
        let _ = Gemini.scanner().whole(bytes);
        let raw = RawFault {
            dialect: crate::ID,
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(bytes),
        };
        let _ = Gemini.read_fault(raw);
    }

    #[test]
    fn any_history_can_be_sent(turns in prop::collection::vec((any::<bool>(), prop::collection::vec(part(), 0..4)), 1..5)) {
        let contents: Vec<String> = turns.iter().map(|(model, parts)| {
            let role = if *model { "model" } else { "user" };
            format!(r#"{{"role":"{role}","parts":[{}]}}"#, parts.join(","))
        }).collect();
        let text = format!(r#"{{"contents":[{}]}}"#, contents.join(","));
        let body = Body::parse(Bytes::from(text)).unwrap();
        let Ok(decoded) = Gemini.decode_request(&head("generateContent"), &body) else { return Ok(()) };
        let Ok(sent) = encode_for(&decoded.request, &ModelTraits::default()) else { return Ok(()) };
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let contents = sent["contents"].as_array().unwrap();
        prop_assert_eq!(&contents[0]["role"], "user");
        for pair in contents.windows(2) {
            prop_assert_ne!(&pair[0]["role"], &pair[1]["role"], "roles alternate");
        }
        prop_assert!(contents.iter().all(|content| !content["parts"].as_array().unwrap().is_empty()));
    }
}
