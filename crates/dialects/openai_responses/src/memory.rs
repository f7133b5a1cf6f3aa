//! Requests that name an earlier answer (`previous_response_id`), and what may be asked of an answer that is kept.
//!
//! Instructions and tools are not carried over from one request to the next, as OpenAI's API reference has it
//! (`previous_response_id`, November 2026): only items are.

use std::fmt::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use dialect::splice::{self, Edit};
use dialect::{Body, HttpReply, Memory, Reader, Recorder, Reply, Round, Terms, Verb};
use http::{Method, StatusCode};
use hub::{Fault, FaultKind};
use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::listing;
use crate::recorder::Tape;
use crate::responses::Responses;
use crate::wire::{self, Str, lenient};

/// On which agents send the whole conversation again.
pub(crate) const NOT_FOUND: &str = "previous_response_not_found";
/// How requests and answers name the answer before.
const PREVIOUS: &str = "previous_response_id";
static REFERENCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"item_reference"));
/// Longest part of an id that is repeated to its sender.
const SHOWN: usize = 128;
/// Items that go back without the id that one account gave them: another would look it up and not find it. The others
/// are refused without theirs.
const NAMELESS: [&str; 7] =
    ["message", "reasoning", "function_call", "custom_tool_call", "shell_call", "apply_patch_call", "tool_search_call"];

impl Memory for Responses {
    fn field(&self) -> &'static str {
        PREVIOUS
    }

    fn terms(&self, body: &Body) -> Result<Terms, Fault> {
        let previous: Option<String> = body.get(PREVIOUS)?;
        let elsewhere = body.has("conversation") || body.has("prompt") || body.raw("background") == Some("true");
        Ok(Terms {
            previous: previous.filter(|id| !id.is_empty()),
            keep: body.raw("store") != Some("false"),
            complete: !elsewhere && !body.raw("input").is_some_and(has_reference),
        })
    }

    fn write_out(&self, body: &Body, past: &[&Round], reader: Reader) -> Result<Body, Fault> {
        let mut items = Items::default();
        for round in past {
            items.input(as_text(&round.input));
            items.output(&round.answer, reader);
        }
        items.input(body.raw("input").unwrap_or("[]"));
        let edits = [Edit::remove(PREVIOUS), Edit::set("input", items.close())];
        Body::parse(splice::apply(body.bytes(), body.index(), &edits))
    }

    fn input(&self, body: &Body) -> Bytes {
        // A copy, because a slice would hold on to the whole request.
        Bytes::copy_from_slice(body.raw("input").unwrap_or("[]").as_bytes())
    }

    fn recorder(&self, reply: &Reply, cap: usize) -> Box<dyn Recorder> {
        Box::new(Tape::new(reply, cap))
    }

    fn is_forgotten(&self, fault: &Fault) -> bool {
        fault.code.as_deref() == Some(NOT_FOUND) || fault.param.as_deref() == Some(PREVIOUS)
    }

    fn unknown(&self, id: &str, why: &'static str) -> Fault {
        let words = format!("Previous response with id '{}' not found. {why}", shown(id));
        Fault::bad_request(words.trim_end().to_owned()).at(PREVIOUS).with_code(NOT_FOUND)
    }

    fn asked<'a>(&self, method: &Method, rest: &'a str, query: &str) -> Result<(&'a str, Verb), Fault> {
        let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
        match (method, part) {
            (&Method::GET | &Method::HEAD, "") if query.split('&').any(|pair| pair == "stream=true") => {
                Err(Fault::unsupported("stream", "an answer that is kept is given back whole: leave `stream` out"))
            }
            (&Method::GET | &Method::HEAD, "") => Ok((id, Verb::Show)),
            (&Method::GET | &Method::HEAD, "input_items") => Ok((id, Verb::ListInput)),
            (&Method::DELETE, "") => Ok((id, Verb::Forget)),
            (&Method::POST, "cancel") => Err(Fault::new(
                FaultKind::NotFound,
                "answers in the background are not supported here, so there is nothing to cancel",
            )),
            _ => Err(Fault::new(FaultKind::NotFound, "there is nothing at this path of a response")),
        }
    }

    fn absent(&self, id: &str) -> Fault {
        Fault::new(FaultKind::NotFound, format!("Response with id '{}' not found.", shown(id)))
    }

    fn show(&self, round: &Round) -> HttpReply {
        HttpReply::json(StatusCode::OK, round.answer.clone())
    }

    fn list_input(&self, id: &str, past: &[&Round], query: &str) -> Result<HttpReply, Fault> {
        let mut items = Items::default();
        for (at, round) in past.iter().enumerate() {
            items.input(as_text(&round.input));
            if at + 1 < past.len() {
                items.output(&round.answer, Reader::Hub);
            }
        }
        listing::page(id, &items.close(), query)
    }

    fn forgotten(&self, id: &str) -> HttpReply {
        let mut out = bytes::BytesMut::with_capacity(96);
        let mut answer = dialect::Object::open(&mut out);
        answer.text("id", id);
        answer.text("object", "response");
        answer.flag("deleted", true);
        answer.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }
}

