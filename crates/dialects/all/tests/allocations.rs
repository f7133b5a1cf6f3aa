//! How often memory is asked for in the loops that a stream runs through for each of its pieces, and for a small
//! answer. Time depends on the machine; this does not.

use allocation_counter::measure;
use bosporus_dialects::ALL;
use bytes::{Bytes, BytesMut};
use dialect::{Body, Dialect, Framer, Memo, Reply};

/// Pieces of a stream, enough that what is made once does not count.
const PIECES: u64 = 200;

/// What a dialect's upstream sends: a beginning, a piece that comes again and again, and a whole answer.
struct Sample {
    word: &'static str,
    beginning: &'static str,
    piece: &'static str,
    /// How often its piece asks for memory at most when it is read into the hub: for its text, and for lists in it.
    asks: u64,
    whole: &'static str,
}

const SAMPLES: [Sample; 5] = [
    Sample {
        word: "openai",
        beginning: "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"first\"},\"finish_reason\":null}]}\n\n",
        piece: "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n",
        asks: 2,
        whole: r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"words"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}"#,
    },
    Sample {
        word: "claude",
        beginning: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"first\"}}\n\n",
        piece: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n",
        asks: 2,
        whole: r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"words"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":7}}"#,
    },
    Sample {
        word: "gemini",
        beginning: "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"first\"}]}}],\"responseId\":\"r\"}\n\n",
        piece: "data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\" word\"}]}}],\"responseId\":\"r\"}\n\n",
        asks: 4,
        whole: r#"{"responseId":"r","modelVersion":"m","usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":7,"totalTokenCount":16},"candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[{"text":"words"}]}}]}"#,
    },
    Sample {
        word: "ollama",
        beginning: "{\"model\":\"m\",\"created_at\":\"2026-11-20T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"first\"},\"done\":false}\n",
        piece: "{\"model\":\"m\",\"created_at\":\"2026-11-20T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\" word\"},\"done\":false}\n",
        asks: 2,
        whole: r#"{"model":"m","created_at":"2026-11-20T10:00:00Z","message":{"role":"assistant","content":"words"},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":7}"#,
    },
    Sample {
        word: "responses",
        beginning: "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"object\":\"response\",\"model\":\"m\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"i\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"first\"}\n\n",
        piece: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\" word\"}\n\n",
        asks: 2,
        whole: r#"{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"id":"i","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"words","annotations":[]}]}],"usage":{"input_tokens":9,"output_tokens":7,"total_tokens":16}}"#,
    },
];

fn samples() -> impl Iterator<Item = (&'static Dialect, &'static Sample)> {
    ALL.iter().map(|dialect| {
        let sample = SAMPLES.iter().find(|sample| sample.word == dialect.word);
        (*dialect, sample.expect("every dialect has a sample"))
    })
}

/// Runs a stream through what looks at each frame, and gives how often memory was asked for after its beginning.
fn asked(dialect: &Dialect, sample: &Sample, mut look: impl FnMut(dialect::Frame<'_>)) -> u64 {
    let mut framer = Framer::new(dialect.framing, 1 << 20);
    let mut feed = |text: &str| {
        framer
            .feed(text.as_bytes(), &mut |frame| {
                look(frame);
                Ok(())
            })
            .expect("the sample is well framed");
    };
    feed(sample.beginning);
    feed(sample.piece);
    measure(|| (0..PIECES).for_each(|_| feed(sample.piece))).count_total
}

#[test]
fn a_relayed_piece_asks_for_no_memory() {
    for (dialect, sample) in samples() {
        let mut scanner = dialect.wire.expect("every dialect is a wire").scanner();
        let asked = asked(dialect, sample, |frame| drop(scanner.frame(frame)));
        assert_eq!(asked, 0, "{}: for {PIECES} pieces", sample.word);
    }
}

#[test]
fn a_translated_piece_asks_for_its_text_and_little_else() {
    for (from, sample) in samples() {
        for (to, _) in samples() {
            let mut decoder = from.wire.expect("every dialect is a wire").stream_decoder(Memo::default());
            let client = to.client.expect("every dialect is a client");
            let mut encoder = client.stream_encoder(Reply::new("m", true));
            let (mut events, mut out) = (Vec::with_capacity(16), BytesMut::with_capacity(64 * 1024));
            let asked = asked(from, sample, |frame| {
                decoder.feed(frame, &mut events).expect("the sample is well formed");
                events.drain(..).for_each(|event| encoder.push(&event, &mut out));
                out.clear();
            });
            // Texts that are collected for an end that repeats them grow now and then.
            assert!(asked <= sample.asks * PIECES + 16, "{} to {}: {asked} for {PIECES} pieces", sample.word, to.word);
        }
    }
}

#[test]
fn a_small_answer_asks_for_memory_a_few_times() {
    for (from, sample) in samples() {
        for (to, _) in samples() {
            let wire = from.wire.expect("every dialect is a wire");
            let client = to.client.expect("every dialect is a client");
            let (memo, reply) = (Memo::default(), Reply::new("m", false));
            let translate = || {
                let response = wire.decode_response(sample.whole.as_bytes(), &memo).expect("the sample is whole");
                client.encode_response(&response, &reply)
            };
            drop(translate());
            let asked = measure(|| drop(translate())).count_total;
            assert!(asked <= 40, "{} to {}: {asked}", sample.word, to.word);
        }
    }
}

#[test]
fn a_body_is_indexed_with_one_piece_of_memory() {
    let body = Bytes::from_static(br#"{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":16}"#);
    let asked = measure(|| drop(Body::parse(body.clone()).expect("it is a body"))).count_total;
    assert_eq!(asked, 1);
}
