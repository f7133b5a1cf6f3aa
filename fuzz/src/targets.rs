//! The targets: each takes any bytes, and panics when an invariant breaks.
//!
//! No target names a dialect: they go through the registry, so a new dialect is under fire as soon as it is listed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use dialect::embed::{EmbedClient, EmbedWire, VectorForm};
use dialect::multipart::{Watch, boundary};
use dialect::splice::Edit;
use dialect::{
    Body, ClientSide, Decoded, Dialect, Frame, Framer, Framing, Memo, ModelTraits, Operation, Reader, ReasoningField,
    Reply, Round, Said, SoFar, StreamEncoder, Target as Wanted, WireQuirks, WireSide, splice,
};
use http::StatusCode;
use hub::{Assembler, Event, Fault, Grammar, RawFault, Response, replay};
use serde_json::value::RawValue;

use crate::Seeds;

/// Something that reads bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics when an invariant breaks.
    pub run: fn(&[u8]),
    /// Which seeds it begins with.
    pub seeds: fn(&Seeds) -> &[Vec<u8>],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "request", run: request, seeds: |seeds| &seeds.requests },
    Target { name: "splice", run: splice_edits, seeds: |seeds| &seeds.requests },
    Target { name: "reply", run: reply, seeds: |seeds| &seeds.replies },
    Target { name: "stream", run: stream, seeds: |seeds| &seeds.streams },
    Target { name: "framing", run: framing, seeds: |seeds| &seeds.streams },
    Target { name: "scanner", run: scanner, seeds: |seeds| &seeds.streams },
    Target { name: "listing", run: listing, seeds: |seeds| &seeds.replies },
    Target { name: "credit", run: credit, seeds: |seeds| &seeds.replies },
    Target { name: "fault", run: fault, seeds: |seeds| &seeds.replies },
    Target { name: "embed", run: embed, seeds: |seeds| &seeds.vectors },
    Target { name: "form", run: form, seeds: |seeds| &seeds.forms },
    Target { name: "message", run: message, seeds: |seeds| &seeds.requests },
    Target { name: "memory", run: memory, seeds: |seeds| &seeds.requests },
    Target { name: "record", run: record, seeds: |seeds| &seeds.streams },
    Target { name: "config", run: configuration, seeds: |seeds| &seeds.configs },
    Target { name: "import", run: installation, seeds: |seeds| &seeds.installations },
    Target { name: "word", run: crate::words::word, seeds: |seeds| &seeds.words },
    Target { name: "kept", run: crate::kept::kept, seeds: |seeds| &seeds.kept },
    Target { name: "question", run: crate::kept::question, seeds: |seeds| &seeds.questions },
    Target { name: "account", run: crate::accounts::account, seeds: |seeds| &seeds.accounts },
    Target { name: "dotenv", run: dotenv, seeds: |seeds| &seeds.configs },
];

/// Longest event that framers accept here, in bytes.
const CAP: usize = 32 * 1024;

fn clients() -> Vec<&'static dyn ClientSide> {
    let routes = dialects::ALL.iter().flat_map(|dialect| dialect.routes);
    routes
        .filter(|route| matches!(route.operation, Operation::Generate | Operation::Compact))
        .map(|route| route.client)
        .collect()
}

fn wires() -> Vec<(&'static Dialect, &'static dyn WireSide)> {
    dialects::ALL.iter().filter_map(|dialect| Some((*dialect, dialect.wire?))).collect()
}

fn head() -> http::request::Parts {
    http::Request::new(()).into_parts().0
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// JSON with another letter in place of each escaped surrogate; its syntax stays.
fn without_surrogates(json: &[u8]) -> Vec<u8> {
    let mut text = json.to_vec();
    for at in 0..text.len().saturating_sub(5) {
        let escape = text[at..].starts_with(b"\\u") && text[at + 2].eq_ignore_ascii_case(&b'd');
        if escape && matches!(text[at + 3], b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F') {
            text[at + 2..at + 6].copy_from_slice(b"fffd");
        }
    }
    text
}

/// Reads an object by syntax only: numbers that no type holds, such as `1e400`, are passed through as text.
fn fields(what: &str, json: &[u8]) -> Fields {
    // A name may hold half of a surrogate pair, which no text of Rust's can be.
    match serde_json::from_slice(json).or_else(|_| serde_json::from_slice(&without_surrogates(json))) {
        Ok(fields) => fields,
        Err(error) => panic!("{what} is no JSON object: {error}\n{}", String::from_utf8_lossy(json)),
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|value| value.get())
}

/// A file of variables is read or refused, and holds no more than was written.
fn dotenv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(variables) = config::dotenv(&text) else { return };
    let held: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(held <= text.len(), "{held} bytes out of {}", text.len());
}

