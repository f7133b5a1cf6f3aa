//! Who takes part: the mock, the bare proxy, and the product, started with a config made for the occasion.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tempfile::TempDir;

use crate::bodies::{self, Answer, CLIENT_KEY, Dialect};
use crate::driver::{Call, Check, Connection};
use crate::mock::{Mock, Pace};
use crate::process::{Served, free_port};
use crate::proxy::Model;
use crate::{Error, Result, rows};

/// How long a child may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);

/// What is measured against the bare proxy.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The product's binary.
    Product(PathBuf),
    /// A second bare proxy, to test the benchmark itself: every ratio should be near 1.
    StandIn,
}

/// Which config the product gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The upstreams, one account each, nothing else.
    Plain,
    /// 500 accounts, usage statistics, and a log file.
    Features,
    /// So many accounts for each upstream, nothing else.
    Accounts(usize),
    /// So many accounts of one upstream, each with ten models of its own list.
    Crowd(usize),
    /// No upstream: a fresh install.
    Fresh,
}

/// Everything that a measurement needs to start its parties.
#[derive(Debug)]
pub struct Arena {
    /// The upstream of all.
    pub mock: Mock,
    /// What is measured.
    pub subject: Subject,
    /// The thread model of the bare proxy.
    pub model: Model,
    folder: TempDir,
}

impl Arena {
    /// Starts the mock.
    pub fn open(subject: Subject, model: Model) -> Result<Self> {
        let mock = Mock::start(bodies::play(Answer::Small, Pace::Unpaced))?;
        Ok(Self { mock, subject, model, folder: tempfile::tempdir()? })
    }

    /// Starts a bare proxy.
    pub fn proxy(&self) -> Result<Served> {
        let this = std::env::current_exe()?;
        Served::announced(Command::new(this).args(["proxy", self.model.name(), &self.mock.addr.to_string()]))
    }

    /// Starts the product and waits until it is up.
    pub async fn product(&self, setup: Setup) -> Result<Served> {
        let Subject::Product(binary) = &self.subject else { return self.proxy() };
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("guard").arg(binary).arg("--config").arg(self.configure(addr, setup)?);
        let mut served = Served::told(&mut command, addr, &self.log())?;
        self.up(&mut served).await?;
        Ok(served)
    }

    /// Starts the product with nothing in between, for the time from exec to its first answers.
    pub async fn first_answers(&self, binary: &Path) -> Result<(Duration, Result<Duration>)> {
        let addr = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let config = self.configure(addr, Setup::Fresh)?;
        let mut served = Served::told(Command::new(binary).arg("--config").arg(config), addr, &self.log())?;
        let up = self.up(&mut served).await?;
        let demo = Connection::open(addr).await?.call(&demo(addr)).await;
        Ok((up, demo.map(|_| served.born.elapsed())))
    }

    /// Asks `/healthz` until it answers 200; gives the time since the start.
    async fn up(&self, served: &mut Served) -> Result<Duration> {
        let health = healthz(served.addr);
        while served.born.elapsed() < START_LIMIT {
            if let Ok(mut connection) = Connection::open(served.addr).await
                && connection.call(&health).await.is_ok()
            {
                return Ok(served.born.elapsed());
            }
            if !served.alive() {
                break;
            }
            // Blocks on purpose: the runtime's timer is too coarse, and nothing else runs here now.
            std::thread::sleep(Duration::from_micros(200));
        }
        let log = std::fs::read_to_string(self.log())?;
        let tail: Vec<_> = log.lines().rev().take(5).collect();
        Err(Error::from(format!("the product does not answer on /healthz; its last lines: {tail:?}")))
    }

    /// Replaces the config of a running product in one step.
    pub fn replace(&self, served: &Served, setup: Setup) -> Result<()> {
        let folder = self.folder.path().join(served.addr.port().to_string());
        std::fs::write(folder.join("config.new"), config(served.addr, self.mock.addr, setup)?)?;
        Ok(std::fs::rename(folder.join("config.new"), folder.join("config.yaml"))?)
    }

    /// How long each reload took, as the product's log says, in milliseconds.
    pub fn reloads(&self) -> Result<Vec<f64>> {
        let log = std::fs::read_to_string(self.log())?;
        let lines = log.lines().filter(|line| line.contains("configuration reloaded"));
        let times = lines.filter_map(|line| line.split_whitespace().find_map(|word| word.strip_prefix("ms=")));
        times.map(|time| Ok(time.parse()?)).collect()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("product.log")
    }

    fn configure(&self, addr: SocketAddr, setup: Setup) -> Result<PathBuf> {
        let folder = self.folder.path().join(addr.port().to_string());
        std::fs::create_dir_all(folder.join("auths"))?;
        let file = folder.join("config.yaml");
        std::fs::write(&file, config(addr, self.mock.addr, setup)?)?;
        Ok(file)
    }
}

fn healthz(addr: SocketAddr) -> Call {
    let request = Bytes::from(format!("GET /healthz HTTP/1.1\r\nhost: {addr}\r\n\r\n"));
    Call { addr, request, check: Arc::new(Check { marks: Vec::new(), end: "" }) }
}

