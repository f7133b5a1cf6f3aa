//! Watches an answer on its way to the client and keeps its words, so that a later request can name it.
//!
//! The last event of a stream repeats the whole answer; where a server leaves the items out of it (Codex's backend
//! does), those of the events before stand in.

use bytes::Bytes;
use dialect::splice::{self, Edit};
use dialect::{Body, Frame, Recorded, Recorder, Reply};
use serde_json::value::RawValue;

use crate::scanner::name_of;
use crate::stream_encode::answer_id;
use crate::wire::{self, Str};

/// The state of one recording.
#[derive(Debug)]
pub(crate) struct Tape {
    items: Vec<(u32, Box<RawValue>)>,
    /// How many more bytes may be held; below that nothing is kept.
    left: Option<usize>,
    /// The id that an answer of our own making has.
    own: String,
}

impl Tape {
    pub(crate) fn new(reply: &Reply, cap: usize) -> Self {
        Self { items: Vec::new(), left: Some(cap), own: answer_id(reply.seed) }
    }

    fn item(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<wire::Event<'_>>(data) else { return };
        let Some(item) = event.item else { return };
        self.left = self.left.and_then(|left| left.checked_sub(item.get().len()));
        if self.left.is_none() {
            return self.items.clear();
        }
        let at = event.output_index.unwrap_or(u32::MAX);
        self.items.push((at, item.to_owned()));
    }

    fn end(&mut self, data: &[u8]) -> Option<Recorded> {
        let event: wire::Event<'_> = serde_json::from_slice(data).ok()?;
        let response = event.response?.get();
        self.left.filter(|left| response.len() <= *left)?;
        self.of_answer(Bytes::copy_from_slice(response.as_bytes()))
    }

    fn of_answer(&mut self, answer: Bytes) -> Option<Recorded> {
        let body = Body::parse(answer).ok()?;
        let id = serde_json::from_str::<Str<'_>>(body.raw("id")?).ok()?.owned();
        let whole = match body.raw("status") {
            None | Some("\"completed\"" | "\"incomplete\"") => true,
            Some("\"queued\"" | "\"in_progress\"") => false,
            Some(_) => return None,
        };
        let kept_there = id != self.own && body.raw("store") != Some("false");
        Some(Recorded { id, answer: whole.then(|| self.completed(body)), kept_there })
    }

    /// The answer with its items, in their order.
    fn completed(&mut self, body: Body) -> Bytes {
        let silent = body.raw("output").is_none_or(|output| output.trim_matches(['[', ']', ' ', '\n']).is_empty());
        if !silent || self.items.is_empty() {
            return body.into_bytes();
        }
        self.items.sort_by_key(|(at, _)| *at);
        let items: Vec<&str> = self.items.iter().map(|(_, item)| item.get()).collect();
        splice::apply(body.bytes(), body.index(), &[Edit::set("output", format!("[{}]", items.join(",")))])
    }
}

impl Recorder for Tape {
    fn frame(&mut self, frame: Frame<'_>) -> Option<Recorded> {
        let data = frame.data.trim_ascii();
        match frame.event.or_else(|| name_of(data))? {
            b"response.output_item.done" => {
                self.item(data);
                None
            }
            b"response.completed" | b"response.done" | b"response.incomplete" => self.end(data),
            _ => None,
        }
    }

    fn whole(&mut self, body: &Bytes) -> Option<Recorded> {
        self.left.filter(|left| body.len() <= *left)?;
        self.of_answer(body.clone())
    }
}