/// Whatever a client sends is refused or understood; what is understood can be asked of every upstream, in JSON, with
/// the upstream's model name, and twice the same.
fn request(data: &[u8]) {
    let Ok(body) = Body::parse(Bytes::copy_from_slice(data)) else { return };
    let known = dialect::opening(&body).map_or(0, |opening| opening.question.len());
    assert!(known <= 8 * 1024, "a conversation is known by {known} bytes");
    for client in clients() {
        let opened = client.peek(&head(), &body).and_then(|_| client.inside(body.clone()));
        let body = opened.unwrap_or_else(|_| body.clone());
        let session = dialect::session(client.sessions(), &head().headers, &body);
        assert!(session.is_none_or(|key| !key.is_empty() && key.len() <= 512), "a session of a wrong length");
        let Ok(Decoded { mut request, mut losses }) = client.decode_request(&head(), &body) else { continue };
        hub::mend(&mut request, &mut losses);
        for (dialect, wire) in wires() {
            for (stream, traits) in [(false, ModelTraits::default()), (true, particular())] {
                relayed(wire, &body, &traits);
                let target = Wanted { model: "wanted", stream, traits: &traits };
                let Ok(encoded) = wire.encode_request(&request, &target) else { continue };
                let sent = fields("an encoded request", &encoded.body);
                // Some dialects name the model in the address, not in the body.
                assert!(matches!(text(&sent, "model"), None | Some("\"wanted\"")), "{dialect:?}");
                let again = wire.encode_request(&request, &target).map(|encoded| encoded.body);
                assert_eq!(again.ok().as_ref(), Some(&encoded.body), "{dialect:?}: two encodings differ");
            }
        }
    }
}

/// A model at a place with every habit that changes a request.
fn particular() -> ModelTraits {
    let quirks = WireQuirks {
        openapi_parameters: true,
        no_developer_role: true,
        no_parallel_field: true,
        insists_on_max_tokens_field: true,
        replay_reasoning: true,
        reasoning_field: ReasoningField::Object,
        ..WireQuirks::default()
    };
    ModelTraits { quirks, ..ModelTraits::default() }
}

/// What is relayed stays an object, whatever a place wants changed. (Names that are no Unicode pass as they are.)
fn relayed(wire: &dyn WireSide, body: &Body, traits: &ModelTraits) {
    if serde_json::from_slice::<Fields>(body.bytes()).is_err() {
        return;
    }
    let relay = wire.relay(&head(), body, &Wanted { model: "wanted", stream: false, traits });
    fields("a relayed request", &splice::apply(body.bytes(), body.index(), &relay.edits));
}

/// A request for vectors is refused or can be asked of every wire; an answer is refused or can be told every client.
fn embed(data: &[u8]) {
    for client in embed_clients() {
        let Ok(body) = Body::parse(Bytes::copy_from_slice(data)) else { break };
        let _ = client.peek(&head(), &body);
        let Ok(request) = client.decode(&body) else { continue };
        for wire in embed_wires() {
            let sent = wire.encode(&request, &request.inputs, "wanted", &mut request.losses.clone());
            fields("an encoded request for vectors", &sent);
        }
    }
    for wire in embed_wires() {
        let _ = wire.tokens(data);
        if let Ok(body) = Body::parse(Bytes::copy_from_slice(data)) {
            let edited = splice::apply(body.bytes(), body.index(), &wire.relay(&body, "wanted"));
            fields("a relayed request for vectors", &edited);
        }
        for count in 1..4 {
            let Ok(answer) = wire.decode(data, count) else { continue };
            assert_eq!(answer.vectors.len(), count);
            for (client, form) in embed_clients().into_iter().flat_map(|client| FORMS.map(|form| (client, form))) {
                let told = client.encode(&answer, form, 1, &Reply::new("wanted", false));
                told.iter().for_each(|body| drop(fields("an encoded answer of vectors", body)));
            }
        }
    }
}

const FORMS: [VectorForm; 2] = [VectorForm::Floats, VectorForm::Base64];

