//! Writes down what must outlive the process: the monthly counts of client keys. A thread of its own, so that no request
//! waits for a disk; what was counted since the last writing is lost when the process is killed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use gateway::App;

/// How often changes are written down.
const INTERVAL: Duration = Duration::from_secs(1);
/// The file, in the folder of accounts.
const FILE: &str = "client-key-use.state";
/// Largest file that is read.
const MAX_FILE: u64 = 16 << 20;

/// The thread. Dropping it writes once more and waits for that.
pub(crate) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Takes up what an earlier run left in the folder of accounts, and writes down what changes from now on, wherever
    /// the configuration of the day puts that folder; `home` is where `~` leads.
    pub(crate) fn start(app: &Arc<App>, home: Option<PathBuf>) -> Result<Self, String> {
        let mut notes = Notes { home, path: None, unwritten: false, told: false };
        notes.follow(app);
        notes.unwritten = false;
        let (stop, stopped) = mpsc::channel();
        let app = Arc::clone(app);
        let keep = move || {
            loop {
                let over = stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
                notes.follow(&app);
                notes.save(&app);
                if over {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(keep);
        let thread = thread.map_err(|error| format!("cannot start the thread that keeps counts: {error}"))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// Where the counts are written, and whether the last ones are.
struct Notes {
    home: Option<PathBuf>,
    path: Option<PathBuf>,
    /// The file does not hold what it should: it stands at a new place, or could not be written.
    unwritten: bool,
    /// That it could not be written was said.
    told: bool,
}

impl Notes {
    /// Goes where the configuration says. What is there already is taken up where it is more than was counted here.
    fn follow(&mut self, app: &App) {
        let path = app.snapshot().config.auth_dir_in(self.home.as_deref()).join(FILE);
        if self.path.as_ref() != Some(&path) {
            restore(app, &path);
            (self.path, self.unwritten, self.told) = (Some(path), true, false);
        }
    }

    fn save(&mut self, app: &App) {
        let (Some(path), Some(text)) = (&self.path, app.key_use_to_keep(self.unwritten)) else { return };
        let written = write(path, &text);
        if let (Err(error), false) = (&written, self.told) {
            tracing::error!(path = %path.display(), %error, "the counts of client keys cannot be written");
        }
        self.unwritten = written.is_err();
        self.told = self.unwritten;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn restore(app: &App, path: &Path) {
    match read(path) {
        Ok(text) => {
            let strange = app.restore_key_use(&text);
            if strange > 0 {
                tracing::warn!(path = %path.display(), lines = strange, "some counts of client keys cannot be read");
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (),
        Err(error) => tracing::warn!(path = %path.display(), %error, "the counts of client keys cannot be read"),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// In one step and readable by the owner only: whoever reads the file sees the old counts or the new ones.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    std::fs::create_dir_all(&folder)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
