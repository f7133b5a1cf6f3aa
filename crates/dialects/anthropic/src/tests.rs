//! The dialect as a whole: fixtures, and the laws that hold for any request, answer and stream.

use super::*;

mod any;
mod fixtures;
mod relaying;
mod requests;
mod rounds;

/// Compares with a file of this crate's `fixtures`. Compiled with `BOSPORUS_GOLDEN=update` in the environment, it
/// writes the file instead; the difference is then reviewed like any other.
pub(crate) fn golden(path: &str, found: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path);
    if option_env!("BOSPORUS_GOLDEN") == Some("update") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
    assert_eq!(expected, found, "{}", file.display());
}

/// A body of a client.
pub(crate) fn body(json: &str) -> Body {
    Body::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap()
}

/// The head of a request to `path` with headers.
pub(crate) fn head(path: &str, headers: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::post(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// All events of a stream that arrives in these chunks.
pub(crate) fn decode_stream(memo: Memo, chunks: &[&[u8]]) -> Result<Vec<hub::Event>, Fault> {
    let mut framer = dialect::Framer::new(Framing::Sse, 1 << 22);
    let mut decoder = Messages.stream_decoder(memo);
    let mut events = Vec::new();
    for chunk in chunks {
        framer.feed(chunk, &mut |frame| decoder.feed(frame, &mut events))?;
    }
    framer.finish(&mut |frame| decoder.feed(frame, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}

/// The bytes that a client gets for these events.
pub(crate) fn encode_stream(events: &[hub::Event], reply: Reply) -> Vec<u8> {
    let mut encoder = Messages.stream_encoder(reply);
    let mut out = BytesMut::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    encoder.end(&mut out);
    out.to_vec()
}

/// The answer that legal events build.
pub(crate) fn assemble(events: Vec<hub::Event>) -> Response {
    let mut grammar = hub::Grammar::default();
    let mut assembler = hub::Assembler::new(1 << 24);
    for event in events {
        grammar.see(&event).unwrap();
        assembler.push(event).unwrap();
    }
    grammar.finish().unwrap();
    assembler.finish().unwrap()
}