fn embed_clients() -> Vec<&'static dyn EmbedClient> {
    let routes = dialects::ALL.iter().flat_map(|dialect| dialect.routes);
    let client = |operation| if let Operation::Embed(client) = operation { Some(client) } else { None };
    routes.filter_map(|route| client(route.operation)).collect()
}

fn embed_wires() -> Vec<&'static dyn EmbedWire> {
    let forms = ["gemini-embedding-001", "text-embedding-005"].map(dialect_gemini::embeds);
    wires().into_iter().filter_map(|(_, wire)| wire.beside().embed).chain(forms).collect()
}

/// A field of a form is found in the same place however the form is cut, and lies inside it.
fn form(data: &[u8]) {
    let find = |chunks: &[&[u8]]| {
        let mut watch = Watch::new("XY", "model");
        let fed = chunks.iter().try_for_each(|chunk| watch.feed(chunk));
        fed.is_ok().then(|| (watch.value(), watch.is_over()))
    };
    let (left, right) = data.split_at(cut(data));
    let whole = find(&[data]);
    assert_eq!(whole, find(&[left, right]), "a cut changes the form");
    let value = whole.and_then(|(value, _)| value);
    assert!(value.is_none_or(|range| range.start <= range.end && range.end <= data.len()));
    let _ = boundary(&String::from_utf8_lossy(data));
}

