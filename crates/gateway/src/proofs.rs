//! Proofs of reasoning for clients that would lose them: Chat and Ollama have no place for most, and programs drop the
//! fields that they do not know. What stood with a tool call is kept here under the call's id, which every client sends
//! back, and put into the history again.
//!
//! A second line only: a history without its proofs is answered, too. In memory, bounded by age, number and bytes, the
//! oldest leaving first; whose key it was alone gets it back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dialect::mint;
use hub::{Block, BlockId, Event, Part, Request, Response, Role, Seal, Thought, ToolCall, Turn, lift};

/// Most calls that are remembered.
const MAX_CALLS: usize = 10_000;
/// Most bytes of all that is remembered.
const MAX_BYTES: usize = 16 << 20;
/// Most bytes of one answer's thoughts. Of more, none: vendors take all of an answer's thoughts or none.
const MAX_THOUGHTS: usize = 1 << 20;
/// What a call takes besides its words, about.
const FRAME: usize = 256;

/// Who asked and the id of the call.
type Key = (Arc<str>, Arc<str>);

/// What stood with a call.
#[derive(Clone, Debug, Default)]
struct Proof {
    /// The tool's name: the same id for another tool is another call.
    name: String,
    /// The thoughts that led the turn, all of them; with its first call only.
    thoughts: Vec<Thought>,
    /// The proof of the call itself.
    seal: Option<Seal>,
}

impl Proof {
    fn size(&self) -> usize {
        let of_seal = |seal: &Option<Seal>| seal.as_ref().map_or(0, |seal| seal.data.len());
        let thoughts = self.thoughts.iter().map(|thought| thought.text.len() + of_seal(&thought.seal));
        FRAME + self.name.len() + of_seal(&self.seal) + thoughts.sum::<usize>()
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    inner: Mutex<Inner>,
    /// As in `inner`, to be read without the lock: nearly always there is nothing.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    calls: HashMap<Key, (u64, Arc<Proof>)>,
    /// Oldest first. What has been replaced meanwhile is passed over.
    order: VecDeque<(Instant, u64, Key)>,
    bytes: usize,
    serial: u64,
}

impl Proofs {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic runs under the lock, and the map is sound at every step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, key: Key, proof: Proof, ttl: Duration, now: Instant) {
        let mut inner = self.lock();
        inner.keep(key, proof, now);
        inner.trim(ttl, now);
        self.count.store(inner.calls.len(), Ordering::Relaxed);
    }

    fn find(&self, key: &Key, ttl: Duration, now: Instant) -> Option<Arc<Proof>> {
        let mut inner = self.lock();
        inner.trim(ttl, now);
        inner.calls.get(key).map(|(_, proof)| Arc::clone(proof))
    }

    /// Gives the calls of a history what stood with them, where their client has not.
    pub(crate) fn restore(&self, request: &mut Request, label: &Arc<str>, ttl: Duration) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let now = Instant::now();
        for turn in request.turns.iter_mut().filter(|turn| turn.role == Role::Assistant) {
            self.restore_turn(turn, label, ttl, now);
        }
    }

    fn restore_turn(&self, turn: &mut Turn, label: &Arc<str>, ttl: Duration, now: Instant) {
        let is_proved = |part: &Part| matches!(part, Part::Thinking(thought) if thought.seal.is_some());
        let proved = turn.parts.iter().any(is_proved);
        let mut thoughts = Vec::new();
        for part in &mut turn.parts {
            let Part::ToolCall(call) = part else { continue };
            let key = (Arc::clone(label), Arc::from(&*call.id));
            let Some(proof) = self.find(&key, ttl, now).filter(|proof| proof.name == call.name) else { continue };
            call.seal = call.seal.take().or_else(|| proof.seal.clone());
            if !proved {
                thoughts.extend(proof.thoughts.iter().cloned().map(lifted));
            }
        }
        if thoughts.is_empty() {
            return;
        }
        turn.parts.retain(|part| !matches!(part, Part::Thinking(_)));
        turn.parts.splice(0..0, thoughts.into_iter().map(Part::Thinking));
    }
}