fn demo(addr: SocketAddr) -> Call {
    let mut call = bodies::call(addr, Dialect::Chat, "demo", bodies::Ask::Small, Answer::Small);
    call.check = Arc::new(Check { marks: vec![("\"choices\"", 1)], end: "}" });
    call
}

/// The product's config, in the schema that it shares with its predecessors.
fn config(addr: SocketAddr, mock: SocketAddr, setup: Setup) -> Result<String> {
    let all = setup == Setup::Features;
    let mut text = format!(
        "host: \"{}\"\nport: {}\nauth-dir: \"./auths\"\napi-keys:\n  - \"{CLIENT_KEY}\"\n\
         remote-management:\n  secret-key: \"\"\n  disable-control-panel: true\n\
         debug: false\nusage-statistics-enabled: {all}\nlogging-to-file: {all}\nrequest-retry: 0\ndisable-cooling: true\n",
        addr.ip(),
        addr.port()
    );
    if setup == Setup::Fresh {
        text.push_str("demo: true\n");
        return Ok(text);
    }
    if let Setup::Crowd(accounts) = setup {
        text.push_str("claude-api-key:\n");
        for account in 0..accounts {
            write!(
                text,
                "  - api-key: \"bench-upstream-crowd-{account:04}\"\n    base-url: \"http://{mock}\"\n    models:\n"
            )?;
            for model in 0..10 {
                write!(text, "      - name: \"m-claude-{model}\"\n        alias: \"model-{model}\"\n")?;
            }
        }
        return Ok(text);
    }
    let accounts = match setup {
        Setup::Features => 500,
        Setup::Accounts(count) => count,
        Setup::Plain | Setup::Fresh | Setup::Crowd(_) => 1,
    };
    write!(
        text,
        "openai-compatibility:\n  - name: \"bench\"\n    base-url: \"http://{mock}/v1\"\n    api-key-entries:\n"
    )?;
    for account in 0..accounts {
        writeln!(text, "      - api-key: \"bench-upstream-chat-{account:04}\"")?;
    }
    text.push_str(&models(Dialect::Chat)?);
    for (section, base, dialect) in [
        ("claude-api-key", "", Dialect::Messages),
        ("codex-api-key", "/v1", Dialect::Responses),
        ("gemini-api-key", "", Dialect::Gemini),
        ("ollama", "", Dialect::Ollama),
    ] {
        writeln!(text, "{section}:")?;
        for account in 0..accounts {
            let key = format!("bench-upstream-{section}-{account:04}");
            write!(text, "  - api-key: \"{key}\"\n    base-url: \"http://{mock}{base}\"\n")?;
            text.push_str(&models(dialect)?);
        }
    }
    Ok(text)
}

fn models(upstream: Dialect) -> Result<String> {
    let mut text = String::from("    models:\n");
    for (name, alias) in rows::models(upstream) {
        write!(text, "      - name: \"{name}\"\n        alias: \"{alias}\"\n")?;
    }
    Ok(text)
}

/// Becomes the given program, which the system ends when the benchmark ends. Returns only on failure.
pub fn guard(program: &[String]) -> Result<()> {
    crate::process::die_with_parent()?;
    let (binary, rest) = program.split_first().ok_or("guard what?")?;
    Err(Command::new(binary).args(rest).exec().into())
}

/// Builds the product in the main workspace and gives the path of its binary.
pub fn build_product() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let started = Instant::now();
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--package", "bosporus", "--bin", "bosporus"]);
    command.args(["--message-format", "json-render-diagnostics", "--manifest-path"]).arg(manifest);
    let built = command.stderr(Stdio::inherit()).output()?;
    let artifact = built.stdout.split(|byte| *byte == b'\n').find_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        (message["target"]["name"] == "bosporus").then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    if !built.status.success() {
        return Err("the product does not build; give its binary with --product FILE, or try --self-test".into());
    }
    eprintln!("product built in {:.0} s", started.elapsed().as_secs_f64());
    Ok(artifact.ok_or("the build gave no binary")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_names_every_model_and_the_mock() {
        let mock = SocketAddr::from(([127, 0, 0, 1], 9));
        let text = config(SocketAddr::from(([127, 0, 0, 1], 8)), mock, Setup::Plain).unwrap();
        for part in ["port: 8\n", "http://127.0.0.1:9/v1", "alias: \"fast\"", "alias: \"quick\"", "name: \"m-claude\""]
        {
            assert!(text.contains(part), "{part}");
        }
        assert!(!config(mock, mock, Setup::Fresh).unwrap().contains("bench-upstream"));
        assert_eq!(config(mock, mock, Setup::Features).unwrap().matches("bench-upstream").count(), 2500);
        let crowd = config(mock, mock, Setup::Crowd(500)).unwrap();
        assert_eq!((crowd.matches("bench-upstream").count(), crowd.matches("alias:").count()), (500, 5000));
    }
}