/// What comes over a lasting connection: what is read of it is a request, and every event becomes a message.
fn message(data: &[u8]) {
    let routes = dialects::ALL.iter().flat_map(|dialect| dialect.routes);
    for route in routes {
        let Operation::Socket(side) = route.operation else { continue };
        let settings = Some(Bytes::from_static(br#"{"model":"m","tools":[]}"#));
        for so_far in [SoFar::default(), SoFar { settings, answer: Some("r".to_owned()) }] {
            if let Ok(Said::Ask(wish)) = side.read(Bytes::copy_from_slice(data), &so_far) {
                assert!(Body::parse(wish.body.into_bytes()).is_ok(), "what was read is no request");
            }
        }
        let _ = side.answered(Frame { event: Some(b"response.completed"), data });
        if let Some(message) = side.message(Frame { event: None, data }, Some("lane"))
            && serde_json::from_slice::<&RawValue>(data).is_ok()
        {
            assert!(serde_json::from_str::<&RawValue>(&message).is_ok(), "{message}");
        }
    }
}

/// A request is its own past: what is written out is a request that names no answer any more.
fn memory(data: &[u8]) {
    let Ok(body) = Body::parse(Bytes::copy_from_slice(data)) else { return };
    for memory in clients().into_iter().filter_map(ClientSide::memory) {
        if memory.terms(&body).is_err() {
            continue;
        }
        let round = Round { input: memory.input(&body), answer: body.bytes().clone() };
        for reader in [Reader::Hub, Reader::Wire] {
            if let Ok(whole) = memory.write_out(&body, &[&round, &round], reader) {
                assert!(memory.terms(&whole).is_ok_and(|terms| terms.previous.is_none()), "it still names an answer");
            }
        }
        let _ = memory.list_input("id", &[&round], "limit=3&order=asc");
    }
}

/// What is recorded of an answer does not depend on where its bytes were cut.
fn record(data: &[u8]) {
    for memory in clients().into_iter().filter_map(ClientSide::memory) {
        let tell = |chunks: &[&[u8]]| {
            let mut recorder = memory.recorder(&Reply::new("m", true), CAP);
            let mut framer = Framer::new(Framing::Sse, CAP);
            let mut found = None;
            for chunk in chunks {
                let fed = framer.feed(chunk, &mut |frame| {
                    found = found.take().or_else(|| recorder.frame(frame));
                    Ok(())
                });
                if fed.is_err() {
                    break;
                }
            }
            found
        };
        let at = cut(data);
        assert_eq!(tell(&[data]), tell(&[&data[..at], &data[at..]]));
        let _ = memory.recorder(&Reply::new("m", false), CAP).whole(&Bytes::copy_from_slice(data));
    }
}

/// Edits change what they name and nothing else.
fn splice_edits(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(body) = Body::parse(bytes.clone()) else { return };
    let Ok(before) = serde_json::from_slice::<Fields>(data) else { return };
    let unchanged = splice::apply(&bytes, body.index(), &[]);
    assert_eq!(unchanged, bytes, "no edit, and yet another text");
    let edits = [
        Edit::set("model", "\"wanted\""),
        Edit::remove("stream"),
        Edit::set_in("stream_options", "include_usage", "true"),
    ];
    let after = fields("an edited body", &splice::apply(&bytes, body.index(), &edits));
    assert_eq!(text(&after, "model"), Some("\"wanted\""));
    assert_eq!(text(&after, "stream"), None);
    let options = fields("stream_options", text(&after, "stream_options").unwrap_or_default().as_bytes());
    assert_eq!(text(&options, "include_usage"), Some("true"));
    let touched = ["model", "stream", "stream_options"];
    for (name, value) in before.iter().filter(|(name, _)| !touched.contains(&name.as_str())) {
        assert_eq!(text(&after, name), Some(value.get()), "`{name}` was not to be touched");
    }
}

/// Whatever an upstream answers is a fault or an answer that every client can be told, whole and as a stream.
fn reply(data: &[u8]) {
    for (_, wire) in wires() {
        let _ = wire.scanner().whole(data);
        let Ok(response) = wire.decode_response(data, &Memo::default()) else { continue };
        tell(&response);
    }
}

fn tell(response: &Response) {
    for client in clients() {
        let body = client.encode_response(response, &Reply::new("wanted", false));
        fields("an encoded answer", &body);
    }
    let mut events = Vec::new();
    replay(response.clone(), &mut events);
    check_grammar(&events, true);
    for client in clients() {
        encode(client, &events, None);
    }
    let mut assembler = Assembler::new(usize::MAX);
    for event in events {
        assert!(assembler.push(event).is_ok(), "an answer cannot be put together again");
    }
    assert!(assembler.finish().is_ok(), "an answer cannot be put together again");
}

/// A stream gives the same events however it is cut, they are legal, and every client can be told them.
fn stream(data: &[u8]) {
    for (dialect, wire) in wires() {
        let (events, fault) = decode(dialect, wire, &[data]);
        check_grammar(&events, fault.is_none());
        let (left, right) = data.split_at(cut(data));
        let (again, other) = decode(dialect, wire, &[left, right]);
        assert_eq!(fault.is_some(), other.is_some(), "{dialect:?}: a cut changes whether it fails");
        if fault.is_none() {
            assert_eq!(format!("{events:?}"), format!("{again:?}"), "{dialect:?}: a cut changes the events");
        }
        for client in clients() {
            encode(client, &events, fault.as_ref());
        }
    }
}

/// A place that depends on the bytes alone, so that a failure can be repeated.
fn cut(data: &[u8]) -> usize {
    let sum: usize = data.iter().enumerate().map(|(at, byte)| (at + 1) * usize::from(*byte)).sum();
    sum % (data.len() + 1)
}

fn decode(dialect: &Dialect, wire: &dyn WireSide, chunks: &[&[u8]]) -> (Vec<Event>, Option<Fault>) {
    let mut framer = Framer::new(dialect.framing, CAP);
    let mut decoder = wire.stream_decoder(Memo::default());
    let mut events = Vec::new();
    for chunk in chunks {
        let fed = framer.feed(chunk, &mut |frame| decoder.feed(frame, &mut events));
        if let Err(fault) = fed {
            return (events, Some(fault));
        }
    }
    let ended = framer.finish(&mut |frame| decoder.feed(frame, &mut events)).and_then(|()| decoder.end(&mut events));
    (events, ended.err())
}

fn check_grammar(events: &[Event], is_whole: bool) {
    let mut grammar = Grammar::default();
    for event in events {
        let seen = grammar.see(event);
        assert!(seen.is_ok(), "{seen:?} at {event:?} in {events:?}");
    }
    assert!(!is_whole || grammar.finish().is_ok(), "a clean end without a stop: {events:?}");
}

/// What an encoder writes is framed as its dialect says, and each frame is JSON or an end mark.
fn encode(client: &dyn ClientSide, events: &[Event], fault: Option<&Fault>) {
    let mut encoder: Box<dyn StreamEncoder> = client.stream_encoder(Reply::new("wanted", true));
    let mut out = BytesMut::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    match fault {
        Some(fault) => encoder.fail(fault, &mut out),
        None => encoder.end(&mut out),
    }
    let mut framer = Framer::new(Framing::Sse, usize::MAX);
    let framed = framer.feed(&out, &mut |frame: Frame<'_>| {
        if frame.data != b"[DONE]" {
            fields("an event", frame.data);
        }
        Ok(())
    });
    assert!(framed.is_ok() && framer.is_between_frames(), "an encoder left a frame open");
}

/// Framers keep to their cap, and cut anywhere they give the same frames.
fn framing(data: &[u8]) {
    for framing in [Framing::Sse, Framing::Ndjson] {
        let whole = frames(framing, &[data]);
        let (left, right) = data.split_at(cut(data));
        let halves = frames(framing, &[left, right]);
        assert!(whole.iter().all(|frame| frame.1.len() <= data.len()));
        // A line over the cap is refused as soon as it is too long, so how far a framer gets depends on the cuts.
        if data.len() <= CAP {
            assert_eq!(whole, halves, "{framing:?}: a cut changes the frames");
        }
    }
}

fn frames(framing: Framing, chunks: &[&[u8]]) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let mut framer = Framer::new(framing, CAP);
    let mut found = Vec::new();
    let mut sink = |frame: Frame<'_>| {
        found.push((frame.event.map(<[u8]>::to_vec), frame.data.to_vec()));
        Ok(())
    };
    for chunk in chunks {
        if framer.feed(chunk, &mut sink).is_err() {
            return found;
        }
    }
    let _ = framer.finish(&mut sink);
    found
}

