//! Collects log lines and writes many with one system call: a write per line costs as much as the line itself.
//!
//! Lines of one thread stay in order. None is lost but by a kill that no program can see, and then those of the last
//! moment only: see [`PAUSE`]. It knows nothing of what is in a line.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of one thread that wait at most: then the thread writes them itself.
const FULL: usize = 64 * 1024;
/// Places to wait in. Threads share one only when there are more of them than this.
const PLACES: usize = 16;

/// Lines that wait to be written to `W`.
pub(super) struct Batch<W> {
    places: [Mutex<Vec<u8>>; PLACES],
    sink: Mutex<W>,
    /// Somebody waits: the writer has been woken, or is about to look.
    waiting: AtomicBool,
    /// `None` when every line is written at once.
    writer: Option<OnceLock<Thread>>,
}

impl<W: Write + Send + 'static> Batch<W> {
    /// Writes every line at once.
    pub(super) fn direct(sink: W) -> Arc<Self> {
        Arc::new(Self::new(sink, None))
    }

    /// Writes in batches, by a thread that sleeps while there is nothing to write.
    pub(super) fn start(sink: W) -> Arc<Self> {
        let batch = Arc::new(Self::new(sink, Some(OnceLock::new())));
        let own = Arc::clone(&batch);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || own.run());
        if let (Ok(thread), Some(writer)) = (thread, &batch.writer) {
            writer.get_or_init(|| thread.thread().clone());
        }
        batch
    }

    fn new(sink: W, writer: Option<OnceLock<Thread>>) -> Self {
        let places = std::array::from_fn(|_| Mutex::default());
        Self { places, sink: Mutex::new(sink), waiting: AtomicBool::new(false), writer }
    }

    fn run(&self) {
        loop {
            while !self.waiting.load(Ordering::Acquire) {
                std::thread::park();
            }
            // Nobody wakes us while `waiting` is set; if somebody did, this batch would be a smaller one.
            std::thread::park_timeout(PAUSE);
            // Before the flush: a line that comes while it runs sees that nobody waits for it, and wakes us again.
            self.waiting.store(false, Ordering::Release);
            self.flush();
        }
    }

    /// Writes all lines that wait.
    pub(super) fn flush(&self) {
        for place in &self.places {
            self.write_out(&mut lock(place));
        }
    }

    fn append(&self, line: &[u8], at_once: bool) {
        let mut lines = lock(&self.places[own_place()]);
        lines.extend_from_slice(line);
        let writer = self.writer.as_ref().and_then(OnceLock::get);
        let Some(writer) = writer.filter(|_| !at_once && lines.len() < FULL) else {
            return self.write_out(&mut lines);
        };
        drop(lines);
        if !self.waiting.load(Ordering::Relaxed) && !self.waiting.swap(true, Ordering::AcqRel) {
            writer.unpark();
        }
    }

    fn write_out(&self, lines: &mut Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        // Nobody is left to be told of a closed standard error.
        let _ = lock(&self.sink).write_all(lines);
        lines.clear();
        lines.shrink_to(FULL);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the lines of this thread wait.
fn own_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<Option<usize>> = const { Cell::new(None) };
    }
    OWN.get().unwrap_or_else(|| {
        let place = NEXT.fetch_add(1, Ordering::Relaxed) % PLACES;
        OWN.set(Some(place));
        place
    })
}

impl<W> fmt::Debug for Batch<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

/// Where a subscriber puts its lines.
#[derive(Debug)]
pub(super) struct Inlet<W>(pub(super) Arc<Batch<W>>);

/// Takes one line.
#[derive(Debug)]
pub(super) struct Entry<'a, W> {
    batch: &'a Batch<W>,
    at_once: bool,
}

impl<'a, W: Write + Send + 'static> MakeWriter<'a> for Inlet<W> {
    type Writer = Entry<'a, W>;

    fn make_writer(&'a self) -> Entry<'a, W> {
        Entry { batch: &self.0, at_once: true }
    }

    /// Trouble is not held back.
    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Entry<'a, W> {
        Entry { batch: &self.0, at_once: *event.level() <= Level::WARN }
    }
}

impl<W: Write + Send + 'static> Write for Entry<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.batch.append(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Tells each write.
    struct Told(mpsc::Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn batch() -> (Arc<Batch<Told>>, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel();
        (Batch::start(Told(sender)), receiver)
    }

    const PATIENCE: Duration = Duration::from_secs(100);

    #[test]
    fn lines_are_written_together_and_without_being_asked() {
        let (batch, written) = batch();
        batch.append(b"one\n", false);
        batch.append(b"two\n", false);
        let mut all = String::new();
        while all.len() < 8 {
            all.push_str(&written.recv_timeout(PATIENCE).unwrap());
        }
        assert_eq!(all, "one\ntwo\n");
        batch.append(b"three\n", false);
        assert_eq!(written.recv_timeout(PATIENCE).unwrap(), "three\n", "the writer must wake a second time");
    }

    #[test]
    fn trouble_is_written_before_the_call_returns_and_after_what_was_before_it() {
        let (batch, written) = batch();
        batch.append(b"calm\n", false);
        batch.append(b"trouble\n", true);
        let all: String = written.try_iter().collect();
        assert_eq!(all, "calm\ntrouble\n");
    }

    #[test]
    fn a_full_place_is_written_by_its_own_thread() {
        let (batch, written) = batch();
        batch.append(&vec![b'x'; FULL], false);
        assert_eq!(written.try_iter().map(|text| text.len()).sum::<usize>(), FULL);
    }

    #[test]
    fn a_flush_leaves_nothing_and_every_thread_is_in_order() {
        let (batch, written) = batch();
        std::thread::scope(|scope| {
            for thread in 0..2 * PLACES {
                let batch = &batch;
                scope.spawn(move || (0..200).for_each(|n| batch.append(format!("{thread} {n}\n").as_bytes(), false)));
            }
        });
        batch.flush();
        let all: String = written.try_iter().collect();
        for thread in 0..2 * PLACES {
            let own = all.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
            assert!(own.map(|n| n.parse::<u32>().unwrap()).eq(0..200), "thread {thread}");
        }
    }

    #[test]
    fn a_terminal_sees_each_line_at_once() {
        let (sender, written) = mpsc::channel();
        let batch = Batch::direct(Told(sender));
        batch.append(b"one\n", false);
        assert_eq!(written.try_recv().unwrap(), "one\n");
    }
}
