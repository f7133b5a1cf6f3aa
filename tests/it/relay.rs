//! Same dialect in and out: bytes pass as they are, but for the two sanctioned exceptions and the model's name.

use testkit::client::Got;
use testkit::{Gate, Reply};

use crate::harness::{KEY, assert_healthy, request_lines, soon};
use crate::tongue::{AnyFake, Chat, Messages, Tongue};

/// Requests that a parser would tidy up: odd numbers, escapes, key order, spaces, fields that nobody knows, names that
/// look like the model's field deeper down.
fn odd_request(tongue: Tongue, model: &str, more: &str) -> String {
    let limit = if tongue == Messages { r#""max_tokens": 16,"# } else { "" };
    format!(
        r#" {{ "zeta" :1.10,"x_unknown": {{"n":[1e400,-0,1E+5,0.1e-7], "model":"{model}" }},
	{limit} {more} "messages":[ {{"content":"\u00e9\ud83d\ude00 \/ é 世界","role":"user"}} ], "model"
 :"{model}" , "b":[ ],"a":{{}} }} 
"#
    )
}

fn odd_reply(tongue: Tongue, model: &str) -> String {
    match tongue {
        Chat => format!(
            r#"{{ "x":1.10, "id":"a\/b","object":"chat.completion","model":"{model}",  "choices":[{{"message":{{"role":"assistant","content":"\u00e9 \"model\":\"{model}\""}},"index":0,"finish_reason":"stop","more":[1e5]}}],"usage":{{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}, "created":1}}
"#
        ),
        Messages => format!(
            r#"{{ "x":1.10,"type":"message","id":"a\/b","role":"assistant",  "content":[{{"text":"\u00e9","type":"text","more":[1e5]}}],"model":"{model}","stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":3,"output_tokens":2}} }}"#
        ),
    }
}

const CHAT_USAGE_FRAME: &str = concat!(
    r#"data: {"id":"c","object":"chat.completion.chunk","model":"MODEL","choices":[],"#,
    r#""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
    "\n\n"
);

/// A stream with comments, unknown events and fields, mixed line ends, and spaces where nobody writes them.
fn odd_stream(tongue: Tongue, model: &str) -> String {
    let text = match tongue {
        Chat => concat!(
            ": hello\n\n",
            "data:  {\"id\":\"c\",\"model\":\"MODEL\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n",
            "event: odd\nid: 7\nretry: 10\n",
            "data: { \"id\":\"c\" , \"model\":\"MODEL\",\"choices\":[{\"delta\":{\"content\":\"\\u00e9 \\/\"},\"index\":0}],\"n\":1.10}\n\n",
            "data: {\"id\":\"c\",\"model\":\"MODEL\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "USAGE",
            "data: [DONE]\n\n",
        ),
        Messages => concat!(
            ": hello\n\n",
            "event: message_start\ndata:  {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"MODEL\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
            "event: unheard_of\r\ndata: {\"type\":\"unheard_of\",\"n\":1.10}\r\n\r\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\\u00e9 \\/\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    };
    text.replace("USAGE", CHAT_USAGE_FRAME).replace("MODEL", model)
}

const STREAM: &str = r#""stream" : true,"#;
const STREAM_WITH_USAGE: &str = r#""stream" : true,"stream_options": { "include_usage":true },"#;

struct Scene {
    tongue: Tongue,
    fake: AnyFake,
    gateway: testkit::Gateway,
}

impl Scene {
    async fn new(tongue: Tongue) -> Self {
        let fake = tongue.fake().await;
        let gateway = fake.gateway().await;
        Self { tongue, fake, gateway }
    }

    fn model(&self) -> &'static str {
        match self.tongue {
            Chat => "chat-model",
            Messages => "claude-model",
        }
    }

    async fn ask(&self, body: &str) -> Got {
        soon(self.tongue.send(&self.gateway, body.to_owned()).await.rest()).await
    }

    /// A request that the strict fake takes, written oddly.
    fn legal(&self, model: &str, more: &str) -> String {
        let body = odd_request(self.tongue, model, more);
        let (before, after) = body.split_once(r#""zeta""#).unwrap();
        let (_, after) = after.split_once("},").unwrap();
        let (middle, tail) = after.rsplit_once(", \"b\"").unwrap();
        assert!(tail.trim_end().ends_with('}'));
        format!("{before}{middle}}}")
    }
}

#[tokio::test]
async fn request_bytes_pass_unchanged() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let more = if tongue == Chat { STREAM_WITH_USAGE } else { STREAM };
        for more in ["", more] {
            let body = odd_request(tongue, scene.model(), more);
            let got = scene.ask(&body).await;
            assert_eq!(scene.fake.last_request().unwrap().body, body, "{tongue:?}");
            // The strict fake refuses unknown fields, and its refusal is the client's.
            assert_eq!(got.status, 400);
            tongue.error(&got);
        }
    }
}

