//! Where answers are kept: in memory, bounded by age, number and bytes, the oldest leaving first.
//!
//! A conversation is a chain: each answer points at the one that it went on from, so that a long conversation is held
//! once and not once for each of its answers.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use config::ResponsesStore;
use dialect::Round;
use pool::AccountId;

/// What an answer takes besides its words, about.
const FRAME: usize = 512;

/// Who asks: the label of a client key, and the lasting connection if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) label: Arc<str>,
    pub(crate) connection: Option<u64>,
}

/// For whom an answer is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    label: Arc<str>,
    /// Only for this connection, and gone with it.
    connection: Option<u64>,
}

impl Caller {
    /// The scope of an answer to this caller.
    pub(crate) fn scope(&self, lasting: bool) -> Scope {
        Scope { label: Arc::clone(&self.label), connection: self.connection.filter(|_| !lasting) }
    }
}

impl Scope {
    /// Whether it outlives a connection.
    pub(crate) fn is_lasting(&self) -> bool {
        self.connection.is_none()
    }

    fn is_open_to(&self, caller: &Caller) -> bool {
        self.label == caller.label && (self.connection.is_none() || self.connection == caller.connection)
    }
}

/// An answer with what it answered.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What was said; `None` where only the account that answered knows all of it.
    round: Option<Round>,
    /// The answer that it went on from.
    before: Option<Arc<Self>>,
    /// The account that keeps it, too, and can be asked to go on by its id.
    pub(crate) owner: Option<AccountId>,
    size: usize,
    held: Arc<AtomicUsize>,
}

impl Turn {
    /// All rounds, oldest first; `None` where one of them is not known here.
    pub(crate) fn rounds(&self) -> Option<Vec<&Round>> {
        let mut rounds = Vec::new();
        let mut at = Some(self);
        while let Some(turn) = at {
            rounds.push(turn.round.as_ref()?);
            at = turn.before.as_deref();
        }
        rounds.reverse();
        Some(rounds)
    }

    /// What was said in this round, if it is known here.
    pub(crate) fn round(&self) -> Option<&Round> {
        self.round.as_ref()
    }
}

impl Drop for Turn {
    /// One after the other: a long chain would otherwise be dropped by as many nested calls.
    fn drop(&mut self) {
        self.held.fetch_sub(self.size, Ordering::Relaxed);
        let mut next = self.before.take();
        while let Some(mut turn) = next.and_then(Arc::into_inner) {
            next = turn.before.take();
        }
    }
}

/// What became of a search.
#[derive(Debug)]
pub(crate) enum Found {
    /// Here it is.
    Kept(Arc<Turn>),
    /// It is somebody else's.
    Foreign,
    /// Nobody knows it.
    Nothing,
}

/// A turn that is to be kept.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) id: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) round: Option<Round>,
    pub(crate) before: Option<Arc<Turn>>,
    pub(crate) owner: Option<AccountId>,
}

/// The store. Locked for a look-up or an insertion only, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Store {
    inner: Mutex<Inner>,
    /// Bytes of all turns that live, those included that only a later turn holds on to.
    held: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Almost always one entry for an id; two accounts may give out the same.
    entries: HashMap<Arc<str>, Vec<Entry>>,
    count: usize,
    /// Oldest first. What has been forgotten meanwhile is passed over.
    order: VecDeque<(Instant, u64, Arc<str>)>,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    serial: u64,
    since: Instant,
    scope: Scope,
    turn: Arc<Turn>,
}

impl Store {
    /// Keeps an answer, and lets go of what is too much or too old.
    pub(crate) fn keep(&self, fresh: Fresh, limits: &ResponsesStore, now: Instant) {
        let Fresh { id, scope, round, before, owner } = fresh;
        let size = FRAME + id.len() + round.as_ref().map_or(0, |round| round.input.len() + round.answer.len());
        if size > limits.max_bytes {
            return;
        }
        self.held.fetch_add(size, Ordering::Relaxed);
        let turn = Arc::new(Turn { round, before, owner, size, held: Arc::clone(&self.held) });
        let mut inner = self.lock();
        let gone = inner.insert(id, scope, turn, now);
        drop(inner);
        // Not under the lock: a whole conversation may go with it.
        drop(gone);
        self.trim(limits, now);
    }

