//! The error matrix: what each client is told of each fault of each upstream, before a stream and inside it.
//!
//! Five dialects ask five. The upstream plays a vendor's real words (`words.rs`), the client reads the answer by the
//! letter of its dialect (`client.rs`), and [`cell`] is the table of what it must find there. All cells are tried
//! before the test complains, so that it names everything that is wrong.

pub(crate) mod bare;
pub(crate) mod client;
pub(crate) mod words;

use serde_json::{Value, json};
use testkit::Gateway;
use testkit::client::Got;

use crate::harness::{Setup, assert_healthy, soon};
use bare::{Bare, End, Play};
use client::Tongue::{self, Chat, Gemini, Messages, Ollama, Responses};
use client::{ALL, Told};
use words::{Case, Class, UPSTREAM_ID};

/// With what the upstream is asked; no client may ever see it.
const KEY: &str = "sk-sentinel-of-the-error-matrix";
pub(crate) const MODEL: &str = "model";

/// What a client must be told: status, type (Google's status), code (of OpenAI's dialects).
struct Cell {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
}

/// The table. A code of `None` is left to the upstream.
fn cell(client: Tongue, class: Class) -> Cell {
    use Class::*;
    // Status, OpenAI's type and code, Anthropic's type, Google's status.
    let (status, openai, code, anthropic, google) = match class {
        Request(status) => (status, "invalid_request_error", None, "invalid_request_error", "INVALID_ARGUMENT"),
        Overflow => {
            let code = Some("context_length_exceeded");
            (400, "invalid_request_error", code, "invalid_request_error", "INVALID_ARGUMENT")
        }
        // Not a 401: the client's own key is fine, and it would log out.
        Refused => (502, "server_error", Some("upstream_refused"), "api_error", "UNAVAILABLE"),
        Spent(_) => (429, "insufficient_quota", Some("insufficient_quota"), "rate_limit_error", "RESOURCE_EXHAUSTED"),
        Model => (404, "invalid_request_error", Some("model_not_found"), "not_found_error", "NOT_FOUND"),
        Conflict => (409, "conflict", Some("conflict"), "conflict_error", "ABORTED"),
        TooLarge => (413, "invalid_request_error", Some("request_too_large"), "request_too_large", "INVALID_ARGUMENT"),
        Limited => (429, "rate_limit_error", Some("rate_limit_exceeded"), "rate_limit_error", "RESOURCE_EXHAUSTED"),
        Failed(502) => (502, "server_error", None, "api_error", "UNAVAILABLE"),
        Failed(status) => (status, "server_error", None, "api_error", "INTERNAL"),
        Overloaded => (503, "server_error", Some("overloaded"), "overloaded_error", "UNAVAILABLE"),
        Late => (504, "timeout", Some("upstream_timeout"), "timeout_error", "DEADLINE_EXCEEDED"),
        Garbled => (502, "server_error", Some("upstream_garbled"), "api_error", "UNAVAILABLE"),
        Unreachable => (502, "server_error", Some("upstream_unreachable"), "api_error", "UNAVAILABLE"),
    };
    let of = |status, kind, code| Cell { status, kind, code };
    match (client, class) {
        (Messages, Overloaded) => of(529, anthropic, None),
        (Messages, Spent(402)) => of(402, "billing_error", None),
        (Messages, _) => of(status, anthropic, None),
        (Gemini, _) => of(status, google, None),
        (Ollama, _) => of(status, "", None),
        (Chat | Responses, _) => of(status, openai, code),
    }
}

/// A gateway in front of one such upstream.
pub(crate) async fn gateway(wire: Tongue, bare: &Bare, timeouts: Value) -> Gateway {
    let url = bare.url();
    let models = json!([{"name": "up", "alias": MODEL}]);
    let key_entry = |url: &str| json!([{"api-key": KEY, "base-url": url, "models": models}]);
    let versioned = format!("{url}/v1");
    let (section, entry) = match wire {
        Chat => {
            let keys = json!([{"api-key": KEY}]);
            let place = json!([{"name": "place", "base-url": versioned, "api-key-entries": keys, "models": models}]);
            ("openai-compatibility", place)
        }
        Responses => ("codex-api-key", key_entry(&versioned)),
        Messages => ("claude-api-key", key_entry(&url)),
        Gemini => ("gemini-api-key", key_entry(&url)),
        Ollama => ("ollama", key_entry(&url)),
    };
    Setup::new().with("request-retry", json!(0)).with("timeouts", timeouts).with(section, entry).start().await
}