#[tokio::test]
async fn whole_replies_pass_unchanged() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let reply = odd_reply(tongue, scene.model());
        scene.fake.script(Reply::raw(200, "application/json", reply.clone()));
        let got = scene.ask(&scene.legal(scene.model(), "")).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, reply), "{tongue:?}");
        let line = &request_lines(&scene.gateway, 1).await[0];
        assert_eq!((&line["input"], &line["output"]), (&3.into(), &2.into()), "{line}");
    }
}

#[tokio::test]
async fn streams_pass_unchanged() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let more = if tongue == Chat { STREAM_WITH_USAGE } else { STREAM };
        let stream = odd_stream(tongue, scene.model());
        scene.fake.script(Reply::raw(200, "text/event-stream; charset=utf-8", stream.clone()));
        let got = scene.ask(&scene.legal(scene.model(), more)).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, stream), "{tongue:?}");
        assert_eq!(got.header("content-type"), Some("text/event-stream; charset=utf-8"));
        let line = &request_lines(&scene.gateway, 1).await[0];
        assert_eq!(
            (&line["input"], &line["output"], &line["ended"]),
            (&3.into(), &2.into(), &"whole".into()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_stream_is_dropped() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let stream = odd_stream(tongue, scene.model());
        scene.fake.script(Reply::raw(200, "text/event-stream; charset=utf-8", format!("\u{feff}{stream}")));
        let got = scene.ask(&scene.legal(scene.model(), if tongue == Chat { STREAM_WITH_USAGE } else { STREAM })).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, stream), "{tongue:?}");
    }
}

#[tokio::test]
async fn a_last_event_without_its_blank_line_gets_it() {
    for (tongue, lost) in [(Chat, 1), (Chat, 2), (Messages, 1), (Messages, 2)] {
        let scene = Scene::new(tongue).await;
        // Without our wish for usage, and with it: then the stream is filtered.
        for more in [STREAM, STREAM_WITH_USAGE].iter().take(if tongue == Chat { 2 } else { 1 }) {
            let stream = odd_stream(tongue, scene.model());
            let cut = stream[..stream.len() - lost].to_owned();
            scene.fake.script(Reply::raw(200, "text/event-stream; charset=utf-8", cut));
            let got = scene.ask(&scene.legal(scene.model(), more)).await;
            let hidden = CHAT_USAGE_FRAME.replace("MODEL", scene.model());
            let expected = if *more == STREAM { stream.replace(&hidden, "") } else { stream };
            assert_eq!(got.text(), expected, "{tongue:?} without the last {lost}");
        }
    }
}

#[tokio::test]
async fn half_an_end_mark_is_no_event() {
    let scene = Scene::new(Chat).await;
    let stream = odd_stream(Chat, scene.model());
    let cut = stream[..stream.len() - "NE]\n\n".len()].to_owned();
    scene.fake.script(Reply::raw(200, "text/event-stream; charset=utf-8", cut.clone()));
    let got = scene.ask(&scene.legal(scene.model(), STREAM_WITH_USAGE)).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, cut));
}

