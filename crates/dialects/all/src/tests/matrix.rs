//! Each client against each wire, on requests, answers and streams.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use dialect::{Body, ClientSide, Dialect, Framer, Memo, ModelTraits, Reply, Target, WireSide};
use hub::{Event, Fault, Grammar, LossKind, Losses};

use crate::ALL;

type Client = (&'static Dialect, &'static dyn ClientSide);
type Wire = (&'static Dialect, &'static dyn WireSide);

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Calls `each` with every pair of two dialects and every case of a kind, and the input of the dialect that `speaks`.
fn every(kind: &str, speaks: fn(Client, Wire) -> &'static Dialect, each: impl Fn(Client, Wire, &str) -> String) {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root().join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    let clients = ALL.iter().filter_map(|dialect| Some((*dialect, dialect.client?)));
    for client in clients {
        let wires = ALL.iter().filter_map(|dialect| Some((*dialect, dialect.wire?)));
        for wire in wires.filter(|wire| wire.0.id != client.0.id) {
            for case in &cases {
                let input = input(case, speaks(client, wire));
                let found = each(client, wire, &input);
                golden(&case.join("golden").join(format!("{}--{}.txt", client.0.id, wire.0.id)), &found);
            }
        }
    }
}

pub(super) fn input(case: &Path, dialect: &Dialect) -> String {
    let names = ["json", "sse", "ndjson"].map(|kind| format!("{}.{kind}", dialect.id));
    let found = names.iter().find_map(|name| std::fs::read_to_string(case.join(name)).ok());
    found.unwrap_or_else(|| panic!("{} has no input of {}", case.display(), dialect.id))
}

/// Compares with a golden file. Compiled with `BOSPORUS_GOLDEN=update` (`cargo xtask golden`) it is written instead;
/// the difference is then reviewed like any other.
pub(super) fn golden(file: &Path, found: &str) {
    if option_env!("BOSPORUS_GOLDEN") == Some("update") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
    assert_eq!(expected, found, "{}", file.display());
}

/// The head of a request for a stream, for dialects that name model and mode in the address.
pub(super) fn head(dialect: &Dialect) -> http::request::Parts {
    let path = dialect.routes.iter().map(|route| route.path).find(|path| path.ends_with("{rest}"));
    let path = path.unwrap_or("/").replace("{rest}", "kite:streamGenerateContent?alt=sse");
    http::Request::post(path).body(()).unwrap().into_parts().0
}

fn reply() -> Reply {
    Reply { created: 1_795_230_245, seed: 7, usage_frame: true, ..Reply::new("shown-name", true) }
}

pub(super) fn draw_fault(fault: &Fault) -> String {
    format!("fault {:?} at {:?}: {}\n", fault.kind, fault.param.as_deref().unwrap_or_default(), fault.message)
}

pub(super) fn draw_losses(losses: &Losses) -> String {
    losses.iter().fold(String::new(), |mut text, loss| {
        let kind = match loss.kind {
            LossKind::Silent => "silent",
            LossKind::Dropped => "dropped",
            LossKind::Approximated => "approximated",
        };
        writeln!(text, "{kind} {}: {}", loss.field, loss.note).unwrap();
        text
    })
}

fn translate(client: Client, wire: Wire, text: &str) -> Result<String, Fault> {
    let body = Body::parse(Bytes::copy_from_slice(text.as_bytes()))?;
    let peek = client.1.peek(&head(client.0), &body)?;
    let decoded = client.1.decode_request(&head(client.0), &body)?;
    let (mut request, mut losses) = (decoded.request, decoded.losses);
    hub::mend(&mut request, &mut losses);
    let traits = ModelTraits::default();
    let target = Target { model: "wire-model", stream: peek.reply.stream, traits: &traits };
    let encoded = wire.1.encode_request(&request, &target)?;
    let again = wire.1.encode_request(&request, &target)?;
    assert_eq!(encoded.body, again.body, "the same request gives the same bytes");
    losses.extend(encoded.losses);
    let mut out = String::from_utf8(encoded.body.to_vec()).unwrap();
    out.push('\n');
    for (name, value) in &encoded.headers {
        writeln!(out, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    Ok(out + &draw_losses(&losses))
}

#[test]
fn requests() {
    every(
        "requests",
        |client, _| client.0,
        |client, wire, text| translate(client, wire, text).unwrap_or_else(|fault| draw_fault(&fault)),
    );
}

#[test]
fn replies() {
    every(
        "replies",
        |_, wire| wire.0,
        |client, wire, text| match wire.1.decode_response(text.as_bytes(), &Memo::default()) {
            Ok(response) => {
                let body = client.1.encode_response(&response, &reply());
                String::from_utf8(body.to_vec()).unwrap() + "\n"
            }
            Err(fault) => {
                let rendered = client.1.render_fault(&fault, "req_1");
                let body = String::from_utf8(rendered.body.to_vec()).unwrap();
                format!("{}{}\n{body}\n", draw_fault(&fault), rendered.status)
            }
        },
    );
}

/// Plays a wire's stream to a client, as the engine does: a fault becomes the client's error tail.
fn play(client: Client, wire: Wire, chunks: &[&[u8]]) -> String {
    let mut decoder = wire.1.stream_decoder(Memo::default());
    let mut framer = Framer::new(wire.0.framing, 1 << 20);
    let mut events: Vec<Event> = Vec::new();
    let mut run = || -> Result<(), Fault> {
        for chunk in chunks {
            framer.feed(chunk, &mut |frame| decoder.feed(frame, &mut events))?;
        }
        framer.finish(&mut |frame| decoder.feed(frame, &mut events))?;
        decoder.end(&mut events)
    };
    let end = run();
    let mut grammar = Grammar::default();
    let mut encoder = client.1.stream_encoder(reply());
    let mut out = BytesMut::new();
    for event in &events {
        grammar.see(event).unwrap();
        encoder.push(event, &mut out);
    }
    match end {
        Ok(()) => {
            grammar.finish().unwrap();
            encoder.end(&mut out);
        }
        Err(fault) => encoder.fail(&fault, &mut out),
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn streams() {
    every(
        "streams",
        |_, wire| wire.0,
        |client, wire, text| {
            let whole = play(client, wire, &[text.as_bytes()]);
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(play(client, wire, &bytes), whole, "cut into bytes");
            whole
        },
    );
}
