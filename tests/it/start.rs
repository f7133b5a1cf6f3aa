//! The first minutes: a first start without a configuration, `check`, and starts that cannot succeed.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::harness::{Setup, binary, soon};

/// A process and the lines that it prints, on whichever pipe. Dropping it kills the process.
pub(crate) struct Process {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Process {
    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = unbounded_channel();
        follow(child.stdout.take().unwrap(), sender.clone());
        follow(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// The program itself, like a user would start it.
    pub(crate) fn ours(arguments: &[&str], home: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary());
        // No configuration of the machine's user may play a part.
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME").envs(environment.iter().copied());
        command.args(arguments).current_dir(home);
        Self::spawn(command)
    }

    /// The next line; `None` when it has closed both pipes.
    pub(crate) async fn line(&mut self) -> Option<String> {
        soon(self.lines.recv()).await
    }

    /// Waits for its end.
    async fn done(mut self) -> Done {
        let mut output = String::new();
        while let Some(line) = self.line().await {
            output += &line;
            output.push('\n');
        }
        Done { code: self.child.wait().unwrap().code(), output }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn follow(pipe: impl Read + Send + 'static, lines: UnboundedSender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            _ = lines.send(line);
        }
    });
}

/// How a command ended, and all that it printed.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str], home: &Path, environment: &[(&str, &str)]) -> Done {
    Process::ours(arguments, home, environment).done().await
}

/// A server started like a user would, and what it said until it was ready.
pub(crate) struct Started {
    pub(crate) said: Vec<String>,
    pub(crate) url: String,
    pub(crate) process: Process,
}

pub(crate) async fn start(arguments: &[&str], home: &Path) -> Started {
    let mut process = Process::ours(arguments, home, &[]);
    let mut said = Vec::new();
    while let Some(line) = process.line().await {
        let url = line.split_once("listening on ").map(|(_, url)| url.to_owned());
        said.push(line);
        if let Some(url) = url {
            return Started { said, url, process };
        }
    }
    panic!("it ended instead of listening:\n{}", said.join("\n"));
}

/// The values of the lines that show keys.
fn keys(said: &[String]) -> Vec<String> {
    let shown = said.iter().filter_map(|line| line.split_once(" key "));
    shown.map(|(_, key)| key.trim().to_owned()).filter(|key| key.starts_with("bos-")).collect()
}

#[tokio::test]
async fn the_first_start_writes_a_file_and_shows_its_keys_once() {
    let home = tempfile::tempdir().unwrap();
    let first = start(&["--port", "0"], home.path()).await;
    let file = home.path().join("config.yaml");
    let written = std::fs::read_to_string(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = keys(&first.said);
    assert_eq!(shown.len(), 2, "a client key and a management key: {:?}", first.said);
    assert!(shown.iter().all(|key| written.contains(key.as_str())));

    let curl = first.said.iter().find(|line| line.trim_start().starts_with("curl ")).unwrap();
    assert!(curl.contains(&first.url) && curl.contains(&shown[0]), "{curl}");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{} 2>/dev/null", curl.trim()));
    let pasted = Process::spawn(shell).done().await;
    if pasted.code == Some(127) {
        println!("SKIPPED: the pasted line, because this machine has no curl");
    } else {
        let answer: Value = serde_json::from_str(&pasted.output).unwrap_or_else(|_| panic!("{}", pasted.output));
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(!text.is_empty(), "{answer}");
    }
    drop(first);

    let second = start(&["--port", "0"], home.path()).await;
    assert!(keys(&second.said).is_empty(), "{:?}", second.said);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written, "the file is left alone");
}

#[tokio::test]
async fn each_first_start_has_keys_of_its_own() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (start(&["--port", "0"], one.path()).await, start(&["--port", "0"], two.path()).await);
    let (one, two) = (keys(&one.said), keys(&two.said));
    assert!(one.iter().all(|key| !two.contains(key) && key.len() > 40), "{one:?} {two:?}");
}

#[tokio::test]
async fn a_named_file_that_is_missing_is_written_too() {
    let home = tempfile::tempdir().unwrap();
    start(&["--config", "mine.yaml", "--port", "0"], home.path()).await;
    assert!(home.path().join("mine.yaml").exists() && !home.path().join("config.yaml").exists());
}

#[tokio::test]
async fn a_first_start_that_cannot_write_says_so() {
    let home = tempfile::tempdir().unwrap();
    let done = run(&["--config", "no/such/folder/config.yaml"], home.path(), &[]).await;
    assert_eq!(done.code, Some(1));
    assert!(done.output.contains("no/such/folder/config.yaml"), "{}", done.output);
    assert!(!done.output.contains("bos-"), "{}", done.output);
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.yaml"), Setup::new().with("port", json!(port)).text()).unwrap();
    let done = run(&[], home.path(), &[]).await;
    assert_eq!(done.code, Some(1));
    let expected = format!("cannot listen on 127.0.0.1:{port}: the address is in use");
    assert!(done.output.contains(&expected), "{}", done.output);
    assert!(!done.output.contains("panicked"), "{}", done.output);
}

async fn check(yaml: &str) -> Done {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.yaml"), yaml).unwrap();
    run(&["check"], home.path(), &[]).await
}

#[tokio::test]
async fn check_tells_good_from_bad() {
    let good = check(&Setup::new().with("demo", json!(true)).text()).await;
    assert_eq!(good.code, Some(0), "{}", good.output);
    assert!(good.output.contains("config.yaml is fine: 1 models"), "{}", good.output);

    let warned = check("api-keys: [a-key-of-decent-length]\nprot: 1\n").await;
    assert_eq!(warned.code, Some(0), "unknown keys only warn: {}", warned.output);
    for part in ["config.yaml:2:1", "prot", "port"] {
        assert!(warned.output.contains(part), "{part}: {}", warned.output);
    }

    let wrong = check("host: 127.0.0.1\nport: [1]\nlimits:\n  body-bytes: huge\n").await;
    assert_eq!(wrong.code, Some(1), "{}", wrong.output);
    for part in ["config.yaml:2:7", "config.yaml:4:15", "`port`", "huge"] {
        assert!(wrong.output.contains(part), "{part}: {}", wrong.output);
    }

    let broken = check("port: 1\n  host: x\n\t- y").await;
    assert_eq!(broken.code, Some(1), "{}", broken.output);
    assert!(broken.output.contains("config.yaml:"), "{}", broken.output);

    let open = check("host: 0.0.0.0\n").await;
    assert_eq!(open.code, Some(1), "an open door: {}", open.output);
}

#[tokio::test]
async fn check_without_a_file_writes_none() {
    let home = tempfile::tempdir().unwrap();
    let done = run(&["check"], home.path(), &[]).await;
    assert_eq!(done.code, Some(1), "{}", done.output);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_bad_file_does_not_start() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.yaml"), "port: no\n").unwrap();
    let done = run(&[], home.path(), &[]).await;
    assert_eq!(done.code, Some(1), "{}", done.output);
    assert!(done.output.contains("config.yaml:1:7"), "{}", done.output);
}

#[tokio::test]
async fn what_nobody_understands_on_the_command_line_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["--no-such-flag"][..], &["chek"], &["--port", "70000"], &["--log-format", "xml"]] {
        let done = run(arguments, home.path(), &[]).await;
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.output);
    }
    let help = run(&["--help"], home.path(), &[]).await;
    assert!(help.code == Some(0) && help.output.contains("check"), "{}", help.output);
    let version = run(&["--version"], home.path(), &[]).await;
    assert!(version.code == Some(0) && version.output.contains("bosporus"), "{}", version.output);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