fn shown(id: &str) -> String {
    id.chars().take(SHOWN).collect()
}

fn as_text(json: &Bytes) -> &str {
    std::str::from_utf8(json).unwrap_or("[]")
}

/// Whether an input names items that are stored elsewhere.
fn has_reference(input: &str) -> bool {
    if REFERENCE.find(input.as_bytes()).is_none() {
        return false;
    }
    let items: Vec<&RawValue> = serde_json::from_str(input).unwrap_or_default();
    items.into_iter().any(|raw| lenient::<wire::Item<'_>>(Some(raw)).kind.as_deref() == Some("item_reference"))
}

/// A list of items in the making.
#[derive(Default)]
struct Items(String);

impl Items {
    fn push(&mut self, items: &str) {
        let items = items.trim();
        if !items.is_empty() {
            self.0.push(if self.0.is_empty() { '[' } else { ',' });
            self.0.push_str(items);
        }
    }

    /// What a client sent: a text, or a list of items, which stands as it is.
    fn input(&mut self, json: &str) {
        let json = json.trim();
        match json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(items) => self.push(items),
            None if json.starts_with('"') => {
                let mut item = String::with_capacity(json.len() + 48);
                // Writing into a string cannot fail.
                let _ = write!(item, r#"{{"type":"message","role":"user","content":{json}}}"#);
                self.push(&item);
            }
            None => (),
        }
    }

    /// What the model said.
    fn output(&mut self, answer: &Bytes, reader: Reader) {
        let answer: wire::Answer<'_> = serde_json::from_slice(answer).unwrap_or_default();
        for raw in answer.output.into_iter().flatten() {
            self.said(raw, reader);
        }
    }

    fn said(&mut self, raw: &RawValue, reader: Reader) {
        let item: wire::Item<'_> = lenient(Some(raw));
        let kind = item.kind.as_deref().unwrap_or_default();
        let proven = item.encrypted_content.as_deref().is_some_and(|proof| !proof.is_empty());
        if kind == "reasoning" && !proven && reader == Reader::Wire {
            // Without its proof nobody but the account that stored it can read it.
            return;
        }
        if !NAMELESS.contains(&kind) || item.id.is_none() {
            return self.push(raw.get());
        }
        match Body::parse(Bytes::copy_from_slice(raw.get().as_bytes())) {
            Ok(body) => {
                let bare = splice::apply(body.bytes(), body.index(), &[Edit::remove("id")]);
                self.push(&String::from_utf8_lossy(&bare));
            }
            Err(_) => self.push(raw.get()),
        }
    }

    fn close(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('[');
        }
        self.0.push(']');
        self.0
    }
}

/// The id of an item or an answer, if it has one.
pub(crate) fn id_of(body: &Body) -> Option<String> {
    body.raw("id").and_then(|raw| serde_json::from_str::<Str<'_>>(raw).ok()).map(Str::owned)
}
