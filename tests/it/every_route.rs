//! Every route that takes a body, as the documents list them, takes hostile ones: each is answered in the caller's
//! dialect, in little time and memory, and the program serves the next caller.

use http::Method;
use testkit::client::{self, Got};
use testkit::{FakeOpenAi, Gateway};

use crate::errors::client::Tongue::{self, Chat, Gemini, Messages, Ollama};
use crate::harness::{MODEL, Setup, assert_healthy, soon};

/// The list of routes that users read; a tidy test holds it complete.
const ROUTES: &str = include_str!("../../docs/protocols.md");
/// What stands behind a model's name in Gemini's addresses.
const METHODS: [&str; 5] =
    ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"];

/// Paths of all routes that are posted to, with this model where a path has a place for one.
fn paths() -> Vec<String> {
    let named = ROUTES.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let posts = named.flat_map(|cell| cell.split('`')).filter_map(|name| name.strip_prefix("POST "));
    let mut paths = Vec::new();
    for path in posts.filter(|path| !path.starts_with("/v0/")) {
        match path.strip_suffix("/models/{id}") {
            Some(start) => paths.extend(METHODS.map(|method| format!("{start}/models/{MODEL}:{method}"))),
            None => paths.push(path.replace("{id}", "x")),
        }
    }
    paths
}

fn tongue(path: &str) -> Tongue {
    let is = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
    match path {
        _ if is(&["/v1/messages"]) => Messages,
        _ if is(&["/v1beta/", "/v1internal", "/v1/models/"]) => Gemini,
        _ if is(&["/api/", "/ollama/"]) => Ollama,
        _ => Chat,
    }
}

/// Answers that look at no body.
fn is_fixed(path: &str) -> bool {
    let setup = ["loadCodeAssist", "onboardUser", "User", "list", "fetch", "record"];
    let library = ["/pull", "/push", "/create", "/copy", "/blobs"];
    path.contains("/v1internal:") && setup.iter().any(|word| path.contains(word))
        || library.iter().any(|end| path.contains(end))
        || path.starts_with("/v1/responses/x")
}

/// A request in which a value stands where each of the dialect's routes reads much.
fn bodies(path: &str, value: &str) -> Vec<String> {
    let fields: &[&str] = match tongue(path) {
        Messages => &["messages", "system", "tools", "metadata"],
        Gemini => &["contents", "content", "requests", "generateContentRequest", "tools", "generationConfig"],
        Ollama => &["messages", "prompt", "input", "options", "format"],
        _ => &["messages", "input", "prompt", "tools", "documents", "metadata"],
    };
    let wrapped = path.starts_with("/v1internal");
    let body = |field: &&str| match wrapped {
        true => format!(r#"{{"model":"{MODEL}","request":{{"model":"models/{MODEL}","{field}":{value}}}}}"#),
        false => format!(r#"{{"model":"{MODEL}","max_tokens":9,"query":"q","voice":"v","{field}":{value}}}"#),
    };
    let within = |field: &&str| body(field).replacen(value, &format!(r#"[{{"role":"user","content":{value}}}]"#), 1);
    let mut bodies: Vec<String> = fields.iter().map(body).collect();
    bodies.extend(fields[..1].iter().map(within));
    bodies
}

async fn send(gateway: &Gateway, path: &str, body: impl Into<bytes::Bytes>) -> Got {
    let tongue = tongue(path);
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(tongue.headers());
    soon(client::send(Method::POST, &format!("{}{path}", gateway.url()), &headers, body)).await.unwrap()
}

/// What is wrong with an answer: a failure of our own, an error of another shape, or one that repeats the request.
fn flaw(path: &str, got: &Got) -> Option<String> {
    let status = got.status.as_u16();
    match tongue(path).error(got) {
        _ if status == 200 || is_fixed(path) => None,
        _ if status >= 500 => Some("it failed".to_owned()),
        Err(what) => Some(what),
        Ok(told) if told.message.len() > 5_000 => Some(format!("{} bytes of message", told.message.len())),
        Ok(_) => None,
    }
}

async fn started() -> (FakeOpenAi, Gateway) {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = Setup::new().openai(&fake, 0).with("log", serde_json::json!({"level": "error"})).start().await;
    (fake, gateway)
}

/// The most memory that the process ever had, where the system tells.
fn peak(gateway: &Gateway) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id()?)).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib >> 10)
}