#[tokio::test]
async fn refusals_pass_unchanged() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let body = r#"{"type":"error", "error":{"type":"invalid_request_error","message":"no \u00e9","param":null,"code":"odd"},"x":1.10}"#;
        let reply = Reply::raw(422, "application/json", body).header("x-ratelimit-remaining-requests", "7");
        scene.fake.script(reply.header("set-cookie", "upstream=1"));
        let got = scene.ask(&scene.legal(scene.model(), "")).await;
        assert_eq!((got.status.as_u16(), got.text().as_str()), (422, body), "{tongue:?}");
        assert_eq!(got.header("x-ratelimit-remaining-requests"), Some("7"));
        assert_eq!(got.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn an_alias_changes_only_the_models_range() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let alias = format!("my-{}", scene.model());
        let body = odd_request(tongue, &alias, "");
        scene.ask(&body).await;
        // The last occurrence is the field of the request; the one inside `x_unknown` is somebody else's.
        let at = body.rfind(&alias).unwrap();
        let expected = format!("{}{}{}", &body[..at], scene.model(), &body[at + alias.len()..]);
        assert_eq!(scene.fake.last_request().unwrap().body, expected, "{tongue:?}");
        // Without force-mapping the reply is left alone.
        let reply = odd_reply(tongue, scene.model());
        scene.fake.script(Reply::raw(200, "application/json", reply.clone()));
        assert_eq!(scene.ask(&scene.legal(&alias, "")).await.text(), reply);
    }
}

#[tokio::test]
async fn a_usage_frame_that_only_we_asked_for_is_hidden() {
    let scene = Scene::new(Chat).await;
    let stream = odd_stream(Chat, scene.model());
    scene.fake.script(Reply::raw(200, "text/event-stream", stream.clone()));
    let body = scene.legal(scene.model(), STREAM);
    let got = scene.ask(&body).await;
    let expected = stream.replace(&CHAT_USAGE_FRAME.replace("MODEL", scene.model()), "");
    assert_ne!(expected, stream);
    assert_eq!(got.text(), expected);
    let sent = scene.fake.last_request().unwrap();
    assert_eq!(sent.json()["stream_options"]["include_usage"], true);
    // Nothing but the insertion differs.
    let mut left = sent.body.clone();
    let at = left.find("stream_options").unwrap() - 1;
    let end = at + left[at..].find('}').unwrap() + 1;
    left.replace_range(at..end, "");
    assert_eq!(left.replacen(',', "", 1).len(), body.replacen(',', "", 1).len() + 1, "{}", sent.body);
    assert_eq!(request_lines(&scene.gateway, 1).await[0]["output"], 2, "and yet it is counted");
}

#[tokio::test]
async fn a_forced_alias_comes_back_in_whole_replies() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let (model, alias) = (scene.model(), format!("masked-{}", scene.model()));
        // What the model says of itself and what it hands to a tool are its own words.
        let odd =
            odd_reply(tongue, model).replace("\"more\":", &format!("\"input\":{{\"model\":\"{model}\"}},\"more\":"));
        let field = format!("\"model\":\"{model}\",");
        for spelled in [field.clone(), format!("\"model\" :\t\"{model}\" ,")] {
            let reply = odd.replacen(&field, &spelled, 1);
            scene.fake.script(Reply::raw(200, "application/json", reply.clone()));
            let got = scene.ask(&scene.legal(&alias, "")).await;
            assert_eq!(got.text(), reply.replacen(&spelled, &spelled.replace(model, &alias), 1), "{tongue:?}");
            assert_eq!(got.json()["model"], *alias);
        }
    }
}

#[tokio::test]
async fn a_forced_alias_comes_back_in_streams() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let alias = format!("masked-{}", scene.model());
        let more = if tongue == Chat { STREAM_WITH_USAGE } else { STREAM };
        for spaced in [false, true] {
            let spell = |stream: String| if spaced { stream.replace("\"model\":", "\"model\": ") } else { stream };
            scene.fake.script(Reply::raw(200, "text/event-stream", spell(odd_stream(tongue, scene.model()))));
            let got = scene.ask(&scene.legal(&alias, more)).await;
            assert_eq!(got.text(), spell(odd_stream(tongue, &alias)), "{tongue:?}");
        }
    }
}

