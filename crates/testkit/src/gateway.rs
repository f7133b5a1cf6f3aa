//! The real binary as a child process, for end-to-end tests.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

/// What stands before the address in the line that says "ready".
const READY: &str = "listening on http";
/// More than a loaded machine needs to start one small process.
const START_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    /// How many of the two pipes have ended.
    ended: usize,
}

/// A running gateway. Dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    child: Option<Child>,
    url: String,
    home: TempDir,
    output: Arc<watch::Sender<Output>>,
}

impl Gateway {
    /// Starts `binary --config FILE` with this configuration, and waits for its ready line. Use `port: 0` in it.
    /// Relative paths in the configuration are resolved in a directory of its own, see [`Gateway::home`].
    ///
    /// # Errors
    /// If the process cannot start, or ends or stays silent instead of becoming ready; the error holds its output.
    pub async fn start(binary: &Path, config: &str) -> io::Result<Self> {
        Self::start_with(binary, config, &[]).await
    }

    /// As [`Gateway::start`], with further environment variables.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_with(binary: &Path, config: &str, environment: &[(&str, &str)]) -> io::Result<Self> {
        Self::start_as(binary, config, environment, &[]).await
    }

    /// As [`Gateway::start_with`], with further arguments.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_as(
        binary: &Path,
        config: &str,
        environment: &[(&str, &str)],
        arguments: &[&str],
    ) -> io::Result<Self> {
        let home = tempfile::tempdir()?;
        let file = home.path().join("config.yaml");
        std::fs::write(&file, config)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(&file).args(arguments).current_dir(home.path());
        // What is kept by default is kept below the user's home: another gateway's lists, counts and accounts would be
        // this one's, and those of earlier runs, whose fakes had the same port.
        command.env("HOME", home.path()).env_remove("XDG_CONFIG_HOME");
        // Calls that the story does not make would stand among those that it counts.
        command.env("BOSPORUS_MODEL_REFRESH", "off").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let output = Arc::new(watch::Sender::new(Output::default()));
        child.stdout.take().into_iter().for_each(|pipe| follow(pipe, &output));
        child.stderr.take().into_iter().for_each(|pipe| follow(pipe, &output));
        let mut gateway = Self { child: Some(child), url: String::new(), home, output };
        gateway.url = gateway.ready().await?;
        Ok(gateway)
    }

    async fn ready(&self) -> io::Result<String> {
        let mut lines = self.output.subscribe();
        let done = |output: &Output| output.ended == 2 || output.lines.iter().any(|line| line.contains(READY));
        let waited = tokio::time::timeout(START_LIMIT, lines.wait_for(done)).await;
        let found = self.log().iter().find_map(|line| {
            let (_, address) = line.split_once(READY)?;
            let end = address.find(|c: char| c.is_whitespace() || matches!(c, '"' | ',')).unwrap_or(address.len());
            Some(format!("http{}", &address[..end]))
        });
        found.ok_or_else(|| {
            let why = if waited.is_err() { "stayed silent" } else { "ended" };
            io::Error::other(format!("the gateway {why} instead of becoming ready:\n{}", self.log().join("\n")))
        })
    }

    /// `http://ADDRESS:PORT` (or `https`), as printed.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its working directory and its user's home, with `config.yaml` in it; removed on drop.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Replaces the configuration file in one step, as an editor does.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn rewrite_config(&self, config: &str) -> io::Result<()> {
        let fresh = self.home.path().join("config.yaml.new");
        std::fs::write(&fresh, config)?;
        std::fs::rename(fresh, self.home.path().join("config.yaml"))
    }

    /// Everything that it printed so far, both pipes, line by line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.output.borrow().lines.clone()
    }

    /// Returns once a line that contains `text` has been printed, or all output has ended: then false.
    pub async fn logged(&self, text: &str) -> bool {
        let found = |output: &Output| output.lines.iter().any(|line| line.contains(text));
        let mut lines = self.output.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        _ = lines.wait_for(|output| output.ended == 2 || found(output)).await;
        found(&self.output.borrow())
    }

    /// Returns once what has been printed is `enough`, or all output has ended.
    pub async fn log_until(&self, enough: impl Fn(&[String]) -> bool) {
        let mut output = self.output.subscribe();
        loop {
            // A copy, because `enough` may look at the output itself: to read it twice while a line waits to be added
            // would stop everybody.
            let (lines, ended) = {
                let now = output.borrow_and_update();
                (now.lines.clone(), now.ended == 2)
            };
            // The sender lives in `self`, so waiting cannot fail.
            if ended || enough(&lines) || output.changed().await.is_err() {
                return;
            }
        }
    }

    /// The process id, for signals.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let id = self.id().ok_or_else(|| io::Error::other("the gateway has ended"))?;
        let status = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -{name} {id}: {status}"))) }
    }

    /// Asks it to end (SIGTERM), waits, and returns the status with all output.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub async fn terminate(mut self) -> io::Result<(ExitStatus, Vec<String>)> {
        self.signal("TERM")?;
        let Some(mut child) = self.child.take() else { return Err(io::Error::other("the gateway has ended")) };
        let status = tokio::task::spawn_blocking(move || child.wait()).await.map_err(io::Error::other)??;
        let mut lines = self.output.subscribe();
        _ = lines.wait_for(|output| output.ended == 2).await;
        Ok((status, self.log()))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// Collects lines on a thread of its own, which ends with the pipe.
fn follow(pipe: impl Read + Send + 'static, output: &Arc<watch::Sender<Output>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            output.send_modify(|output| output.lines.push(line));
        }
        output.send_modify(|output| output.ended += 1);
    });
}

/// Builds the gateway's binary with the profile of the running test, and returns its path.
///
/// # Errors
/// If the build fails, or the running test lies in no target directory of Cargo's.
pub fn build() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or_else(|| io::Error::other("the test lies in no target directory"))?;
    let target = profile.parent().ok_or_else(|| io::Error::other("the test lies in no target directory"))?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", "bosporus", "--target-dir"]).arg(target);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let status = command.arg("--manifest-path").arg(manifest).status()?;
    let binary = profile.join(format!("bosporus{}", std::env::consts::EXE_SUFFIX));
    if status.success() { Ok(binary) } else { Err(io::Error::other(format!("building the gateway: {status}"))) }
}
