//! What a stream says before its first word commits nothing, in any dialect: an error behind it is one that another
//! account may make good.

use bytes::Bytes;
use dialect::{Framer, Memo, Signal};

use crate::ALL;

/// Of each dialect, by its word: what comes before the first word, and an error.
const STREAMS: [(&str, &[&str], &str); 5] = [
    (
        "openai",
        &[
            ": processing\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[]}\n\n",
        ],
        "data: {\"error\":{\"message\":\"full\",\"type\":\"server_error\",\"code\":\"overloaded\"}}\n\n",
    ),
    (
        "responses",
        &[
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n",
            "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\n",
            "event: codex.rate_limits\ndata: {\"type\":\"codex.rate_limits\",\"rate_limits\":{}}\n\n",
            "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\n",
            "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":3,\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}\n\n",
        ],
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":4,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"failed\",\"model\":\"m\",\"output\":[],\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"full\"}}}\n\n",
    ),
    (
        "claude",
        &[
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":0}}}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        ],
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"full\"}}\n\n",
    ),
    (
        "gemini",
        &[
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1},\"modelVersion\":\"m\"}\n\n",
        ],
        "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\",\"message\":\"full\"}}\n\n",
    ),
    (
        "ollama",
        &[
            "{\"model\":\"m\",\"created_at\":\"2026-11-21T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":false}\n",
        ],
        "{\"error\":\"server busy, please try again\"}\n",
    ),
];

#[test]
fn an_error_behind_the_handshake_is_an_error_before_the_answer() {
    for (word, handshake, error) in STREAMS {
        let dialect = ALL.iter().find(|dialect| dialect.word == word).unwrap_or_else(|| panic!("no {word}"));
        let side = dialect.wire.unwrap();
        let (mut scanner, mut decoder) = (side.scanner(), side.stream_decoder(Memo::default()));
        let mut framer = Framer::new(dialect.framing, 1 << 20);
        for part in handshake {
            let mut events = Vec::new();
            framer
                .feed(&Bytes::from_static(part.as_bytes()), &mut |frame| {
                    let signal = scanner.frame(frame);
                    assert!(matches!(signal, Signal::Quiet | Signal::UsageOnly), "{word}: {signal:?} for {part}");
                    decoder.feed(frame, &mut events)
                })
                .unwrap();
            assert!(!events.iter().any(hub::Event::is_meaningful), "{word}: {events:?} for {part}");
        }
        let (mut told, mut events) = (None, Vec::new());
        let read = framer.feed(&Bytes::from_static(error.as_bytes()), &mut |frame| {
            told = Some(scanner.frame(frame));
            decoder.feed(frame, &mut events)
        });
        let Some(Signal::Fault(fault)) = told else { panic!("{word}: {told:?}") };
        let read = read.unwrap_err();
        assert_eq!((fault.kind, read.kind), (hub::FaultKind::Overloaded, hub::FaultKind::Overloaded), "{word}");
        assert!(events.is_empty(), "{word}: {events:?}");
    }
}
