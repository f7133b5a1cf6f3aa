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
    /// Takes up what an earlier run left in `folder`, and writes down what changes from now on.
    pub(crate) fn start(app: &Arc<App>, folder: &Path) -> Result<Self, String> {
        let path = folder.join(FILE);
        restore(app, &path);
        let (stop, stopped) = mpsc::channel();
        let app = Arc::clone(app);
        let keep = move || {
            loop {
                let over = stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout);
                save(&app, &path);
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

fn save(app: &App, path: &Path) {
    let Some(text) = app.key_use_to_keep() else { return };
    if let Err(error) = write(path, &text) {
        tracing::error!(path = %path.display(), %error, "the counts of client keys cannot be written");
    }
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