    /// Looks an answer up for a caller.
    pub(crate) fn find(&self, id: &str, caller: &Caller, limits: &ResponsesStore, now: Instant) -> Found {
        let inner = self.lock();
        let entries = inner.entries.get(id).map(Vec::as_slice).unwrap_or_default();
        let mut alive =
            entries.iter().filter(|entry| now.saturating_duration_since(entry.since) < limits.ttl).peekable();
        if alive.peek().is_none() {
            return Found::Nothing;
        }
        match alive.find(|entry| entry.scope.is_open_to(caller)) {
            Some(entry) => Found::Kept(Arc::clone(&entry.turn)),
            None => Found::Foreign,
        }
    }

    /// Forgets an answer. Those that went on from it keep what they need of it.
    pub(crate) fn forget(&self, id: &str, caller: &Caller) -> bool {
        let mut inner = self.lock();
        let gone = inner.remove(id, |entry| entry.scope.is_open_to(caller));
        drop(inner);
        !gone.is_empty()
    }

    /// Forgets what was kept for one connection.
    pub(crate) fn hang_up(&self, connection: u64) {
        let mut inner = self.lock();
        let of_it = |entry: &Entry| entry.scope.connection == Some(connection);
        let ids: Vec<Arc<str>> = inner
            .entries
            .iter()
            .filter(|(_, entries)| entries.iter().any(of_it))
            .map(|(id, _)| Arc::clone(id))
            .collect();
        let gone: Vec<_> = ids.iter().map(|id| inner.remove(id, of_it)).collect();
        drop(inner);
        drop(gone);
    }

