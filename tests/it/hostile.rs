//! Hostile clients, in all five dialects: what they send is refused clearly or carried whole, nobody is asked in vain,
//! and the next client is served as if nothing had been.

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use http::Method;
use serde_json::json;
use testkit::Gateway;
use testkit::client::{self, Got};
use tokio::io::AsyncWriteExt as _;

use crate::edges::demo;
use crate::errors::bare::{Bare, Play};
use crate::errors::client::{
    ALL,
    Tongue::{self, Chat, Gemini, Messages, Ollama, Responses},
};
use crate::errors::{MODEL, gateway, words};
use crate::harness::{BEARER, Setup, assert_healthy, soon};
use crate::wire::Raw;

async fn send(gateway: &Gateway, tongue: Tongue, more: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Got {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(tongue.headers());
    headers.extend_from_slice(more);
    let url = format!("{}{}", gateway.url(), tongue.path(MODEL, false));
    soon(client::send(Method::POST, &url, &headers, body.into())).await.unwrap()
}

/// A legal request with this JSON as the text of the user, this schema of the one tool, these arguments of an earlier
/// call and this result of it.
fn request(tongue: Tongue, text: &str, schema: &str, arguments: &str) -> String {
    let quoted = serde_json::to_string(arguments).unwrap();
    match tongue {
        Messages => format!(
            r#"{{"model":"{MODEL}","max_tokens":99,"tools":[{{"name":"t","input_schema":{schema}}}],"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"t","input":{arguments}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":"done"}}]}}]}}"#
        ),
        Chat => format!(
            r#"{{"model":"{MODEL}","tools":[{{"type":"function","function":{{"name":"t","parameters":{schema}}}}}],"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","tool_calls":[{{"id":"c","type":"function","function":{{"name":"t","arguments":{quoted}}}}}]}},{{"role":"tool","tool_call_id":"c","content":"done"}}]}}"#
        ),
        Responses => format!(
            r#"{{"model":"{MODEL}","tools":[{{"type":"function","name":"t","parameters":{schema}}}],"input":[{{"role":"user","content":{text}}},{{"type":"function_call","call_id":"c","name":"t","arguments":{quoted}}},{{"type":"function_call_output","call_id":"c","output":"done"}}]}}"#
        ),
        Gemini => format!(
            r#"{{"tools":[{{"functionDeclarations":[{{"name":"t","parametersJsonSchema":{schema}}}]}}],"contents":[{{"role":"user","parts":[{{"text":{text}}}]}},{{"role":"model","parts":[{{"functionCall":{{"name":"t","args":{arguments}}}}}]}},{{"role":"user","parts":[{{"functionResponse":{{"name":"t","response":{{"result":"done"}}}}}}]}}]}}"#
        ),
        Ollama => format!(
            r#"{{"model":"{MODEL}","stream":false,"tools":[{{"type":"function","function":{{"name":"t","parameters":{schema}}}}}],"messages":[{{"role":"user","content":{text}}},{{"role":"assistant","tool_calls":[{{"function":{{"name":"t","arguments":{arguments}}}}}]}},{{"role":"tool","tool_name":"t","content":"done"}}]}}"#
        ),
    }
}

/// The answer to a request that wants no stream: a call with these arguments.
pub(crate) fn call(wire: Tongue, arguments: &str) -> String {
    let quoted = serde_json::to_string(arguments).unwrap();
    match wire {
        Chat => format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{{"index":0,"message":{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function","function":{{"name":"t","arguments":{quoted}}}}}]}},"finish_reason":"tool_calls"}}]}}"#
        ),
        Responses => format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"up","error":null,"incomplete_details":null,"output":[{{"type":"function_call","id":"fc_1","call_id":"c","name":"t","arguments":{quoted},"status":"completed"}}],"usage":{{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}}"#
        ),
        Messages => format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[{{"type":"tool_use","id":"c","name":"t","input":{arguments}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
        ),
        Gemini => format!(
            r#"{{"candidates":[{{"index":0,"content":{{"role":"model","parts":[{{"functionCall":{{"name":"t","args":{arguments}}}}}]}},"finishReason":"STOP"}}],"usageMetadata":{{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}},"modelVersion":"up","responseId":"r"}}"#
        ),
        Ollama => format!(
            r#"{{"model":"up","created_at":"2026-01-01T00:00:00Z","message":{{"role":"assistant","content":"","tool_calls":[{{"function":{{"name":"t","arguments":{arguments}}}}}]}},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1}}"#
        ),
    }
}

/// Numbers that a reader which knows floats only would change.
const NUMBERS: &str = r#"{"id":9007199254740993,"huge":18446744073709551616,"e":1E+2,"inf":1e400,"zero":-0,"one":1.0,"exact":0.1000000000000000055,"h":"<&>"}"#;
const SCHEMA: &str = r#"{"type":"object","properties":{"n":{"type":"integer","minimum":9007199254740993,"maximum":18446744073709551615}}}"#;

/// What of the numbers is not in a text, escaped or not.
fn changed(text: &str, numbers: &[&str]) -> Vec<String> {
    let plain = text.replace('\\', "");
    numbers.iter().filter(|number| !plain.contains(**number)).map(|number| (*number).to_owned()).collect()
}

const WRITTEN: [&str; 8] = [
    r#""id":9007199254740993"#,
    r#""huge":18446744073709551616"#,
    r#""e":1E+2"#,
    r#""inf":1e400"#,
    r#""zero":-0"#,
    r#""one":1.0"#,
    r#""exact":0.1000000000000000055"#,
    r#""h":"<&>""#,
];

#[tokio::test]
async fn numbers_go_through_every_pair_as_they_are_written() {
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, json!({})).await;
        for client in ALL {
            bare.play(Play::new(200, "application/json", call(wire, NUMBERS)));
            let text = r#""before \u2028 \u0000 \ud83d\ude00 after""#;
            let got = send(&gateway, client, &[], request(client, text, SCHEMA, NUMBERS)).await;
            let asked = bare.heard();
            let limits = if wire == Gemini { vec![] } else { vec!["9007199254740993", "18446744073709551615"] };
            let lost = [changed(&asked, &WRITTEN), changed(&asked, &limits), changed(&got.text(), &WRITTEN)].concat();
            if got.status != 200 || !lost.is_empty() {
                complaints.push(format!("{client:?} over {wire:?}: {} {lost:?}: {asked} {}", got.status, got.text()));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Bodies that are no request in any dialect.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |n: usize, open: &str, close: &str| {
        format!(r#"{{"model":"{MODEL}","messages":{}1{}}}"#, open.repeat(n), close.repeat(n)).into_bytes()
    };
    vec![
        ("nothing", Vec::new()),
        ("spaces", b" \t\r\n ".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a list of requests", br#"[{"model":"model"}]"#.to_vec()),
        ("null", b"null".to_vec()),
        ("true", b"true".to_vec()),
        ("a number", b"1e400".to_vec()),
        ("a text", br#""model""#.to_vec()),
        ("an open brace", b"{".to_vec()),
        ("two objects", b"{}{}".to_vec()),
        ("a trailing comma", br#"{"model":"model",}"#.to_vec()),
        ("a comment", br#"{"model":"model"/*x*/}"#.to_vec()),
        ("a form", b"model=model&stream=true".to_vec()),
        ("invalid UTF-8", b"{\"model\":\"model\",\"x\":\"\xff\xfe\"}".to_vec()),
        ("invalid UTF-8 outside", b"{\"model\":\"model\"}\xff".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a NUL", b"{\"model\":\"model\"}\0".to_vec()),
        ("a NUL inside", b"{\"model\":\"mo\0del\"}".to_vec()),
        ("an overlong escape", br#"{"model":"\u{41}"}"#.to_vec()),
        ("a number with a leading zero", br#"{"model":"model","x":01}"#.to_vec()),
        ("NaN", br#"{"model":"model","x":NaN}"#.to_vec()),
        ("lists in lists", deep(20_000, "[", "]")),
        ("objects in objects", deep(20_000, "{\"a\":", "}")),
        ("lists that never end", "[".repeat(500_000).into_bytes()),
        ("the same key twice", br#"{"model":"model","model":"other","messages":[],"contents":[]}"#.to_vec()),
    ]
}

#[tokio::test]
async fn broken_bodies_are_clear_errors_in_every_dialect() {
    let gateway = demo().start().await;
    let mut complaints = Vec::new();
    for (name, body) in broken() {
        for client in ALL {
            let got = send(&gateway, client, &[], body.clone()).await;
            let told = client.error(&got);
            if got.status != 400 || told.as_ref().is_ok_and(|told| told.message.len() > 500) || told.is_err() {
                complaints.push(format!("{client:?}, {name}: {} {told:?}", got.status));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn hostile_schemas_are_bounded_in_every_pair() {
    let nested = |depth: usize| {
        let open = r#"{"type":"object","properties":{"a":"#.repeat(depth);
        format!("{open}{{}}{}", "}}".repeat(depth))
    };
    let huge: Vec<String> = (0..5_000).map(|n| format!(r#""p{n}":{{"type":"string","pattern":"^{n}$"}}"#)).collect();
    // Each definition names the next twice: written out, it would double at every step.
    let doubling: Vec<String> = (0..64)
        .map(|n| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, (n + 1) % 64);
            format!(r#""d{n}":{{"type":"object","properties":{{"x":{next},"y":{next}}}}}"#)
        })
        .collect();
    let schemas = [
        nested(60),
        nested(1_000),
        format!(r#"{{"type":"object","properties":{{{}}}}}"#, huge.join(",")),
        format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, doubling.join(",")),
        r##"{"type":"object","properties":{"self":{"$ref":"#"}}}"##.to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
    ];
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, json!({})).await;
        for (client, schema) in ALL.into_iter().flat_map(|client| schemas.iter().map(move |schema| (client, schema))) {
            bare.play(Play::new(200, "application/json", call(wire, "{}")));
            let body = request(client, "\"q\"", schema, "{}");
            let got = send(&gateway, client, &[], body.clone()).await;
            let (sent, shown) = (bare.heard().len(), &schema[..schema.len().min(60)]);
            let clear = got.status == 400 && client.error(&got).is_ok();
            if (got.status != 200 && !clear) || sent > 16 * body.len() + 65_536 {
                complaints.push(format!("{client:?} over {wire:?}, {shown}: {} {sent}: {}", got.status, got.text()));
            }
        }
        assert_healthy(&gateway).await;
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn half_characters_and_marks_are_refused_or_carried() {
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, json!({})).await;
        for client in ALL {
            bare.play(Play::new(200, "application/json", call(wire, "{}")));
            for text in [r#""before \ud83d after""#, r#""before \udc00\ud83d after""#] {
                let got = send(&gateway, client, &[], request(client, text, SCHEMA, "{}")).await;
                let whole = bare.heard().contains("before ") && bare.heard().contains(" after");
                let clear = got.status == 400 && client.error(&got).is_ok();
                if !(clear || got.status == 200 && whole) {
                    complaints.push(format!("{client:?} over {wire:?}, {text}: {}", got.text()));
                }
            }
            // A mark before the first byte is no JSON, and harmless: whoever takes it must not pass it on.
            let marked = format!("\u{feff}{}", request(client, "\"q\"", SCHEMA, "{}"));
            let got = send(&gateway, client, &[], marked).await;
            let clear = got.status == 400 && client.error(&got).is_ok();
            if !(clear || got.status == 200 && bare.heard().starts_with('{')) {
                complaints.push(format!("{client:?} over {wire:?}, a mark: {}", got.text()));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

async fn packed(coding: &str, data: &[u8]) -> Vec<u8> {
    macro_rules! run {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(data).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => run!(GzipEncoder),
        "br" => run!(BrotliEncoder),
        _ => run!(ZstdEncoder),
    }
}

#[tokio::test]
async fn bombs_and_wrong_codings_are_refused_in_every_dialect() {
    let gateway = demo().with("limits", json!({"body-bytes": "256KiB"})).start().await;
    let bomb = vec![b' '; 64 << 20];
    let body = |client: Tongue| client.body("demo", false).to_string().into_bytes();
    let mut complaints = Vec::new();
    for client in ALL {
        let mut cases = vec![
            ("gzip", body(client), 400),
            ("zstd", b"\x28\xb5\x2f\xfd\xff\xff\xff".to_vec(), 400),
            ("br", b"\xff\xff\xff".to_vec(), 400),
            ("lzma", body(client), 415),
            ("gzip, x", body(client), 415),
            ("\"gzip\"", body(client), 415),
            ("identity", vec![b' '; 300 << 10], 413),
        ];
        for coding in ["gzip", "br", "zstd"] {
            cases.push((coding, packed(coding, &bomb).await, 413));
        }
        for (coding, body, status) in cases {
            let got = send(&gateway, client, &[("content-encoding", coding)], body).await;
            if got.status != status || client.error(&got).is_err() {
                complaints.push(format!("{client:?}, {coding}: {} and not {status}: {}", got.status, got.text()));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
}

/// Sends bytes on a connection of their own; gives back all that is answered until the other end closes it.
async fn bytes(gateway: &Gateway, text: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(gateway).await;
    raw.say(text).await;
    raw.rest().await
}

fn quick() -> Setup {
    demo().with("limits", json!({"header-read-timeout": "2s", "body-read-timeout": "2s"}))
}

/// Two readers of such a request could disagree on where it ends, and one would take the rest for another request.
#[tokio::test]
async fn what_two_readers_could_read_differently_is_never_answered_twice() {
    let gateway = quick().start().await;
    let inner = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut complaints = Vec::new();
    for client in ALL {
        let path = client.path("demo", false);
        let body = client.body("demo", false).to_string();
        let start =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {BEARER}\r\ncontent-type: application/json\r\n");
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let (short, long) = (body.len() - 1, body.len() + 1_000);
        let cases = [
            (
                "both lengths",
                format!(
                    "content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{inner}",
                    chunk.len() + inner.len()
                ),
            ),
            (
                "both lengths, the other first",
                format!("transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{chunk}{inner}"),
            ),
            ("two lengths", format!("content-length: {}\r\ncontent-length: 0\r\n\r\n{body}{inner}", body.len())),
            ("two lengths in one", format!("content-length: {}, 0\r\n\r\n{body}{inner}", body.len())),
            ("a signed length", format!("content-length: +{}\r\n\r\n{body}", body.len())),
            ("a negative length", format!("content-length: -1\r\n\r\n{body}")),
            ("a length beyond all", "content-length: 99999999999999999999999\r\n\r\n{}".to_owned()),
            ("an unknown coding", format!("transfer-encoding: xchunked\r\n\r\n{chunk}")),
            ("chunked first", format!("transfer-encoding: chunked, gzip\r\n\r\n{chunk}")),
            ("a space before the colon", format!("transfer-encoding : chunked\r\n\r\n{chunk}{inner}")),
            (
                "a folded line",
                format!("x: a\r\n transfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
            ),
            ("garbage for a chunk", "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_owned()),
            ("a chunk beyond all", "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}".to_owned()),
            ("a chunk of a negative size", "transfer-encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n".to_owned()),
            ("less than announced", format!("content-length: {long}\r\n\r\n{body}")),
            ("more than announced", format!("content-length: {short}\r\n\r\n{body}")),
            ("a NUL in a header", format!("x-nul: a\0b\r\ncontent-length: {}\r\n\r\n{body}", body.len())),
            ("a bare CR in a header", format!("x-cr: a\rb\r\ncontent-length: {}\r\n\r\n{body}", body.len())),
        ];
        for (name, rest) in cases {
            let seen = bytes(&gateway, format!("{start}{rest}")).await;
            let (answers, good) = (seen.matches("HTTP/1.1 ").count(), seen.matches("HTTP/1.1 200").count());
            // With both lengths the chunks count, and nothing behind them does: the connection ends (RFC 9112, 6.1).
            let fits = match name.starts_with("both") {
                true => answers == 1 && seen.contains("connection: close\r\n"),
                false => good == 0 && (1..=2).contains(&answers),
            };
            if !fits {
                complaints.push(format!("{client:?}, {name}: {seen:?}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
}

/// A path is looked up as it is written: nothing in it is taken back, and nothing is decoded twice.
#[tokio::test]
async fn odd_request_lines_are_answered_and_lead_nowhere() {
    let gateway = quick().start().await;
    let key = format!("host: x\r\nauthorization: {BEARER}\r\nconnection: close\r\n\r\n");
    let lines = [
        ("GET /v1/models/../models HTTP/1.1", &["404"][..]),
        ("GET /v1/%2e%2e/v0/management/config HTTP/1.1", &["404"]),
        ("GET /../../etc/passwd HTTP/1.1", &["404"]),
        ("GET /v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1", &["404"]),
        ("GET /v1/models/%ff%fe HTTP/1.1", &["404"]),
        ("GET /v1/models/%00 HTTP/1.1", &["404"]),
        ("GET /v1/models/%zz HTTP/1.1", &["404"]),
        ("GET /v1/models/% HTTP/1.1", &["404"]),
        ("GET //v1/models HTTP/1.1", &["404"]),
        ("GET /v1//models HTTP/1.1", &["404"]),
        ("GET /%76%31/models HTTP/1.1", &["404"]),
        ("GET /v1/models\\..\\x HTTP/1.1", &["400", "404"]),
        ("GET v1/models HTTP/1.1", &["400", "404"]),
        ("GET http://x/v1/models HTTP/1.1", &["200"]),
        ("GET http://elsewhere.example/v0/management/config HTTP/1.1", &["404"]),
        ("GET ftp://x/etc/passwd HTTP/1.1", &["404", "400"]),
        ("OPTIONS * HTTP/1.1", &["404", "405", "204", "400"]),
        ("CONNECT elsewhere.example:443 HTTP/1.1", &["404", "405", "400"]),
        ("TRACE /v1/models HTTP/1.1", &["405"]),
        ("FROB /v1/models HTTP/1.1", &["405"]),
        ("GET /v1/models HTTP/1.0", &["200"]),
        ("POST /v1beta/models/%2e%2e%2fx:generateContent HTTP/1.1", &["400", "404"]),
        ("POST /v1beta/models/:generateContent HTTP/1.1", &["400", "404"]),
        ("POST /v1beta/models/a:b:c:generateContent HTTP/1.1", &["400", "404"]),
    ];
    let mut complaints = Vec::new();
    for (line, statuses) in lines {
        let seen = bytes(&gateway, format!("{line}\r\n{key}")).await;
        let status = seen.split(' ').nth(1).unwrap_or_default();
        let closed = seen.matches("HTTP/1.").count() == 1 && !seen.contains("root:");
        if !statuses.contains(&status) || !closed {
            complaints.push(format!("{line}: {seen:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn hostile_headers_stay_outside() {
    let gateway = quick().start().await;
    let body = Chat.body("demo", false).to_string();
    let start = format!("POST /v1/chat/completions HTTP/1.1\r\nauthorization: {BEARER}\r\nconnection: close\r\n");
    let length = format!("content-length: {}\r\n\r\n{body}", body.len());
    let cases: [(&str, String, &[&str]); 6] = [
        ("no host", String::new(), &["200", "400"]),
        ("two hosts", "host: a\r\nhost: b\r\n".to_owned(), &["200", "400"]),
        ("a host with a path", "host: a/../../x\r\n".to_owned(), &["200", "400"]),
        ("two keys", format!("host: x\r\nauthorization: {BEARER}x\r\n"), &["200", "401"]),
        ("Latin letters", "host: x\r\nx-name: caf\u{e9}\r\n".to_owned(), &["200", "400"]),
        ("an empty name", "host: x\r\n: x\r\n".to_owned(), &["400"]),
    ];
    for (name, lines, statuses) in cases {
        let seen = bytes(&gateway, format!("{start}{lines}{length}")).await;
        let status = seen.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(statuses.contains(&status.as_str()), "{name}: {seen:?}");
        assert_eq!(seen.matches("HTTP/1.1 ").count(), 1, "{name}: {seen:?}");
    }
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn ten_thousand_pieces_arrive_whole_in_every_pair() {
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, json!({})).await;
        let stream = tiny(wire, 10_000);
        for client in ALL {
            bare.play(Play::new(200, words::stream_type(wire), stream.clone()));
            let got = client.ask(&gateway, MODEL, true).await;
            let events = client.events(&got);
            let text: String = events.iter().map(|event| client.text(event)).collect();
            assert_eq!(text.len(), 50_000, "{client:?} over {wire:?}: {:.500}", got.text());
            assert!(events.iter().any(|event| client.is_success(event)), "{client:?} over {wire:?}");
        }
    }
}

/// A stream that says `Hello` so often, each in an event of its own.
fn tiny(wire: Tongue, count: usize) -> String {
    let begun = words::beginning(wire);
    let mark = if wire == Ollama { "\n" } else { "\n\n" };
    let start = begun.trim_end().rfind(mark).map_or(0, |at| at + mark.len());
    let (head, each) = begun.split_at(start);
    format!("{head}{}{}", each.repeat(count), words::ending(wire))
}
