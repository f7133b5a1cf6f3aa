//! Upstreams that make no sense, with nobody to take over: one clear error in the caller's dialect, one log line, and
//! the process goes on.

use serde_json::{Value, json};
use testkit::{Reply, Trouble};

use crate::harness::{MODEL, Setup, assert_healthy, request_lines};
use crate::tongue::{PAIRS, Tongue};

/// What happens, what status the client gets, and words that the message must hold.
struct Case {
    name: &'static str,
    reply: Reply,
    stream: bool,
    status: u16,
    says: &'static str,
}

fn case(name: &'static str, reply: Reply, stream: bool, status: u16, says: &'static str) -> Case {
    Case { name, reply, stream, status, says }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for stream in [false, true] {
        cases.extend([
            case("a page with 200", Reply::html(200), stream, 502, "web page"),
            case("a page with 502", Reply::html(502), stream, 502, "Bad Gateway"),
            case("an empty 200", Reply::raw(200, "application/json", ""), stream, 502, "nothing"),
            case("a text with 200", Reply::raw(200, "text/plain", "all is well"), stream, 502, "not a JSON object"),
            case("half a JSON", Reply::raw(200, "application/json", r#"{"choices":[{"mess"#), stream, 502, ""),
            case("a redirect", Reply::raw(301, "text/plain", "").header("location", "/x"), stream, 502, "redirect"),
            case("a 204", Reply::raw(204, "text/plain", ""), stream, 502, ""),
            case("a body cut off", Reply::lively().cut_after(0), stream, 502, ""),
            case("a context overflow", Reply::trouble(Trouble::ContextOverflow), stream, 400, ""),
            case("not our key", Reply::trouble(Trouble::Unauthorized), stream, 502, ""),
            case("a teapot", Reply::raw(418, "text/plain", "short and stout"), stream, 418, "short and stout"),
        ]);
    }
    cases.extend([
        case("a stream of another type", Reply::mislabelled("text/plain"), true, 502, "not a JSON object"),
        case("no terminator and no content", Reply::lively().end_after(1), true, 502, ""),
        case("no event at all", Reply::raw(200, "text/event-stream", "\n\n\n"), true, 502, ""),
        case("events without JSON", Reply::raw(200, "text/event-stream", "data: hello\n\n"), true, 502, ""),
        case(
            "events of another API",
            Reply::raw(200, "text/event-stream", "data: {\"a\":1}\n\ndata: [2]\n\n"),
            true,
            502,
            "",
        ),
        case(
            "bytes that are no text",
            Reply::raw(200, "text/event-stream", b"data: \xff\xfe\n\n".to_vec()),
            true,
            502,
            "",
        ),
    ]);
    cases
}

async fn assert_told(client: Tongue, wire: Tongue, cases: Vec<Case>, setup: Setup) {
    let fake = wire.fake().await;
    let gateway = fake.join(setup, 0).start().await;
    let count = cases.len();
    for (number, Case { name, reply, stream, status, says }) in cases.into_iter().enumerate() {
        fake.script(reply);
        let got = client.ask(&gateway, &client.body(MODEL, stream)).await;
        let case = format!("{name}, stream {stream}: {client:?} over {wire:?}: {}", got.text());
        assert_eq!(got.status.as_u16(), status, "{case}");
        let error = client.error(&got);
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && message.contains(says), "{case}");
        assert!(!message.contains('<'), "no markup in errors: {case}");
        let line = &request_lines(&gateway, number + 1).await[number];
        assert_eq!((&line["status"], &line["attempts"]), (&json!(status), &json!(1)), "{case}: {line}");
        assert!(line["fault"].is_string() && line["account"].is_string(), "{case}: {line}");
    }
    let got = client.ask(&gateway, &client.body(MODEL, true)).await;
    assert!(client.is_complete(&got), "{}", got.text());
    assert_eq!(request_lines(&gateway, count + 1).await.len(), count + 1, "one line a request");
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn nonsense_becomes_a_clear_error() {
    for (client, wire) in PAIRS {
        assert_told(client, wire, cases(), Setup::new()).await;
    }
}

/// A relay leaves JSON to the client that is no error; a translation has to understand it.
#[tokio::test]
async fn json_that_is_no_answer_cannot_be_translated() {
    for (client, wire) in PAIRS.into_iter().filter(|(client, wire)| client != wire) {
        let odd = |stream| case("other JSON", Reply::raw(200, "application/json", r#"{"ok":true}"#), stream, 502, "");
        assert_told(client, wire, vec![odd(false), odd(true)], Setup::new()).await;
    }
}

#[tokio::test]
async fn what_is_too_large_becomes_a_clear_error() {
    let limits = json!({"line-bytes": "64KiB", "reply-bytes": "128KiB"});
    for (client, wire) in PAIRS {
        let long = "z".repeat(200_000);
        let cases = vec![
            case("a long line", Reply::long_line(100_000), true, 502, ""),
            case("a long reply", Reply::raw(200, "application/json", wire.whole_reply(&long)), false, 502, ""),
            case("a long page", Reply::raw(500, "text/html", format!("<p>{long}</p>")), false, 500, ""),
        ];
        assert_told(client, wire, cases, Setup::new().with("limits", limits.clone())).await;
    }
}

/// A stream whose middle is one endless line, after content has been committed.
#[tokio::test]
async fn a_long_line_after_the_commit_ends_the_stream_with_an_error() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.join(Setup::new().with("limits", json!({"line-bytes": "64KiB"})), 0).start().await;
        let mut body = wire.body(MODEL, true);
        if wire == Tongue::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
        let clean = wire.ask(&gateway, &body).await.text();
        let at = clean.find("Hello").and_then(|at| clean[at..].find("\n\n").map(|end| at + end + 2)).unwrap();
        let reply = format!("{}data: {}", &clean[..at], "z".repeat(200_000));
        fake.script(Reply::raw(200, "text/event-stream", reply));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        let told = client.stream_error(&got).is_some() || got.broken.is_some();
        assert!(told && !client.is_complete(&got), "{client:?} over {wire:?}: {}", got.text().len());
        let line = &request_lines(&gateway, 2).await[1];
        assert_eq!(line["ended"], "broken", "{line}");
        assert_healthy(&gateway).await;
    }
}

/// A stream that ends cleanly, with its length and all, in the middle of an event: what the client has of that event
/// cannot be taken back, so nothing is glued to it, and it is no end.
#[tokio::test]
async fn half_an_event_is_no_end_and_nothing_is_glued_to_it() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        let mut body = wire.body(MODEL, true);
        if wire == Tongue::Chat {
            body["stream_options"] = json!({"include_usage": true});
        }
        let clean = wire.ask(&gateway, &body).await.text();
        let after = clean.find("Hello").and_then(|at| clean[at..].find("\n\n").map(|end| at + end + 2)).unwrap();
        let ends: Vec<usize> = clean[after..].match_indices("\n\n").map(|(at, _)| after + at).collect();
        // Inside the next event, right before its blank line, and inside the last one.
        for (number, at) in [after + 12, ends[0], ends[ends.len() - 1] - 3].into_iter().enumerate() {
            fake.script(Reply::raw(200, "text/event-stream", &clean[..at]));
            let got = client.ask(&gateway, &client.body(MODEL, true)).await;
            let case = format!("{client:?} over {wire:?}, {at}: {}", got.text());
            let ended = &request_lines(&gateway, number + 2).await[number + 1]["ended"];
            // The end mark of Chat may be missing: the answer was whole before it.
            let whole = wire == Tongue::Chat && at > ends[0];
            assert_eq!(ended == "broken", !whole, "{case}");
            assert_eq!(client.stream_error(&got).is_some() || got.broken.is_some(), !whole, "{case}");
            let glued = got.text().lines().any(|line| line.matches("data:").count() > 1);
            assert!(!glued, "{case}");
        }
        assert_healthy(&gateway).await;
    }
}

/// An error inside a stream that has begun is told in the client's words, whatever the upstream's were.
#[tokio::test]
async fn an_error_in_the_stream_is_told_in_the_clients_dialect() {
    for (client, wire) in PAIRS {
        let fake = wire.fake().await;
        let gateway = fake.gateway().await;
        fake.script(Reply::lively().error_after(6));
        let got = client.ask(&gateway, &client.body(MODEL, true)).await;
        let error: Value =
            client.stream_error(&got).unwrap_or_else(|| panic!("{client:?} over {wire:?}: {}", got.text()));
        assert!(error["message"].as_str().unwrap().to_lowercase().contains("overloaded"), "{error}");
        assert!(got.broken.is_none(), "{:?}", got.broken);
    }
}
