//! Notices that the configuration file has changed, and hands what it holds to the reloader. A thread of its own, so
//! that slow disks and large files hold up no request.
//!
//! The system's notifications make it quick: they cover edits, atomic renames and symbolic links that are turned to
//! another file. A look every two seconds makes it sure: network mounts notify nobody, and `--watch poll` does without
//! notifications altogether. Content decides, not time
//! stamps. A file is taken when two looks in a row saw the same, because a file that is being written can be valid
//! and yet be only its first half.

use std::collections::HashSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gateway::Reloaded;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use tokio::sync::oneshot;

use crate::args::Watching;
use crate::bell::{Bell, Ringer};
use crate::reload::Reloader;

/// Between two looks without a notification.
const POLL: Duration = Duration::from_secs(2);
/// Between two looks at a file that has just changed.
const SETTLE: Duration = Duration::from_millis(100);
/// Looks at a file that changes without a pause. Then a version is taken if each is written as a file of its own, so
/// that every one is whole.
const LOOKS: u32 = 10;
/// Links that lead from one to the next.
const MOST_LINKS: usize = 16;

/// A running watch. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Watch(Ringer<Rung>);

/// Who asked for a reload and waits for its outcome.
type Asker = oneshot::Sender<Result<Reloaded, String>>;

/// What the watching thread waits for.
#[derive(Debug, Default)]
struct Rung {
    file: bool,
    signal: bool,
    asked: Vec<Asker>,
}

impl Rung {
    /// Whether the file is to be taken over, changed or not.
    fn insists(&self) -> bool {
        self.signal || !self.asked.is_empty()
    }
}

/// What a look saw.
struct Look {
    bytes: io::Result<Vec<u8>>,
    /// Of the configuration, and of all that was read.
    own: u64,
    print: u64,
    /// The file's number: another file has another one.
    inode: u64,
}

/// What was taken over last: the configuration, and it with all that it names.
#[derive(Clone, Copy)]
struct Known {
    own: u64,
    seen: u64,
}

// === impl Watch ===

impl Watch {
    /// Watches from now on.
    pub(crate) fn start(reloader: Arc<Reloader>, watching: Watching) -> Result<Self, String> {
        // Not on the thread: it may run later than somebody who reads that we are ready, and changes a file.
        let known = Known::by(&reloader);
        let started = Ringer::start("config", move |bell| run(bell, &reloader, watching, known));
        Ok(Self(started.map_err(|error| format!("cannot watch the configuration: {error}"))?))
    }

    /// Takes the file over now, changed or not.
    pub(crate) fn hang_up(&self) {
        self.0.ring(|rung| rung.signal = true);
    }

    /// The same, for somebody who waits for the outcome. Nothing is told when the watch ends before that.
    pub(crate) fn ask(&self, asker: Asker) {
        self.0.ring(|rung| rung.asked.push(asker));
    }
}

// === the thread ===

fn run(bell: &Arc<Bell<Rung>>, reloader: &Reloader, watching: Watching, known: Known) {
    let Known { mut own, mut seen } = known;
    let notified = || (watching == Watching::Auto).then(|| notices(bell, reloader)).flatten();
    let mut notices_now = notified();
    while let Some(rung) = bell.wait(POLL, |rung| rung.file || rung.insists()) {
        let first = Look::at(reloader);
        if !rung.insists() && first.print == seen {
            continue;
        }
        let Some(settled) = settle(bell, reloader, first) else { return };
        if !rung.insists() && settled.print == seen {
            continue;
        }
        let cause = if rung.signal {
            "SIGHUP"
        } else if rung.insists() {
            "management"
        } else if settled.own == own {
            "a file that it names has changed"
        } else {
            "the file has changed"
        };
        let further = reloader.further_files();
        let outcome = reloader.reload(cause, settled.bytes.as_deref());
        // Whoever asked may have gone meanwhile.
        rung.asked.into_iter().for_each(|asker| _ = asker.send(outcome.clone()));
        (own, seen) = (settled.own, settled.print);
        if reloader.further_files() != further {
            // The new configuration names other files, which it has read already.
            seen = print_of(settled.bytes.as_deref().ok(), &reloader.further_files());
        }
        // A link may lead elsewhere now.
        notices_now = notices_now.filter(|(_, watched)| *watched == Watched::by(reloader)).or_else(notified);
    }
}

/// Looks until two looks in a row saw the same; `None` when it is time to stop.
fn settle(bell: &Bell<Rung>, reloader: &Reloader, mut last: Look) -> Option<Look> {
    for looks in 1_u32.. {
        if bell.pause(SETTLE) {
            return None;
        }
        // The look that follows sees it. Whoever insists is kept for later.
        bell.ring(|rung| rung.file = false);
        let next = Look::at(reloader);
        let whole = looks >= LOOKS && next.inode != last.inode;
        if next.print == last.print || whole {
            return Some(next);
        }
        if looks == LOOKS {
            tracing::warn!(file = %reloader.path().display(), "the configuration is being rewritten without a pause: waiting for its end");
        }
        last = next;
    }
    None
}