    /// Lets go of what is too much or too old.
    pub(crate) fn trim(&self, limits: &ResponsesStore, now: Instant) {
        loop {
            let mut inner = self.lock();
            let too_much = inner.count > limits.max_entries || self.held.load(Ordering::Relaxed) > limits.max_bytes;
            let gone = inner.pop(too_much, limits, now);
            drop(inner);
            if gone.is_none() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic runs under the lock, and the map is sound at every step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, id: Arc<str>, scope: Scope, turn: Arc<Turn>, now: Instant) -> Vec<Entry> {
        let same = scope.clone();
        let gone = self.remove(&id, |entry| entry.scope == same);
        self.serial += 1;
        self.count += 1;
        self.order.push_back((now, self.serial, Arc::clone(&id)));
        let entry = Entry { serial: self.serial, since: now, scope, turn };
        self.entries.entry(id).or_default().push(entry);
        self.tidy();
        gone
    }

    /// Forgotten answers leave their place in the order behind: not for ever.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.count + 64 {
            let entries = &self.entries;
            let is_there = |id: &Arc<str>, serial| {
                entries.get(id).is_some_and(|list| list.iter().any(|entry| entry.serial == serial))
            };
            self.order.retain(|(_, serial, id)| is_there(id, *serial));
        }
    }

    fn remove(&mut self, id: &str, mut which: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let Some(list) = self.entries.get_mut(id) else { return Vec::new() };
        let gone: Vec<Entry> = list.extract_if(.., |entry| which(entry)).collect();
        if list.is_empty() {
            self.entries.remove(id);
        }
        self.count -= gone.len();
        gone
    }

    /// Takes the oldest out, if it has to go.
    fn pop(&mut self, too_much: bool, limits: &ResponsesStore, now: Instant) -> Option<Vec<Entry>> {
        let (since, serial, _) = self.order.front()?;
        let (since, serial) = (*since, *serial);
        if !too_much && now.saturating_duration_since(since) < limits.ttl {
            return None;
        }
        let (_, _, id) = self.order.pop_front()?;
        Some(self.remove(&id, |entry| entry.serial == serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;

    fn limits() -> ResponsesStore {
        ResponsesStore { max_bytes: 100 * FRAME, max_entries: 10, ..ResponsesStore::default() }
    }

    fn caller(label: &str) -> Caller {
        Caller { label: label.into(), connection: None }
    }

    fn round(words: usize) -> Option<Round> {
        Some(Round { input: Bytes::from(vec![b'x'; words]), answer: Bytes::new() })
    }

    fn fresh(id: &str, before: Option<Arc<Turn>>, words: usize) -> Fresh {
        Fresh { id: id.into(), scope: caller("a").scope(true), round: round(words), before, owner: None }
    }

    fn kept(store: &Store, id: &str, now: Instant) -> Option<Arc<Turn>> {
        match store.find(id, &caller("a"), &limits(), now) {
            Found::Kept(turn) => Some(turn),
            Found::Foreign | Found::Nothing => None,
        }
    }

    #[test]
    fn an_answer_is_found_by_its_own_caller_until_it_is_too_old() {
        let (store, now) = (Store::default(), Instant::now());
        store.keep(fresh("r", None, 1), &limits(), now);
        assert!(kept(&store, "r", now).is_some());
        assert!(matches!(store.find("r", &caller("b"), &limits(), now), Found::Foreign));
        assert!(!store.forget("r", &caller("b")));
        let later = now + limits().ttl;
        assert!(matches!(store.find("r", &caller("a"), &limits(), later), Found::Nothing));
        // The next sweep gives the memory back, and leaves what is not too old.
        store.keep(fresh("t", None, 1), &limits(), now + limits().ttl / 2);
        store.trim(&limits(), later);
        assert!(kept(&store, "t", later).is_some());
        assert_eq!(store.lock().count, 1);
        store.trim(&limits(), later + limits().ttl / 2);
        assert_eq!((store.held.load(Ordering::Relaxed), store.lock().count), (0, 0));
        store.keep(fresh("s", None, 1), &limits(), later);
        let inner = store.lock();
        assert_eq!((inner.count, inner.order.len()), (1, 1));
        drop(inner);
        assert!(store.forget("s", &caller("a")) && !store.forget("s", &caller("a")));
        assert_eq!(store.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_oldest_leaves_first_and_its_words_stay_as_long_as_they_are_needed() {
        let (store, now) = (Store::default(), Instant::now());
        store.keep(fresh("r0", None, 1), &limits(), now);
        for number in 1..=10 {
            let before = kept(&store, &format!("r{}", number - 1), now);
            assert!(before.is_some());
            store.keep(fresh(&format!("r{number}"), before, 1), &limits(), now + Duration::from_millis(number));
        }
        assert!(kept(&store, "r0", now).is_none());
        let last = kept(&store, "r10", now).unwrap();
        assert_eq!(last.rounds().unwrap().len(), 11);
        drop(last);
        // One whose words alone are too many is not kept, and costs nobody else their place.
        store.keep(fresh("huge", None, 200 * FRAME), &limits(), now);
        assert!(kept(&store, "huge", now).is_none() && kept(&store, "r10", now).is_some());
        // Too many bytes: all before goes.
        store.keep(fresh("big", None, 95 * FRAME), &limits(), now);
        assert!(kept(&store, "big", now).is_some() && kept(&store, "r10", now).is_none());
        assert!(store.held.load(Ordering::Relaxed) <= limits().max_bytes);
    }

    #[test]
    fn what_is_kept_for_a_connection_ends_with_it() {
        let (store, now) = (Store::default(), Instant::now());
        let here = Caller { connection: Some(7), ..caller("a") };
        let scope = here.scope(false);
        store.keep(Fresh { scope, ..fresh("r", None, 1) }, &limits(), now);
        assert!(matches!(store.find("r", &here, &limits(), now), Found::Kept(_)));
        assert!(matches!(store.find("r", &caller("a"), &limits(), now), Found::Foreign));
        store.hang_up(7);
        assert!(matches!(store.find("r", &here, &limits(), now), Found::Nothing));
    }

    #[test]
    fn a_gap_in_the_chain_is_told() {
        let (store, now) = (Store::default(), Instant::now());
        store.keep(Fresh { round: None, ..fresh("r", None, 0) }, &limits(), now);
        let before = kept(&store, "r", now);
        store.keep(fresh("s", before, 1), &limits(), now);
        assert!(kept(&store, "s", now).unwrap().rounds().is_none());
    }

    #[test]
    fn a_very_long_chain_is_dropped_without_a_deep_stack() {
        let held = Arc::default();
        let mut last: Option<Arc<Turn>> = None;
        for _ in 0..300_000 {
            last = Some(Arc::new(Turn { round: None, before: last, owner: None, size: 0, held: Arc::clone(&held) }));
        }
        drop(last);
    }

    #[test]
    fn forgotten_answers_leave_no_trail() {
        let (store, now) = (Store::default(), Instant::now());
        store.keep(fresh("stays", None, 1), &limits(), now);
        for number in 0..1_000 {
            let id = format!("r{number}");
            store.keep(fresh(&id, None, 1), &limits(), now);
            store.forget(&id, &caller("a"));
        }
        assert!(store.lock().order.len() < 200);
        // What was not forgotten still leaves when its time comes.
        assert!(kept(&store, "stays", now).is_some());
        store.keep(fresh("next", None, 1), &limits(), now + limits().ttl);
        assert_eq!(store.lock().count, 1);
    }
}