/// The tap on a relayed stream never falls over.
fn scanner(data: &[u8]) {
    for (dialect, wire) in wires() {
        let mut framer = Framer::new(dialect.framing, CAP);
        let mut scanner = wire.scanner();
        let _ = framer.feed(data, &mut |frame| {
            let _ = scanner.frame(frame);
            Ok(())
        });
        let _ = scanner.observed();
    }
}

/// Whatever stands in an upstream's error, each client gets an error in its own shape, with an error status.
/// A place's own list of models, and what is made of it.
fn listing(data: &[u8]) {
    let text = "claude-api-key: [{api-key: k}]\ngemini-api-key: [{api-key: k}]\nvertex-api-key: [{api-key: k}]\n\
        ollama: [{base-url: 'http://h:1'}]\nxai-api-key: [{api-key: k}]\n\
        openai-compatibility: [{name: a, base-url: 'https://a.openai.azure.com'}]\n";
    let (config, _) = config::parse(text, "config.yaml", &[]);
    let config = config.expect("the configuration is sound");
    for place in upstreams::KINDS.iter().flat_map(|kind| (kind.build)(&config)) {
        let Some(lister) = place.upstream.lister() else { continue };
        let Ok(page) = lister.read(data) else { continue };
        let mut models = page.models;
        models.iter_mut().for_each(|model| lister.read_one(data, model));
        for model in place.learned(&models) {
            assert!(!model.alias.is_empty() && !model.alias.contains(char::is_control), "{model:?}");
            assert!(model.card.is_none() || !model.alias.ends_with('*'), "a list makes no patterns: {model:?}");
        }
    }
}

/// What a place tells of an account's credit: whatever it is, it says one thing and says it again.
fn credit(data: &[u8]) {
    for gauge in places().iter().filter_map(|place| place.upstream.gauge()) {
        assert_eq!(gauge.read(data), gauge.read(data));
    }
}

/// A place of each kind, and of each OpenAI-compatible place that is known by name.
fn places() -> &'static [upstreams::Place] {
    static PLACES: LazyLock<Vec<upstreams::Place>> = LazyLock::new(|| {
        let like = |name: &&str| {
            format!("  - {{name: {name}, base-url: 'http://h', models: [{{name: m}}], quirks: {{like: {name}}}}}\n")
        };
        let known: String = config::KNOWN_PLACES.iter().map(like).collect();
        let keys = "[{api-key: k, base-url: 'http://h', models: [{name: m, alias: m}]}]";
        let lists = ["claude", "codex", "gemini", "xai", "vertex"].map(|kind| format!("{kind}-api-key: {keys}\n"));
        let text = format!("{}ollama: [{{models: [{{name: m}}]}}]\nopenai-compatibility:\n{known}", lists.concat());
        let config = config::parse(&text, "config.yaml", &[]).0.expect("the configuration is sound");
        upstreams::KINDS.iter().flat_map(|kind| (kind.build)(&config)).collect()
    });
    &PLACES
}