/// A thought with the words that were kept back from its client.
fn lifted(mut thought: Thought) -> Thought {
    lift(&mut thought);
    thought
}

impl Inner {
    fn keep(&mut self, key: Key, proof: Proof, now: Instant) {
        self.serial += 1;
        self.bytes += proof.size();
        self.order.push_back((now, self.serial, key.clone()));
        if let Some((_, old)) = self.calls.insert(key, (self.serial, Arc::new(proof))) {
            self.bytes -= old.size();
        }
    }

    fn trim(&mut self, ttl: Duration, now: Instant) {
        while let Some((since, serial, key)) = self.order.front() {
            let full = self.order.len() > MAX_CALLS || self.bytes > MAX_BYTES;
            if !full && now.saturating_duration_since(*since) < ttl {
                return;
            }
            if self.calls.get(key).is_some_and(|(known, _)| known == serial)
                && let Some((_, old)) = self.calls.remove(key)
            {
                self.bytes -= old.size();
            }
            self.order.pop_front();
        }
    }
}

/// Looks at an answer on its way to its client and remembers what that would lose.
#[derive(Debug)]
pub(crate) struct Keeper {
    label: Arc<str>,
    ttl: Duration,
    /// From which ids are made for calls without one, so that their clients have something to send back.
    seed: u64,
    gathered: Gathered,
}

#[derive(Debug, Default)]
struct Gathered {
    thoughts: Vec<(Option<BlockId>, Thought)>,
    calls: Vec<(Option<BlockId>, Arc<str>, Proof)>,
    /// Something was said: thoughts that come later do not lead the turn.
    begun: bool,
    /// The thoughts cannot be put back as they were.
    broken: bool,
    size: usize,
}

impl Keeper {
    pub(crate) fn new(label: Arc<str>, ttl: Duration, seed: u64) -> Self {
        Self { label, ttl, seed, gathered: Gathered::default() }
    }

    /// Looks at an event; after the last one all is kept.
    pub(crate) fn see(&mut self, event: &mut Event, proofs: &Proofs) {
        match event {
            Event::Open { block, kind: kind @ (Block::Thinking | Block::Redacted) } => {
                let redacted = *kind == Block::Redacted;
                self.gathered.thought(Some(*block), Thought { redacted, ..Thought::default() });
            }
            Event::Open { block, kind: Block::ToolCall { id, name, .. } } => {
                let block = *block;
                self.call(Some(block), id, name, None);
            }
            Event::Open { .. } => self.gathered.begun = true,
            Event::Delta { block, text } => self.gathered.words(*block, text),
            Event::Seal { block, seal } => self.gathered.seal(*block, seal),
            Event::Stop(_) => self.done(proofs),
            _ => (),
        }
    }

    /// Looks at a whole answer.
    pub(crate) fn whole(mut self, response: &mut Response, proofs: &Proofs) {
        for part in &mut response.parts {
            match part {
                Part::Thinking(thought) => self.gathered.thought(None, thought.clone()),
                Part::ToolCall(ToolCall { id, name, seal, .. }) => self.call(None, id, name, seal.clone()),
                _ => self.gathered.begun = true,
            }
        }
        self.done(proofs);
    }

    fn call(&mut self, block: Option<BlockId>, id: &mut String, name: &str, seal: Option<Seal>) {
        let number = u32::try_from(self.gathered.calls.len()).unwrap_or(u32::MAX);
        if id.is_empty() {
            *id = mint("call_", self.seed, number);
        }
        self.gathered.begun = true;
        let proof = Proof { name: name.to_owned(), seal, ..Proof::default() };
        self.gathered.calls.push((block, Arc::from(&**id), proof));
    }

