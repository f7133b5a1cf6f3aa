//! Responses over a WebSocket: `response.create` with the body of the call in, the events of the stream out, each as
//! one JSON text (WebSocket guide and types of openai-python 3.52, November 2026).

use bytes::{Bytes, BytesMut};
use dialect::splice::{self, Change, Edit};
use dialect::{
    Body, Frame, HttpReply, Object, Reply, Said, SoFar, Socket, StreamEncoder as _, Wish, into_text, json_text, scan,
};
use http::HeaderMap;
use hub::{Event, Fault, Stop, StopReason};

use crate::responses::Responses;
use crate::stream_encode::Encoder;
use crate::wire::{self, Str};

/// What is a matter of the connection has no place in the call.
const OF_CONNECTION: [&str; 4] = ["type", "stream_id", "generate", "background"];

impl Socket for Responses {
    fn read(&self, message: Bytes, so_far: &SoFar) -> Result<Said, Fault> {
        let body = Body::parse(message)?;
        let kind: Option<Str<'_>> = body.get("type")?;
        let lane: Option<String> = body.get("stream_id")?;
        let warm_up = body.raw("generate") == Some("false");
        let edits = OF_CONNECTION.map(Edit::remove).into_iter().chain([Edit::set("stream", "true")]);
        let (body, settings) = match kind.as_deref() {
            Some("response.create") => {
                let body = edited(&body, &edits.collect::<Vec<_>>())?;
                let settings = edited(&body, &["input", "previous_response_id"].map(Edit::remove))?;
                (body, Some(settings.bytes().clone()))
            }
            Some("response.append") => (appended(&body, so_far)?, None),
            // Codex tells what it has done with an answer.
            Some("response.processed") => return Ok(Said::Nothing),
            Some(other) => {
                let words = format!("events of type {other:?} are not understood here: send response.create");
                return Err(Fault::unsupported("type", words));
            }
            None => return Err(Fault::bad_request("an event needs a `type`").at("type")),
        };
        Ok(Said::Ask(Box::new(Wish { body, lane, warm_up, settings })))
    }

    /// What a tool gave ends the input of a turn that goes on.
    fn goes_on(&self, body: &Body) -> bool {
        let items: Vec<wire::Raw<'_>> = body.get("input").ok().flatten().unwrap_or_default();
        let last = items
            .last()
            .copied()
            .flatten()
            .and_then(|item| scan::object(item.get().as_bytes()).ok().zip(Some(item.get())));
        let kind = last.and_then(|(index, item)| index.find(item.as_bytes(), "type"));
        kind.is_some_and(|kind| kind.ends_with("_output\""))
    }

    fn answered(&self, frame: Frame<'_>) -> Option<String> {
        let name = frame.event.or_else(|| crate::scanner::name_of(frame.data))?;
        if !matches!(name, b"response.completed" | b"response.incomplete") {
            return None;
        }
        let index = scan::object(frame.data).ok()?;
        let response = index.find(frame.data, "response")?.as_bytes();
        let id = scan::object(response).ok()?.find(response, "id")?;
        serde_json::from_str(id).ok()
    }

    fn message(&self, frame: Frame<'_>, lane: Option<&str>) -> Option<String> {
        let data = std::str::from_utf8(frame.data).ok()?.trim();
        if !data.starts_with('{') {
            return None;
        }
        let name = frame.event.or_else(|| crate::scanner::name_of(data.as_bytes()));
        if name == Some(b"error") {
            return Some(error_event(500, &flat_error(data), &HeaderMap::new(), lane));
        }
        Some(marked(data, lane))
    }

    fn refusal(&self, reply: &HttpReply, lane: Option<&str>) -> String {
        let body = Body::parse(reply.body.clone()).ok();
        let error = body.as_ref().and_then(|body| body.raw("error"));
        let error = error.unwrap_or("{\"type\":\"server_error\",\"message\":\"\"}");
        error_event(reply.status.as_u16(), error, &reply.headers, lane)
    }

    fn too_old(&self) -> String {
        const ERROR: &str = concat!(
            "{\"type\":\"invalid_request_error\",\"code\":\"websocket_connection_limit_reached\",\"message\":\"Responses ",
            "websocket connection limit reached (60 minutes). Create a new websocket connection to continue.\",",
            "\"param\":null}"
        );
        error_event(400, ERROR, &HeaderMap::new(), None)
    }