/// Errors are read, and what a place makes of them does not change when it is asked again.
fn fault(data: &[u8]) {
    let statuses = [400, 401, 403, 404, 413, 429, 500, 502, 503, 529];
    let status = StatusCode::from_u16(statuses[cut(data) % statuses.len()]).unwrap_or(StatusCode::BAD_GATEWAY);
    for (dialect, wire) in wires() {
        let raw = RawFault {
            dialect: dialect.id,
            status,
            headers: http::HeaderMap::new(),
            body: Bytes::copy_from_slice(data),
        };
        let fault = wire.read_fault(raw);
        for place in places().iter().filter(|place| place.upstream.wire("m").is_some_and(|own| own.id == dialect.id)) {
            let once = place.upstream.blame(fault.clone());
            let twice = place.upstream.blame(once.clone());
            assert_eq!((once.kind, once.blame, once.retry_after), (twice.kind, twice.blame, twice.retry_after));
        }
        for client in clients() {
            let answer = client.render_fault(&fault, "req_1");
            assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{fault:?}");
            let shown = fields("an error", &answer.body);
            let error = text(&shown, "error").unwrap_or_default();
            // Most dialects have an object with a message, one has the bare words.
            let nested = error.starts_with('{').then(|| fields("an error", error.as_bytes()));
            let words = nested.as_ref().map_or(Some(error), |nested| text(nested, "message"));
            assert!(words.is_some_and(|words| words.starts_with('"')), "{error}");
        }
    }
}

/// Any file is read or refused with a report that can be shown.
fn configuration(data: &[u8]) {
    let (config, report) = config::parse_bytes(data, "config.yaml", &[]);
    let shown = report.render(config::Colour::Never);
    assert!(config.is_some() || !shown.is_empty(), "refused without a word");
}

/// An installation in which every file holds the same.
struct Everywhere<'a>(&'a [u8]);

impl import::Look for Everywhere<'_> {
    fn file(&self, _: &std::path::Path, most: usize) -> Result<Vec<u8>, import::Trouble> {
        if self.0.len() > most { Err(import::Trouble::TooLarge) } else { Ok(self.0.to_vec()) }
    }

    fn folder(&self, path: &std::path::Path) -> Vec<(String, import::Seen)> {
        let inner = ["configs", "auths", "kiro"].iter().filter(|name| !path.ends_with(name));
        let folders = inner.map(|name| ((*name).to_owned(), import::Seen::Folder));
        let files = ["config.json", "a.json", "plugins.json", "pwd"].map(|name| (name.to_owned(), import::Seen::File));
        folders.chain(files).take(if path.components().count() > 4 { 0 } else { 7 }).collect()
    }
}

/// Files of other programs are refused, or become a file that is YAML and holds what the checker looks at; those of
/// which every account and setting is tried alone become one that can be used.
fn installation(data: &[u8]) {
    let target = import::Target { auth_dir: "/auths".into(), prompt: "/prompt".into(), home: None };
    for program in [import::Program::CliProxy, import::Program::AiClient] {
        let made = import::import(program, &Everywhere(data), std::path::Path::new("/old"), &target);
        let Ok(mut made) = made else { continue };
        let text = made.text();
        assert!(config::document::document(text.as_bytes(), "new").is_ok(), "no file of ours:\n{text}");
        // What CLIProxyAPI's own file says wrong, ours would say wrong, too.
        if let Err(report) = import::settle(&mut made, "config.yaml") {
            assert_eq!(program, import::Program::CliProxy, "a file that nobody can start with:\n{report}\n{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mutator, run};

    /// Mutations of each target in a plain test run; `scripts/test` tries more.
    const TRIES: u64 = 400;

    #[test]
    fn targets_hold() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let seeds = Seeds::read(&root).unwrap();
        for target in TARGETS {
            let seeds = (target.seeds)(&seeds);
            assert!(seeds.len() > 10, "{} has too few seeds", target.name);
            let most = seeds.len() as u64 + TRIES;
            let ran = run(target, seeds, &mut Mutator::new(2026), |tried| tried < most);
            assert!(ran.is_ok(), "{}: {:?}", target.name, ran.map_err(|broken| broken.why));
        }
    }

    #[test]
    fn a_broken_invariant_is_noticed() {
        let target = Target { name: "x", run: |data| assert!(!data.contains(&b'x')), seeds: |seeds| &seeds.requests };
        let found = run(&target, &[b"abc".to_vec()], &mut Mutator::new(1), |tried| tried < 100_000);
        assert!(found.unwrap_err().input.contains(&b'x'));
    }
}