    fn done(&mut self, proofs: &Proofs) {
        let Gathered { mut thoughts, mut calls, broken, .. } = std::mem::take(&mut self.gathered);
        thoughts.retain(|(_, thought)| thought.seal.is_some());
        if let Some((_, _, first)) = calls.first_mut().filter(|_| !broken) {
            first.thoughts = thoughts.into_iter().map(|(_, thought)| thought).collect();
        }
        let now = Instant::now();
        for (_, id, proof) in calls {
            if proof.seal.is_some() || !proof.thoughts.is_empty() {
                proofs.keep((Arc::clone(&self.label), id), proof, self.ttl, now);
            }
        }
    }
}

impl Gathered {
    fn thought(&mut self, block: Option<BlockId>, thought: Thought) {
        self.broken |= self.begun;
        let bytes = thought.text.len() + thought.seal.as_ref().map_or(0, |seal| seal.data.len());
        self.thoughts.push((block, thought));
        self.grow(bytes);
    }

    fn words(&mut self, block: BlockId, text: &str) {
        if self.broken {
            return;
        }
        if let Some((_, thought)) = self.thoughts.iter_mut().find(|(known, _)| *known == Some(block)) {
            thought.text.push_str(text);
            self.grow(text.len());
        }
    }

    fn seal(&mut self, block: BlockId, seal: &Seal) {
        if let Some((_, _, proof)) = self.calls.iter_mut().find(|(known, ..)| *known == Some(block)) {
            proof.seal = Some(seal.clone());
        } else if let Some((_, thought)) = self.thoughts.iter_mut().find(|(known, _)| *known == Some(block)) {
            thought.seal = Some(seal.clone());
            self.grow(seal.data.len());
        }
    }

    fn grow(&mut self, bytes: usize) {
        self.size += bytes;
        if self.size > MAX_THOUGHTS {
            self.broken = true;
        }
        if self.broken {
            self.thoughts = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{CallKind, StopReason, Text, replay};

    const TTL: Duration = Duration::from_secs(60);

    fn thought(text: &str, seal: Option<&str>) -> Part {
        let seal = seal.map(|data| Seal::new("v", "k", data));
        Part::Thinking(Thought { text: text.into(), seal, redacted: false })
    }

    fn call(id: &str, name: &str, seal: Option<&str>) -> Part {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: "{}".into(),
            kind: CallKind::Function,
            seal: seal.map(|data| Seal::new("v", "call", data)),
            cache: None,
        })
    }

    fn text(words: &str) -> Part {
        Part::Text(Text::plain(words))
    }

    fn turns(parts: Vec<Part>) -> Request {
        Request { turns: vec![Turn { role: Role::Assistant, parts }], ..Request::default() }
    }

    fn restored(proofs: &Proofs, label: &str, parts: Vec<Part>) -> Vec<Part> {
        let mut request = turns(parts);
        proofs.restore(&mut request, &Arc::from(label), TTL);
        request.turns.remove(0).parts
    }

    /// Shows the answer to a keeper, whole or as a stream, and gives the id of its first call.
    fn shown(proofs: &Proofs, parts: Vec<Part>, stream: bool) -> String {
        let mut keeper = Keeper::new(Arc::from("a"), TTL, 7);
        let mut response = Response { parts, stop: StopReason::ToolCalls.into(), ..Response::default() };
        if !stream {
            keeper.whole(&mut response, proofs);
            return response.parts.iter().find_map(id_of).unwrap();
        }
        let mut events = Vec::new();
        replay(response, &mut events);
        events.iter_mut().for_each(|event| keeper.see(event, proofs));
        let opened = |event: &Event| match event {
            Event::Open { kind: Block::ToolCall { id, .. }, .. } => Some(id.clone()),
            _ => None,
        };
        events.iter().find_map(opened).unwrap()
    }

    fn id_of(part: &Part) -> Option<String> {
        if let Part::ToolCall(call) = part { Some(call.id.clone()) } else { None }
    }