/// What is wrong with an answer to a fault before the stream.
fn faults_before(client: Tongue, wire: Tongue, case: &Case, got: &Got) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let verbatim = client == wire && case.native && case.class != Class::Refused;
    let cell = cell(client, case.class);
    let status = if verbatim { case.play.status.unwrap_or_default() } else { cell.status };
    expect(got.status.as_u16() == status, format!("status {} and not {status}", got.status));
    if verbatim {
        expect(got.body == case.play.body, "the upstream's own error is not passed on as it is".to_owned());
    }
    match client.error(got) {
        Err(what) => expect(false, what),
        Ok(told) => {
            expect(told.message.contains(&case.says), format!("{:?} is not said", case.says));
            expect(!told.message.contains('<'), "there is markup in the message".to_owned());
            if !verbatim {
                expect(told.kind == cell.kind, format!("{} and not {}", told.kind, cell.kind));
                let code = cell.code.map(str::to_owned);
                expect(code.is_none() || told.code == code, format!("code {:?} and not {code:?}", told.code));
                expect(overflows_in_own_words(client, case.class, &told), "its agents would not compact".to_owned());
            }
        }
    }
    wrong.extend(faults_of_heads(client, case, got));
    wrong
}

/// By what each vendor's agents know that they must make the conversation shorter.
fn overflows_in_own_words(client: Tongue, class: Class, told: &Told) -> bool {
    match client {
        _ if class != Class::Overflow => true,
        Messages => told.message.starts_with("prompt is too long"),
        Gemini => told.message.contains("input token count"),
        Chat | Responses | Ollama => true,
    }
}

fn faults_of_heads(client: Tongue, case: &Case, got: &Got) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let id = got.header("x-request-id");
    expect(id.is_some_and(|id| id.starts_with("req_") && id != UPSTREAM_ID), format!("the request's id is {id:?}"));
    expect(client != Messages || got.header("request-id").is_some(), "there is no request-id".to_owned());
    if case.native {
        let theirs = got.header("x-bosporus-upstream-id");
        expect(theirs == Some(UPSTREAM_ID), format!("the upstream's id is {theirs:?}"));
    }
    let wait = got.header("retry-after").map(|text| text.parse::<u64>().ok());
    let may_wait = matches!(got.status.as_u16(), 429 | 503 | 529) && !matches!(case.class, Class::Spent(_));
    match case.wait {
        Some(seconds) => expect(wait == Some(Some(seconds)), format!("retry-after is {wait:?}")),
        None => expect(!may_wait || wait.flatten().is_some_and(|wait| wait > 0), format!("retry-after is {wait:?}")),
    }
    let head = format!("{:?}", got.headers);
    expect(!head.contains(KEY) && !got.text().contains(KEY), "the account's key has leaked".to_owned());
    wrong
}

/// Complains of everything at once.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} cells are wrong:\n{}", complaints.len(), complaints.join("\n"));
}

async fn all_before(wire: Tongue) {
    let bare = Bare::start().await;
    let gateway = gateway(wire, &bare, json!({})).await;
    let mut complaints = Vec::new();
    for case in words::before(wire, KEY) {
        for (client, stream) in ALL.into_iter().flat_map(|client| [(client, false), (client, true)]) {
            bare.play(case.play.clone());
            let got = client.ask(&gateway, MODEL, stream).await;
            let mut wrong = faults_before(client, wire, &case, &got);
            if bare.asked() != 1 {
                wrong.push(format!("the upstream was asked {} times", bare.asked()));
            }
            if !wrong.is_empty() {
                let text: String = got.text().chars().take(300).collect();
                let wrong = wrong.join("; ");
                complaints.push(format!("{client:?} over {wire:?}, stream {stream}, {}: {wrong}: {text}", case.name));
            }
        }
    }
    assert_none(&complaints);
    assert_healthy(&gateway).await;
    assert!(!gateway.log().iter().any(|line| line.contains(KEY)), "the account's key is in the log");
}

#[tokio::test]
async fn faults_of_chat_upstreams() {
    all_before(Chat).await;
}

#[tokio::test]
async fn faults_of_responses_upstreams() {
    all_before(Responses).await;
}

#[tokio::test]
async fn faults_of_anthropic_upstreams() {
    all_before(Messages).await;
}

#[tokio::test]
async fn faults_of_gemini_upstreams() {
    all_before(Gemini).await;
}

#[tokio::test]
async fn faults_of_ollama_upstreams() {
    all_before(Ollama).await;
}

