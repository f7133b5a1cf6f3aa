//! Watches the folder of account files. A thread of its own, like the watch on the configuration: notifications make it
//! quick, a look every two seconds makes it sure. What a file must be to be used is the shelf's to know; a file that is
//! being written is looked at again before anything is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::Config;
use gateway::{Folder, Remark, Shelf};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::args::Watching;
use crate::environment;
use crate::reload::Reloader;
use crate::watch::writes;

/// Between two looks without a notification.
const POLL: Duration = Duration::from_secs(2);
/// Between a change and the look that decides, and between two looks at files that change without a pause.
const SETTLE: Duration = Duration::from_millis(100);
/// How long the end of the watch is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// The accounts of the folder that a configuration names, nothing read yet.
pub(crate) fn of(config: &Config) -> Shelf {
    at(&config.auth_dir_in(environment::folder("HOME").as_deref()))
}

/// The same, all read.
pub(crate) fn once(config: &Config) -> Shelf {
    let mut shelf = of(config);
    _ = shelf.look(false);
    shelf
}

/// The same, and what is odd is told in the log.
pub(crate) fn first(config: &Config) -> Shelf {
    let mut shelf = of(config);
    tell(&shelf.look(false).remarks);
    shelf
}

fn at(folder: &Path) -> Shelf {
    Shelf::new(Arc::new(Folder::new(folder)))
}

fn tell(remarks: &[Remark]) {
    for Remark { is_trouble, text } in remarks {
        match is_trouble {
            true => tracing::warn!(target: "accounts", "{text}"),
            false => tracing::info!(target: "accounts", "{text}"),
        }
    }
}

/// A running watch. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct AccountWatch {
    bell: Option<SyncSender<()>>,
    stopped: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl AccountWatch {
    /// Watches from now on; what `shelf` knows is known.
    pub(crate) fn start(reloader: Arc<Reloader>, shelf: Shelf, watching: Watching) -> Result<Self, String> {
        let (bell, rung) = mpsc::sync_channel(1);
        let (running, ended) = mpsc::channel();
        let stopped = Arc::default();
        let folder = reloader.auth_dir();
        let watch = Round {
            reloader,
            shelf,
            folder,
            moved: false,
            rung,
            rope: bell.clone(),
            watching,
            stopped: Arc::clone(&stopped),
        };
        let work = move || {
            watch.run();
            drop(running);
        };
        let thread = std::thread::Builder::new().name("accounts".to_owned()).spawn(work);
        let thread = thread.map_err(|error| format!("cannot watch the account files: {error}"))?;
        Ok(Self { bell: Some(bell), stopped, thread: Some(thread), ended })
    }
}

impl Drop for AccountWatch {
    fn drop(&mut self) {
        self.stopped.store(true, std::sync::atomic::Ordering::Release);
        // A bell that is rung already wakes the thread, too.
        _ = self.bell.take().map(|bell| bell.try_send(()));
        let ended = self.ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Disconnected);
        // A thread that panicked has said so itself.
        let _ = self.thread.take().filter(|_| ended).map(JoinHandle::join);
    }
}

/// The thread's own.
struct Round {
    reloader: Arc<Reloader>,
    shelf: Shelf,
    folder: PathBuf,
    /// The folder is another one: what is in use is of the old one.
    moved: bool,
    rung: Receiver<()>,
    rope: SyncSender<()>,
    watching: Watching,
    stopped: Arc<std::sync::atomic::AtomicBool>,
}

impl Round {
    fn run(mut self) {
        let mut notices = self.notices();
        loop {
            if self.wait(POLL) {
                return;
            }
            let folder = self.reloader.auth_dir();
            if folder != self.folder {
                self.folder = folder;
                self.shelf = at(&self.folder);
                self.moved = true;
                notices = self.notices();
            } else if notices.is_none() {
                // The folder may be there by now.
                notices = self.notices();
            }
            if self.look() {
                return;
            }
        }
    }

    /// Looks until nothing is in doubt; true when it is time to stop.
    fn look(&mut self) -> bool {
        let began = Instant::now();
        loop {
            let looked = self.shelf.look(true);
            tell(&looked.remarks);
            if looked.changed || std::mem::take(&mut self.moved) {
                // Told there, whatever comes of it.
                _ = self.reloader.restock(self.shelf.shelved());
            }
            let again = looked.doubtful && began.elapsed() < POLL;
            if !again && !looked.changed {
                return false;
            }
            // Whoever replaces files without a pause is followed some ten times a second.
            if self.pause() {
                return true;
            }
            if !again {
                return false;
            }
        }
    }

    /// Waits for a bell; true when it is time to stop.
    fn wait(&self, patience: Duration) -> bool {
        // The rope is ours, so the other end is always there.
        _ = self.rung.recv_timeout(patience);
        self.stopped.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Lets a moment pass in which bells are kept; true when it is time to stop.
    fn pause(&self) -> bool {
        let until = Instant::now() + SETTLE;
        let mut rung = false;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            rung |= self.rung.recv_timeout(left).is_ok();
            if self.stopped.load(std::sync::atomic::Ordering::Acquire) {
                return true;
            }
        }
        if rung {
            _ = self.rope.try_send(());
        }
        false
    }

    /// The system's notifications; `None` where there are none to be had.
    fn notices(&self) -> Option<RecommendedWatcher> {
        if self.watching != Watching::Auto {
            return None;
        }
        let rope = self.rope.clone();
        let ring = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| writes(&event.kind) && concerns(&event)) {
                // One that rings already is enough.
                _ = rope.try_send(());
            }
        };
        let mut watcher = notify::recommended_watcher(ring).ok()?;
        watcher.watch(&self.folder, RecursiveMode::NonRecursive).ok()?;
        Some(watcher)
    }
}

/// Whether an event may be about an account. What the gateway itself keeps in the folder is none: counts of client keys
/// are written every second. A folder that is gone is found by the next look.
fn concerns(event: &Event) -> bool {
    let ours = |path: &PathBuf| {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return true };
        !name.starts_with('.') && (name.to_ascii_lowercase().ends_with(".json") || path.is_dir())
    };
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(ours)
}

#[cfg(test)]
mod tests {
    use notify::EventKind;

    use super::*;

    #[test]
    fn only_what_may_be_an_account_rings() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("sub.d")).unwrap();
        let rings = |name: &str| concerns(&Event::new(EventKind::Any).add_path(home.path().join(name)));
        assert!(rings("a.json") && rings("B.JSON") && rings("sub.d"));
        assert!(concerns(&Event::new(EventKind::Any)));
        for name in ["client-key-use.state", "bosporus.cds", ".tmpAbC", ".a.json", ".locks"] {
            assert!(!rings(name), "{name}");
        }
    }
}
