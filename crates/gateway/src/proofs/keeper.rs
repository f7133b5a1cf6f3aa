//! Looks at an answer on its way to its client and remembers what that would lose.
//!
//! What tells where a thought stood are the ids of the calls around it: it led the answer, or stood directly before a
//! call, or ended the answer after one. Of an answer with a thought elsewhere (between two texts, which the client
//! gives back as one) no thought is kept, because vendors take all of an answer's thoughts or none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dialect::mint;
use hub::{Block, BlockId, Event, Others, Part, Response, Sampling, Seal, Thought, ToolCall};

use super::{Proof, Proofs, thought_weight, weight};

/// Most bytes of one answer's thoughts. Of more, none are kept.
pub(super) const MAX_THOUGHTS: usize = 1 << 20;

/// Who looks at one answer.
#[derive(Debug)]
pub(crate) struct Keeper {
    label: Arc<str>,
    ttl: Duration,
    /// From which ids are made for calls without one, so that their clients have something to send back.
    seed: u64,
    gathered: Gathered,
    /// The answers beside this one: the conversation may go on from any.
    others: Others<Self>,
}

/// What the answer holds, as far as it matters here, in its order.
#[derive(Debug, Default)]
struct Gathered {
    parts: Vec<(Option<BlockId>, Seen)>,
    calls: u32,
    size: usize,
}

#[derive(Debug)]
enum Seen {
    Thought(Thought),
    Call(Arc<str>, Proof),
    /// Anything else, however much of it.
    Words,
}

impl Keeper {
    pub(crate) fn new(label: Arc<str>, ttl: Duration, seed: u64) -> Self {
        Self { others: Others::of(Sampling::MAX_ANSWERS), ..Self::of_one(label, ttl, seed) }
    }

    fn of_one(label: Arc<str>, ttl: Duration, seed: u64) -> Self {
        Self { label, ttl, seed, gathered: Gathered::default(), others: Others::default() }
    }

    fn other(&mut self, answer: u32) -> Option<&mut Self> {
        let (label, ttl, seed) = (&self.label, self.ttl, self.seed.wrapping_add(answer.into()));
        self.others.at(answer, || Self::of_one(Arc::clone(label), ttl, seed))
    }

    /// Looks at an event; after the last one all is kept.
    pub(crate) fn see(&mut self, event: &mut Event, proofs: &Proofs) {
        match event {
            Event::Open { block, kind: kind @ (Block::Thinking | Block::Redacted) } => {
                let redacted = *kind == Block::Redacted;
                self.gathered.thought(Some(*block), Thought { redacted, ..Thought::default() });
            }
            Event::Open { block, kind: Block::ToolCall { id, name, .. } } => self.call(Some(*block), id, name, None),
            Event::Open { .. } => self.gathered.words(),
            Event::Delta { block, text } => self.gathered.think(*block, text),
            Event::Seal { block, seal } => self.gathered.seal(*block, seal),
            Event::Aside { answer, event } => {
                if let Some(other) = self.other(*answer) {
                    other.see(event, proofs);
                }
            }
            Event::Stop(_) => self.done(proofs),
            _ => (),
        }
    }

    /// Looks at a whole answer.
    pub(crate) fn whole(&mut self, response: &mut Response, proofs: &Proofs) {
        for part in &mut response.parts {
            match part {
                Part::Thinking(thought) => self.gathered.thought(None, thought.clone()),
                Part::ToolCall(ToolCall { id, name, seal, .. }) => self.call(None, id, name, seal.clone()),
                _ => self.gathered.words(),
            }
        }
        self.done(proofs);
        for (answer, response) in (1..).zip(&mut response.others) {
            if let Some(other) = self.other(answer) {
                other.whole(response, proofs);
            }
        }
    }

    fn call(&mut self, block: Option<BlockId>, id: &mut String, name: &str, seal: Option<Seal>) {
        if id.is_empty() {
            *id = mint("call_", self.seed, self.gathered.calls);
        }
        self.gathered.calls = self.gathered.calls.saturating_add(1);
        let proof = Proof { name: name.to_owned(), seal, ..Proof::default() };
        self.gathered.parts.push((block, Seen::Call(Arc::from(&**id), proof)));
    }

    fn done(&mut self, proofs: &Proofs) {
        let now = Instant::now();
        for (id, proof) in std::mem::take(&mut self.gathered).sorted() {
            if proof.proves() {
                proofs.keep((Arc::clone(&self.label), id), proof, self.ttl, now);
            }
        }
    }
}

impl Gathered {
    fn thought(&mut self, block: Option<BlockId>, thought: Thought) {
        self.grow(thought_weight(&thought));
        if !self.is_full() {
            self.parts.push((block, Seen::Thought(thought)));
        }
    }

    fn words(&mut self) {
        if !matches!(self.parts.last(), Some((_, Seen::Words))) {
            self.parts.push((None, Seen::Words));
        }
    }

    fn think(&mut self, block: BlockId, text: &str) {
        if let Some(Seen::Thought(thought)) = self.open(block) {
            thought.text.push_str(text);
            self.grow(text.len());
        }
    }

    fn seal(&mut self, block: BlockId, seal: &Seal) {
        match self.open(block) {
            Some(Seen::Thought(thought)) => thought.seal = Some(seal.clone()),
            Some(Seen::Call(_, proof)) => proof.seal = Some(seal.clone()),
            Some(Seen::Words) | None => return,
        }
        self.grow(weight(Some(seal)));
    }

    /// The latest first: it is nearly always that one.
    fn open(&mut self, block: BlockId) -> Option<&mut Seen> {
        self.parts.iter_mut().rev().find(|(known, _)| *known == Some(block)).map(|(_, seen)| seen)
    }

    fn is_full(&self) -> bool {
        self.size > MAX_THOUGHTS
    }

    fn grow(&mut self, bytes: usize) {
        self.size = self.size.saturating_add(bytes);
        if self.is_full() {
            self.parts.retain(|(_, seen)| !matches!(seen, Seen::Thought(_)));
        }
    }

    /// The calls, each with what stood with it.
    fn sorted(self) -> Vec<(Arc<str>, Proof)> {
        let (mut calls, mut waiting, mut misplaced) = (Vec::<(Arc<str>, Proof)>::new(), Vec::new(), false);
        // The thoughts before the first words, and whether the last that came was a call.
        let (mut leading, mut begun, mut called) = (Vec::new(), false, false);
        for (_, seen) in self.parts {
            match seen {
                Seen::Thought(thought) if thought.seal.is_some() => waiting.push(thought),
                Seen::Thought(_) => (),
                Seen::Words if begun => {
                    misplaced |= !waiting.is_empty();
                    called = false;
                }
                Seen::Words => (leading, begun) = (std::mem::take(&mut waiting), true),
                Seen::Call(id, mut proof) => {
                    let before = std::mem::take(&mut waiting);
                    if begun {
                        proof.before = before;
                    } else {
                        leading = before;
                    };
                    proof.leading = std::mem::take(&mut leading);
                    calls.push((id, proof));
                    (begun, called) = (true, true);
                }
            }
        }
        match calls.last_mut() {
            Some((_, last)) if called => last.after = waiting,
            _ => misplaced |= !waiting.is_empty(),
        }
        if misplaced {
            calls.iter_mut().for_each(|(_, proof)| proof.forget_thoughts());
        }
        calls
    }
}