#[tokio::test]
async fn nothing_that_is_nested_too_deeply_is_read_anywhere() {
    let (fake, gateway) = started().await;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let values = [deep("[", "]"), deep(r#"{"a":"#, "}"), "[".repeat(100_000), r#"{"a":"#.repeat(50_000)];
    let paths = paths();
    assert!(paths.len() > 40 && paths.iter().any(|path| path.ends_with("/compact")), "{paths:?}");
    let mut complaints = Vec::new();
    for path in paths.iter().filter(|path| !is_fixed(path)) {
        for body in values.iter().flat_map(|value| bodies(path, value)) {
            let shown = body[..60].to_owned();
            let got = send(&gateway, path, body).await;
            // A form is asked for there.
            let refused = matches!(got.status.as_u16(), 400 | 415);
            if let Some(what) = flaw(path, &got).or_else(|| (!refused).then(|| format!("{}", got.status))) {
                complaints.push(format!("{path}, {shown}: {what}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(fake.requests().is_empty(), "an upstream was asked");
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn odd_values_are_answered_in_the_callers_dialect_everywhere() {
    let (_fake, gateway) = started().await;
    let values = [
        r#""a \ud83d b""#,
        r#""\udc00\ud83d""#,
        r#""\u0000""#,
        "\"\u{feff}\"",
        "1e999999",
        "-0",
        "123456789012345678901234567890",
        "null",
        "true",
        "{}",
        "[]",
        "[null,null]",
        "[[[]]]",
        r#"{"type":"object","type":"array","a":1,"a":2}"#,
        r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##,
        r#"[{"role":"user"},{"role":7},{"parts":{}},{"parts":[7]},{"type":"x"}]"#,
        r##"[{"type":"function","function":{"name":"t","parameters":{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}}}]"##,
    ];
    let mut complaints = Vec::new();
    for path in paths() {
        for body in values.iter().flat_map(|value| bodies(&path, value)) {
            let shown = body.clone();
            let got = send(&gateway, &path, body).await;
            complaints.extend(flaw(&path, &got).map(|what| format!("{path}, {shown}: {what}: {}", got.text())));
        }
        for body in [&b""[..], b"\xff\xfe", b"{\"model\":\"\xff\"}", b"{}", b"[]", b"nonsense", b"{\"model\":7}"] {
            let got = send(&gateway, &path, body.to_vec()).await;
            complaints.extend(flaw(&path, &got).map(|what| format!("{path}, {body:?}: {what}: {}", got.text())));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn large_values_cost_little_memory_and_are_not_repeated() {
    let (_fake, gateway) = started().await;
    let list = |each: &str, count: usize| format!("[{}]", vec![each; count].join(","));
    let values = [
        format!("\"{}\"", "x".repeat(1 << 18)),
        "1".repeat(20_000),
        list("1", 20_000),
        list(r#"{"type":"text","text":"a"}"#, 1_500),
        list(r#"{"a":1}"#, 3_000),
        format!("{{{}}}", (0..3_000).map(|at| format!(r#""k{at}":{at}"#)).collect::<Vec<_>>().join(",")),
    ];
    let mut complaints = Vec::new();
    let mut sent = 0;
    for path in paths() {
        for body in values.iter().flat_map(|value| bodies(&path, value)) {
            sent += body.len() >> 10;
            let shown = body[..60].to_owned();
            let got = send(&gateway, &path, body).await;
            complaints.extend(flaw(&path, &got).map(|what| format!("{path}, {shown}: {what}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_healthy(&gateway).await;
    let peak = peak(&gateway).unwrap_or_default();
    assert!(peak < 96, "{peak} MiB at most, for {} MiB that came in", sent >> 10);
    let log: usize = gateway.log().iter().map(String::len).sum();
    assert!(log < 1 << 20, "{log} bytes of log");
}
