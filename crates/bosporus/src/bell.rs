//! A thread that sleeps until a bell rings: for what waits for disks, beside the workers. It has an owner that ends it,
//! and knows nothing of what is watched.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the end of the thread is waited for: a disk that hangs must not hold up the end of the program.
const FAREWELL: Duration = Duration::from_secs(1);

/// What wakes the thread: the notes that others leave for it, and the wish that it ends.
#[derive(Debug, Default)]
pub(crate) struct Bell<N> {
    rung: Mutex<Rung<N>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rung<N> {
    notes: N,
    stop: bool,
}

/// The thread, for its owner. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Ringer<N> {
    bell: Arc<Bell<N>>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

// === impl Bell ===

impl<N> Bell<N> {
    /// Leaves a note.
    pub(crate) fn ring(&self, note: impl FnOnce(&mut N)) {
        note(&mut self.lock().notes);
        self.changed.notify_all();
    }

    /// Waits until the notes are worth waking for, but no longer than `patience`, and takes them; `None` when it is time
    /// to stop.
    pub(crate) fn wait(&self, patience: Duration, wakes: impl Fn(&N) -> bool) -> Option<N>
    where
        N: Default,
    {
        let asleep = |rung: &mut Rung<N>| !(rung.stop || wakes(&rung.notes));
        let waited = self.changed.wait_timeout_while(self.lock(), patience, asleep);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!rung.stop).then(|| std::mem::take(&mut rung.notes))
    }

    /// Lets time pass in which notes are kept; true when it is time to stop.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |rung| !rung.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Rung<N>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ringer ===

impl<N: Default + Send + 'static> Ringer<N> {
    /// Starts a thread of a name.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) fn start(name: &str, work: impl FnOnce(&Arc<Bell<N>>) + Send + 'static) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let rope = Arc::clone(&bell);
        let (running, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            work(&rope);
            drop(running);
        })?;
        Ok(Self { bell, thread: Some(thread), ended })
    }

    /// Leaves a note for the thread.
    pub(crate) fn ring(&self, note: impl FnOnce(&mut N)) {
        self.bell.ring(note);
    }
}

impl<N> Drop for Ringer<N> {
    fn drop(&mut self) {
        self.bell.stop();
        let ended = self.ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Disconnected);
        // A thread that panicked has said so itself.
        let _ = self.thread.take().filter(|_| ended).map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn notes_wake_the_thread_and_each_is_taken_once() {
        let (tell, told) = mpsc::channel();
        let ringer: Ringer<Vec<u32>> = Ringer::start("test", move |bell: &Arc<Bell<Vec<u32>>>| {
            while let Some(notes) = bell.wait(LONG, |notes| !notes.is_empty()) {
                tell.send(notes).unwrap();
            }
        })
        .unwrap();
        ringer.ring(|notes| notes.push(1));
        assert_eq!(told.recv_timeout(LONG), Ok(vec![1]));
        ringer.ring(|notes| notes.extend([2, 3]));
        assert_eq!(told.recv_timeout(LONG), Ok(vec![2, 3]));
        drop(ringer);
        assert!(told.recv().is_err(), "the thread has ended, and said nothing more");
    }

    #[test]
    fn a_pause_keeps_notes_and_gives_way_to_the_end() {
        let bell: Bell<u32> = Bell::default();
        bell.ring(|note| *note = 7);
        assert!(!bell.pause(Duration::ZERO));
        assert_eq!(bell.wait(LONG, |note| *note > 0), Some(7));
        bell.stop();
        assert!(bell.pause(LONG));
        assert_eq!(bell.wait(LONG, |_| false), None);
    }
}
