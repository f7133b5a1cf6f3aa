//! Proofs of reasoning for clients that would lose them: Chat and Ollama have no place for most, and programs drop the
//! fields that they do not know. What stood with a tool call is kept here under the call's id, which every client sends
//! back, and put into the history again.
//!
//! A second line only: a history without its proofs is answered, too. In memory, bounded by age, number and bytes, the
//! oldest leaving first; whose key it was alone gets it back.

mod keeper;
mod placing;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::{ResponsesStore, StoreMode};
use dialect::ClientSide;
use hub::{Request, Seal, Thought};

pub(crate) use keeper::Keeper;

use crate::app::Worker;
use crate::record::Record;
use crate::snapshot::Snapshot;

/// Most calls that are remembered.
const MAX_CALLS: usize = 10_000;
/// Most bytes of all that is remembered.
const MAX_BYTES: usize = 16 << 20;
/// What a call takes besides its words, about.
const FRAME: usize = 256;

/// Who asked and the id of the call.
type Key = (Arc<str>, Arc<str>);

/// What stood with a call.
#[derive(Clone, Debug, Default)]
struct Proof {
    /// The tool's name: the same id for another tool is another call.
    name: String,
    /// The thoughts that led the answer, before its texts; with its first call only.
    leading: Vec<Thought>,
    /// The thoughts directly before the call.
    before: Vec<Thought>,
    /// The thoughts that ended the answer; with its last call only.
    after: Vec<Thought>,
    /// The proof of the call itself.
    seal: Option<Seal>,
}

impl Proof {
    fn thoughts(&self) -> impl Iterator<Item = &Thought> {
        self.leading.iter().chain(&self.before).chain(&self.after)
    }

    fn forget_thoughts(&mut self) {
        (self.leading, self.before, self.after) = (Vec::new(), Vec::new(), Vec::new());
    }

    fn proves(&self) -> bool {
        self.seal.is_some() || self.thoughts().next().is_some()
    }

    fn size(&self) -> usize {
        FRAME + self.name.len() + weight(self.seal.as_ref()) + self.thoughts().map(thought_weight).sum::<usize>()
    }
}

fn weight(seal: Option<&Seal>) -> usize {
    seal.map_or(0, |seal| seal.data.len())
}

fn thought_weight(thought: &Thought) -> usize {
    size_of::<Thought>() + thought.text.len() + weight(thought.seal.as_ref())
}

/// Where proofs are kept, and whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'a> {
    proofs: &'a Proofs,
    store: &'a ResponsesStore,
    label: Option<&'a Arc<str>>,
}

impl<'a> Memory<'a> {
    /// What is kept for the key of a request.
    pub(crate) fn of(worker: &'a Worker, snapshot: &'a Snapshot, record: &'a Record) -> Self {
        Self { proofs: &worker.app.proofs, store: &snapshot.config.responses_store, label: record.key.as_ref() }
    }

    /// Puts what the client has lost of earlier answers back into its history, and tells for whom to remember that of
    /// the next one.
    pub(crate) fn remind(self, client: &dyn ClientSide, request: &mut Request) -> Option<Arc<str>> {
        if !client.loses_proofs() || self.store.mode == StoreMode::Off {
            return None;
        }
        let label = self.label.cloned().unwrap_or_default();
        self.proofs.restore(request, &label, self.store.ttl);
        (!request.tools.is_empty()).then_some(label)
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

    /// Lets go of what is too old.
    pub(crate) fn trim(&self, ttl: Duration, now: Instant) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let mut inner = self.lock();
            inner.trim(ttl, now);
            self.count.store(inner.calls.len(), Ordering::Relaxed);
        }
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
        placing::restore(request, |call| {
            let proof = self.find(&(Arc::clone(label), Arc::from(&*call.id)), ttl, now)?;
            (proof.name == call.name).then_some(proof)
        });
    }
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