    #[test]
    fn what_stood_with_a_call_comes_back_with_its_id() {
        for stream in [false, true] {
            let proofs = Proofs::default();
            let said = vec![thought("t", Some("s")), text("x"), call("1", "f", None), call("2", "f", Some("c"))];
            shown(&proofs, said.clone(), stream);
            let sent = vec![thought("t", None), text("x"), call("1", "f", None), call("2", "f", None)];
            assert_eq!(restored(&proofs, "a", sent.clone()), said, "{stream}");
            assert_eq!(restored(&proofs, "b", sent.clone()), sent, "another's key");
            // What the client has kept itself is better.
            assert_eq!(restored(&proofs, "a", said.clone()), said);
            let kept = vec![thought("u", Some("own")), call("1", "f", None)];
            assert_eq!(restored(&proofs, "a", kept.clone()), kept);
            let other = vec![call("1", "g", None)];
            assert_eq!(restored(&proofs, "a", other.clone()), other, "another call with the same id");
        }
    }

    #[test]
    fn a_call_without_an_id_gets_one_and_is_found_by_it() {
        for stream in [false, true] {
            let proofs = Proofs::default();
            let id = shown(&proofs, vec![call("", "f", Some("c"))], stream);
            assert!(id.starts_with("call_"));
            assert_eq!(restored(&proofs, "a", vec![call(&id, "f", None)]), [call(&id, "f", Some("c"))]);
        }
    }

    #[test]
    fn words_that_were_kept_back_come_back_too() {
        let proofs = Proofs::default();
        let mut response = Response { parts: vec![thought("deep", Some("s"))], ..Response::default() };
        hub::Veil::new(true).apply(&mut response);
        response.parts.push(call("1", "f", None));
        shown(&proofs, response.parts, false);
        let back = restored(&proofs, "a", vec![call("1", "f", None)]);
        assert_eq!(back, [thought("deep", Some("s")), call("1", "f", None)]);
    }

    #[test]
    fn thoughts_that_cannot_be_put_back_in_order_are_not() {
        for stream in [false, true] {
            let proofs = Proofs::default();
            let said = vec![thought("t", Some("s")), text("x"), thought("u", Some("s")), call("1", "f", Some("c"))];
            shown(&proofs, said, stream);
            let huge = "x".repeat(MAX_THOUGHTS + 1);
            shown(&proofs, vec![thought(&huge, Some("s")), call("2", "f", None)], stream);
            assert_eq!(restored(&proofs, "a", vec![call("1", "f", None)]), [call("1", "f", Some("c"))]);
            assert_eq!(restored(&proofs, "a", vec![call("2", "f", None)]), [call("2", "f", None)]);
        }
    }

    #[test]
    fn answers_without_proofs_take_no_room() {
        let proofs = Proofs::default();
        shown(&proofs, vec![thought("t", None), call("1", "f", None)], true);
        assert_eq!((proofs.count.load(Ordering::Relaxed), proofs.lock().order.len()), (0, 0));
    }

    #[test]
    fn the_oldest_leave_and_no_byte_is_left() {
        let (proofs, start) = (Proofs::default(), Instant::now());
        let key = |number: usize| (Arc::from("a"), Arc::from(number.to_string()));
        let proof = |bytes: usize| Proof { seal: Some(Seal::new("v", "k", "x".repeat(bytes))), ..Proof::default() };
        for number in 0..MAX_CALLS + 5 {
            proofs.keep(key(number), proof(1), TTL, start);
        }
        assert!(proofs.find(&key(4), TTL, start).is_none() && proofs.find(&key(5), TTL, start).is_some());
        assert_eq!(proofs.count.load(Ordering::Relaxed), MAX_CALLS);
        proofs.keep(key(0), proof(MAX_BYTES / 2), TTL, start);
        proofs.keep(key(0), proof(MAX_BYTES / 2), TTL, start);
        proofs.keep(key(1), proof(MAX_BYTES / 4), TTL, start);
        assert!(proofs.find(&key(0), TTL, start).is_some() && proofs.lock().bytes <= MAX_BYTES);
        assert!(proofs.find(&key(0), TTL, start + TTL).is_none());
        let inner = proofs.lock();
        assert_eq!((inner.bytes, inner.calls.len()), (0, 0));
    }
}
