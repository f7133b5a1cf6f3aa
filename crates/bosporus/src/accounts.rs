//! Watches the folder of account files. A thread of its own, like the watch on the configuration: notifications make it
//! quick, a look every two seconds makes it sure. What a file must be to be used is the shelf's to know; a file that is
//! being written is looked at again before anything is said of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Config;
use gateway::{Folder, Remark, Shelf};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::args::Watching;
use crate::bell::{Bell, Ringer};
use crate::environment;
use crate::reload::Reloader;
use crate::watch::watcher;

/// Between two looks without a notification.
const POLL: Duration = Duration::from_secs(2);
/// Between a change and the look that decides, and between two looks at files that change without a pause.
const SETTLE: Duration = Duration::from_millis(100);
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
    _thread: Ringer<Rung>,
}

/// Whether something has been written in the folder.
type Rung = bool;

impl AccountWatch {
    /// Watches from now on; what `shelf` knows is known.
    pub(crate) fn start(reloader: Arc<Reloader>, shelf: Shelf, watching: Watching) -> Result<Self, String> {
        let folder = reloader.auth_dir();
        let work = move |bell: &Arc<Bell<Rung>>| {
            let bell = Arc::clone(bell);
            Round { reloader, shelf, folder, moved: false, bell, watching }.run();
        };
        let started = Ringer::start("accounts", work);
        Ok(Self { _thread: started.map_err(|error| format!("cannot watch the account files: {error}"))? })
    }
}

/// The thread's own.
struct Round {
    reloader: Arc<Reloader>,
    shelf: Shelf,
    folder: PathBuf,
    /// The folder is another one: what is in use is of the old one.
    moved: bool,
    bell: Arc<Bell<Rung>>,
    watching: Watching,
}

impl Round {
    fn run(mut self) {
        let mut notices = self.notices();
        while self.bell.wait(POLL, |rung| *rung).is_some() {
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
            if self.bell.pause(SETTLE) {
                return true;
            }
            if !again {
                return false;
            }
        }
    }

    /// The system's notifications; `None` where there are none to be had.
    fn notices(&self) -> Option<RecommendedWatcher> {
        if self.watching != Watching::Auto {
            return None;
        }
        let rope = Arc::clone(&self.bell);
        let ring = move |event: &Event| {
            if concerns(event) {
                rope.ring(|rung| *rung = true);
            }
        };
        let mut watcher = watcher(ring)?;
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