#[tokio::test]
async fn credentials_and_hop_headers_stay_on_their_side() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let mut headers = tongue.headers();
        headers.extend([
            ("content-type", "application/json"),
            ("cookie", "session=1"),
            ("x-forwarded-for", "10.0.0.1"),
        ]);
        headers.extend([("user-agent", "somebody/1.0"), ("te", "trailers"), ("accept-encoding", "br")]);
        let url = format!("{}{}?key={KEY}", scene.gateway.url(), tongue.path());
        let body = tongue.body(scene.model(), false).to_string();
        let got = soon(testkit::client::send(http::Method::POST, &url, &headers, body)).await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text());
        let sent = scene.fake.last_request().unwrap();
        let all = format!("{:?} {}", sent.headers, sent.path);
        assert!(!all.contains(KEY), "{all}");
        for name in ["cookie", "x-forwarded-for", "te"] {
            assert_eq!(sent.header(name), None, "{name}");
        }
        assert!(sent.header("user-agent").unwrap().starts_with("bosporus/"), "honest on the wire: {all}");
        assert_eq!(sent.header("accept-encoding"), Some("identity"));
        let credential = if tongue == Chat { "authorization" } else { "x-api-key" };
        assert!(sent.header(credential).unwrap().ends_with(&scene.fake.key()));
    }
}

#[tokio::test]
async fn events_pass_as_they_come() {
    for tongue in [Chat, Messages] {
        let scene = Scene::new(tongue).await;
        let gate = Gate::new();
        scene.fake.script(Reply::text("one two three four five six").stall_after(5, &gate));
        let mut live = tongue.open(&scene.gateway, &tongue.body(scene.model(), true)).await;
        // The upstream waits at the gate, and yet what came before it is here.
        soon(live.until("one")).await.unwrap();
        gate.open();
        let rest = soon(live.rest()).await;
        assert!(rest.text().contains("six") && rest.broken.is_none());
        assert_healthy(&scene.gateway).await;
    }
}

#[tokio::test]
async fn upstream_connections_are_kept() {
    for tongue in [Chat, Messages] {
        let fake = tongue.fake().await;
        let gateway = fake.join(crate::harness::Setup::new(), 0).start().await;
        for stream in [false, true, false, true, true, false] {
            let got = tongue.ask(&gateway, &tongue.body(crate::harness::MODEL, stream)).await;
            assert_eq!(got.status, 200);
        }
        // One connection for each worker at most; each client connection may land on another worker.
        assert!(fake.accept_count() <= 2.max(cores()), "{} connections for 6 requests", fake.accept_count());
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[tokio::test]
async fn upstream_headers_pass_only_when_wanted_and_never_the_private_ones() {
    for wanted in [false, true] {
        let fake = Chat.fake().await;
        let setup = crate::harness::Setup::new().with("passthrough-headers", wanted.into());
        let gateway = fake.join(setup, 0).start().await;
        for stream in [false, true] {
            let reply = Reply::lively().header("x-vendor-region", "mars").header("x-ratelimit-remaining-tokens", "9");
            let reply = reply.header("set-cookie", "a=b").header("access-control-allow-origin", "*");
            fake.script(reply.header("x-request-id", "theirs"));
            let got = Chat.ask(&gateway, &Chat.body(crate::harness::MODEL, stream)).await;
            assert_eq!(got.header("x-vendor-region"), wanted.then_some("mars"), "{:?}", got.headers);
            assert_eq!(got.header("x-ratelimit-remaining-tokens"), Some("9"));
            for name in ["set-cookie", "access-control-allow-origin"] {
                assert_eq!(got.header(name), None, "{name}");
            }
            assert_ne!(got.header("x-request-id"), Some("theirs"));
        }
    }
}