impl Known {
    fn by(reloader: &Reloader) -> Self {
        let text = reloader.text();
        Self { own: print_of(Some(&text), &[]), seen: print_of(Some(&text), &reloader.further_files()) }
    }
}

impl Look {
    fn at(reloader: &Reloader) -> Self {
        let path = reloader.path();
        // The number first: if the file is replaced in between, the next look has both another number and content.
        let inode = std::fs::metadata(path).map_or(0, |meta| meta.ino());
        let bytes = std::fs::read(path);
        let content = bytes.as_deref().ok();
        let (own, print) = (print_of(content, &[]), print_of(content, &reloader.further_files()));
        Self { bytes, own, print, inode }
    }
}

fn print_of(bytes: Option<&[u8]>, further: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    for file in further {
        std::fs::read(file).ok().hash(&mut hasher);
    }
    hasher.finish()
}

/// The system's notifications of what may change the file, and of what they tell; `None` where there are none to be
/// had.
fn notices(bell: &Arc<Bell<Rung>>, reloader: &Reloader) -> Option<(RecommendedWatcher, Watched)> {
    let watched = Watched::by(reloader);
    let (rope, names) = (Arc::clone(bell), watched.names.clone());
    let ring = move |event: &Event| {
        if concerns(&names, event) {
            rope.ring(|rung| rung.file = true);
        }
    };
    let mut watcher = watcher(ring)?;
    let heard = watched.folders.iter().filter(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
    (heard.count() > 0).then_some((watcher, watched))
}

/// What notifications are wanted of.
#[derive(Debug, PartialEq, Eq)]
struct Watched {
    /// The folders of the file, and of the file that it is a link to.
    folders: Vec<PathBuf>,
    /// What is written there under other names is no business of ours: logs, counts, accounts.
    names: HashSet<OsString>,
}

impl Watched {
    fn by(reloader: &Reloader) -> Self {
        Self::of(reloader.path(), &reloader.further_files())
    }

    fn of(path: &Path, further: &[PathBuf]) -> Self {
        let mut names = names(path);
        names.extend(further.iter().flat_map(|file| self::names(file)));
        Self { folders: folders(path), names }
    }
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![folder(path)];
    folders.extend(path.canonicalize().ok().map(|target| folder(&target)));
    folders.dedup();
    folders
}

/// The names on the way to a file: its own, and all that links on the way lead over, for each of them may be turned.
fn names(path: &Path) -> HashSet<OsString> {
    let mut names: HashSet<_> = path.file_name().map(OsString::from).into_iter().collect();
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let Ok(target) = std::fs::read_link(&path) else { break };
        names.extend(target.file_name().map(OsString::from));
        let folders = target.parent().into_iter().flat_map(Path::components);
        names.extend(folders.filter(|part| matches!(part, Component::Normal(_))).map(|part| part.as_os_str().into()));
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    names
}

/// Whether an event may be one of these names. One that names nothing may be anything.
fn concerns(names: &HashSet<OsString>, event: &Event) -> bool {
    let known = |path: &PathBuf| path.file_name().is_none_or(|name| names.contains(name));
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(known)
}

/// The system's notifications, of nothing yet: `ring` is called when something has been written.
pub(crate) fn watcher(ring: impl Fn(&Event) + Send + 'static) -> Option<RecommendedWatcher> {
    let notice = move |event: notify::Result<Event>| {
        if let Ok(event) = event
            && writes(&event.kind)
        {
            ring(&event);
        }
    };
    notify::recommended_watcher(notice).ok()
}

/// Our own looks are events, too; they must not lead to further looks.
fn writes(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(path: &str) -> Event {
        Event::new(EventKind::Any).add_path(path.into())
    }

    #[test]
    fn only_what_may_change_the_file_rings() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let (link, last) = (at("config.yaml"), at("of-monday/real.yaml"));
        std::fs::create_dir(at("of-monday")).unwrap();
        std::fs::write(&last, "port: 1").unwrap();
        std::os::unix::fs::symlink("of-monday", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/second.yaml", &link).unwrap();
        std::os::unix::fs::symlink("real.yaml", at("of-monday/second.yaml")).unwrap();
        let watched = Watched::of(&link, &[PathBuf::from("tls/key.pem")]);
        for name in ["config.yaml", "..data", "second.yaml", "real.yaml", "key.pem", "any/folder/config.yaml"] {
            assert!(concerns(&watched.names, &event(name)), "{name}");
        }
        for name in ["main.log", "config.yaml.swp", ".config.yaml", "client-key-use.state", "a/b.json"] {
            assert!(!concerns(&watched.names, &event(name)), "{name}");
        }
        assert!(concerns(&watched.names, &Event::new(EventKind::Any)));
        let renamed = event("config.yaml.new").add_path(link);
        assert!(concerns(&watched.names, &renamed), "either end of a renaming counts");
        let folders = [home.path().to_owned(), at("of-monday").canonicalize().unwrap()];
        assert_eq!(watched.folders, folders);
    }

    #[test]
    fn a_ring_of_links_ends() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (home.path().join("one"), home.path().join("other"));
        std::os::unix::fs::symlink("other", &one).unwrap();
        std::os::unix::fs::symlink("one", &other).unwrap();
        assert_eq!(names(&one).len(), 2);
    }
}