    fn warmed_up(&self, reply: &Reply) -> Bytes {
        let mut encoder = Encoder::new(reply.clone(), false);
        let mut out = BytesMut::with_capacity(2_048);
        encoder.push(&Event::Start { id: String::new(), model: String::new() }, &mut out);
        encoder.push(&Event::Stop(Stop::from(StopReason::End)), &mut out);
        encoder.end(&mut out);
        out.freeze()
    }
}

fn edited(body: &Body, edits: &[Edit]) -> Result<Body, Fault> {
    Body::parse(splice::apply(body.bytes(), body.index(), edits))
}

/// The older form of going on: only what is new is said, and the last answer and the settings of its request are meant
/// (CLIProxyAPI, `response.append`).
fn appended(body: &Body, so_far: &SoFar) -> Result<Body, Fault> {
    let SoFar { settings: Some(settings), answer: Some(answer) } = so_far else {
        let words = "response.append goes on from an answer, and there is none yet: send response.create";
        return Err(Fault::bad_request(words).at("type"));
    };
    if !body.has("input") {
        return Err(Fault::bad_request("response.append needs an `input`").at("input"));
    }
    let said = body.fields().filter(|(name, _)| !OF_CONNECTION.contains(&name.as_ref()));
    let said = said.map(|(name, json)| Edit { path: vec![name.into_owned().into()], change: Change::Set(json.into()) });
    let mut edits = vec![Edit::set("previous_response_id", json_text(answer))];
    edits.extend(said);
    edits.push(Edit::set("stream", "true"));
    edited(&Body::parse(settings.clone())?, &edits)
}

/// The event with the mark of its lane.
fn marked(data: &str, lane: Option<&str>) -> String {
    let Some(lane) = lane else { return data.to_owned() };
    let mut out = BytesMut::with_capacity(data.len() + lane.len() + 16);
    let mut event = Object::open(&mut out);
    event.text("stream_id", lane);
    let mut text = into_text(out);
    let rest = data.trim_start_matches('{').trim_start();
    if !rest.starts_with('}') {
        text.push(',');
    }
    text.push_str(rest);
    text
}

/// An error. A message has no head, so what a client goes by stands in `headers` (Codex reads them there).
fn error_event(status: u16, error: &str, headers: &HeaderMap, lane: Option<&str>) -> String {
    let mut out = BytesMut::with_capacity(error.len() + 64);
    let mut event = Object::open(&mut out);
    event.text("type", "error");
    event.number("status", status);
    event.raw("error", error);
    let advice = |name: &str| name == "retry-after" || name == "x-should-retry" || name.starts_with("x-ratelimit-");
    let told = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let mut told = told.filter(|(name, _)| advice(name)).peekable();
    if told.peek().is_some() {
        let mut headers = Object::open(event.key("headers"));
        told.for_each(|(name, value)| headers.text(name, value));
        headers.close();
    }
    event.text_if("stream_id", lane);
    event.close();
    into_text(out)
}