/// An upstream that takes its time: nothing at all, or a head and nothing more.
#[tokio::test]
async fn silence_is_told_as_such() {
    let timeouts = json!({"first-byte": "200ms", "first-token": "400ms", "idle": "300ms", "whole-reply": "400ms"});
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        let gateway = gateway(wire, &bare, timeouts.clone()).await;
        for (client, stream) in ALL.into_iter().flat_map(|client| [(client, false), (client, true)]) {
            let kind = if stream { words::stream_type(wire) } else { "application/json" };
            for play in [Play::nothing(End::Silence), Play::new(200, kind, "").end(End::Silence)] {
                let name = format!("silence after {:?}", play.status);
                bare.play(play.clone());
                let case = Case { name, play, class: Class::Late, says: String::new(), wait: None, native: false };
                let got = client.ask(&gateway, MODEL, stream).await;
                let wrong = faults_before(client, wire, &case, &got).join("; ");
                if !wrong.is_empty() {
                    complaints.push(format!("{client:?} over {wire:?}, stream {stream}, {}: {wrong}", case.name));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// How a stream goes wrong once its first text is at the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Event,
    UnknownEvent,
    EndsEarly,
    Garbage,
    Reset,
    Silence,
}

const WAYS: [Broken; 6] =
    [Broken::Event, Broken::UnknownEvent, Broken::EndsEarly, Broken::Garbage, Broken::Reset, Broken::Silence];

impl Broken {
    fn play(self, wire: Tongue) -> Play {
        let garbage = match wire {
            Ollama => "{\"model\": this is no JSON}\n".to_owned(),
            _ => "data: {\"this is\": no JSON}\n\n".to_owned(),
        };
        let (more, end) = match self {
            Self::Event => (words::error_event(wire, true), End::Whole),
            Self::UnknownEvent => (words::error_event(wire, false), End::Whole),
            Self::EndsEarly => (String::new(), End::Whole),
            Self::Garbage => (garbage, End::Whole),
            Self::Reset => (String::new(), End::Reset),
            Self::Silence => (String::new(), End::Silence),
        };
        Play::new(200, words::stream_type(wire), words::beginning(wire)).then(more).end(end)
    }

    fn class(self) -> Class {
        match self {
            Self::Event => Class::Overloaded,
            Self::UnknownEvent => Class::Failed(500),
            Self::EndsEarly | Self::Garbage | Self::Reset => Class::Garbled,
            Self::Silence => Class::Late,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Event => "No room for more",
            Self::UnknownEvent => "Something new happened",
            _ => "",
        }
    }
}

/// The code by which Responses' agents know an error in a stream.
fn stream_code(class: Class) -> &'static str {
    match class {
        Class::Overloaded => "server_is_overloaded",
        Class::Late => "upstream_timeout",
        Class::Garbled => "upstream_garbled",
        _ => "server_error",
    }
}

fn faults_inside(client: Tongue, wire: Tongue, way: Broken, got: &Got) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let events = client.events(got);
    expect(got.status == 200, format!("status {}", got.status));
    let text: String = events.iter().map(|event| client.text(event)).collect();
    expect(text == "Hello", format!("the text is {text:?}"));
    expect(!events.iter().any(|event| client.is_success(event)), "it looks like a whole answer".to_owned());
    let at = events.iter().position(|event| client.stream_error(event).is_some());
    let errors = events.iter().filter(|event| client.stream_error(event).is_some()).count();
    expect(errors == 1, format!("{errors} errors are told"));
    let after = at.map(|at| &events[at + 1..]).unwrap_or_default();
    expect(after.iter().all(|event| client.may_follow_an_error(event)), format!("{after:?} follows the error"));
    // What the upstream said in the client's own words has passed as it is.
    let native = client == wire && matches!(way, Broken::Event | Broken::UnknownEvent);
    let class = way.class();
    match at.and_then(|at| client.stream_error(&events[at])) {
        Some(Ok(told)) => {
            expect(told.message.contains(way.says()), format!("{:?} is not said", way.says()));
            let cell = cell(client, class);
            let kind = if client == Responses { "" } else { cell.kind };
            expect(native || told.kind == kind, format!("{} and not {kind}", told.kind));
            let code = Some(if client == Responses { stream_code(class).to_owned() } else { String::new() });
            expect(native || client != Responses || told.code == code, format!("code {:?}", told.code));
        }
        Some(Err(what)) => expect(false, what),
        None => (),
    }
    expect(got.broken.is_none(), format!("the connection broke: {:?}", got.broken));
    expect(!got.text().contains(KEY), "the account's key has leaked".to_owned());
    wrong
}

/// A stream, and what is done to it when its text has come.
async fn through(client: Tongue, gateway: &Gateway, bare: &Bare) -> Got {
    let mut live = client.open(gateway, MODEL, true).await;
    let begun = soon(live.until("Hello")).await.unwrap();
    bare.go_on();
    let mut got = soon(live.rest()).await;
    got.body = [begun.as_bytes(), &got.body].concat().into();
    got
}

#[tokio::test]
async fn faults_inside_a_stream() {
    let mut complaints = Vec::new();
    for wire in ALL {
        let bare = Bare::start().await;
        // Only silence is waited for.
        let (hasty, patient) =
            (gateway(wire, &bare, json!({"idle": "300ms"})).await, gateway(wire, &bare, json!({})).await);
        for (client, way) in ALL.into_iter().flat_map(|client| WAYS.map(|way| (client, way))) {
            if client == wire && way == Broken::Garbage {
                // Relayed bytes are the upstream's own, whatever they are.
                continue;
            }
            bare.play(way.play(wire));
            let gateway = if way == Broken::Silence { &hasty } else { &patient };
            let got = through(client, gateway, &bare).await;
            let wrong = faults_inside(client, wire, way, &got).join("; ");
            if !wrong.is_empty() {
                complaints.push(format!("{client:?} over {wire:?}, {way:?}: {wrong}: {}", got.text()));
            }
        }
        assert_healthy(&hasty).await;
        assert_healthy(&patient).await;
    }
    assert_none(&complaints);
}