/// The error of a stream stands flat in its event there, and as an object here.
fn flat_error(data: &str) -> String {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Flat<'a> {
        #[serde(borrow)]
        error: wire::Raw<'a>,
        #[serde(borrow)]
        code: Option<Str<'a>>,
        #[serde(borrow)]
        message: Option<Str<'a>>,
        #[serde(borrow)]
        param: Option<Str<'a>>,
    }
    let flat: Flat<'_> = serde_json::from_str(data).unwrap_or_default();
    if let Some(error) = flat.error {
        return error.get().to_owned();
    }
    let mut out = BytesMut::with_capacity(128);
    let mut error = Object::open(&mut out);
    error.text("type", "server_error");
    crate::decode_knobs::text_or_null("code", flat.code.as_deref(), &mut error);
    error.text("message", flat.message.as_deref().unwrap_or_default());
    crate::decode_knobs::text_or_null("param", flat.param.as_deref(), &mut error);
    error.close();
    into_text(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(message: &Value) -> Result<Said, Fault> {
        Responses.read(Bytes::from(message.to_string()), &SoFar::default())
    }

    #[test]
    fn the_older_form_goes_on_from_the_last_answer_with_its_settings() {
        let create = json!({"type": "response.create", "model": "m", "instructions": "i", "tools": [1], "input": "a",
            "previous_response_id": "r0", "stream_id": "x"});
        let Said::Ask(wish) = read(&create).unwrap() else { panic!("it asks") };
        let append = |message: Value, so_far: &SoFar| match Responses.read(Bytes::from(message.to_string()), so_far) {
            Ok(Said::Ask(wish)) => serde_json::from_slice(wish.body.bytes()).unwrap(),
            Ok(Said::Nothing) => Value::Null,
            Err(fault) => json!(fault.message),
        };
        let event = br#"{"type":"response.completed","response":{"output":[{"id":"no"}],"id":"r1"}}"#;
        let answer = Responses.answered(Frame { event: None, data: event });
        assert_eq!(answer.as_deref(), Some("r1"));
        assert_eq!(Responses.answered(Frame { event: Some(b"response.created"), data: event }), None);
        let so_far = SoFar { settings: wish.settings, answer };
        let whole = json!({"model": "m", "instructions": "other", "tools": [1], "input": [2], "stream": true,
            "previous_response_id": "r1"});
        let message = json!({"type": "response.append", "input": [2], "instructions": "other", "stream_id": "y"});
        assert_eq!(append(message, &so_far), whole);
        let nothing_new = append(json!({"type": "response.append"}), &so_far);
        assert!(nothing_new.as_str().unwrap().contains("`input`"), "{nothing_new}");
        let first = append(json!({"type": "response.append", "input": []}), &SoFar::default());
        assert!(first.as_str().unwrap().contains("none yet"), "{first}");
    }

    #[test]
    fn a_message_becomes_the_call_that_would_be_posted() {
        let message = json!({"type": "response.create", "model": "m", "input": "a", "stream_id": "x", "generate": false,
            "background": false});
        let Said::Ask(wish) = read(&message).unwrap() else { panic!("it asks") };
        let body: Value = serde_json::from_slice(wish.body.bytes()).unwrap();
        assert_eq!(body, json!({"model": "m", "input": "a", "stream": true}));
        assert_eq!((wish.lane.as_deref(), wish.warm_up), (Some("x"), true));
        assert!(matches!(read(&json!({"type": "response.processed"})), Ok(Said::Nothing)));
        for wrong in [json!({"type": "response.steer"}), json!({}), json!({"type": 5}), json!([])] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_and_errors_become_messages() {
        let frame = |data: &'static str| Frame { event: None, data: data.as_bytes() };
        let say = |data, lane| Responses.message(frame(data), lane);
        assert_eq!(say(r#"{"type":"a"}"#, None).as_deref(), Some(r#"{"type":"a"}"#));
        assert_eq!(say(r#"{"type":"a"}"#, Some("l")).as_deref(), Some(r#"{"stream_id":"l","type":"a"}"#));
        assert_eq!(say("{}", Some("l")).as_deref(), Some(r#"{"stream_id":"l"}"#));
        assert_eq!(say("[DONE]", None), None);
        let error = say(r#"{"type":"error","code":"c","message":"m","param":null}"#, None).unwrap();
        let error: Value = serde_json::from_str(&error).unwrap();
        assert_eq!((&error["error"]["code"], &error["status"]), (&json!("c"), &json!(500)));
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_nothing_else_of_its_head() {
        let mut reply = HttpReply::json(http::StatusCode::TOO_MANY_REQUESTS, r#"{"error":{"code":"c"}}"#);
        let read = |reply: &HttpReply| -> Value { serde_json::from_str(&Responses.refusal(reply, None)).unwrap() };
        assert_eq!(read(&reply)["headers"], Value::Null);
        for (name, value) in [("retry-after", "7"), ("x-ratelimit-remaining-tokens", "0"), ("set-cookie", "hush")] {
            reply.headers.insert(name, value.parse().unwrap());
        }
        let told = json!({"retry-after": "7", "x-ratelimit-remaining-tokens": "0"});
        assert_eq!((&read(&reply)["headers"], &read(&reply)["error"]["code"]), (&told, &json!("c")));
    }
}
