//! Moving over: an installation of another program becomes one of ours, and its clients go on with the keys they have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Got, send};
use testkit::{FakeAnthropic, FakeOpenAi};

use crate::harness::soon;
use crate::start::{Done, run, start};

/// An old installation, and a place for the new one beside it.
struct Move(tempfile::TempDir);

impl Move {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = home.path().join("old").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(home)
    }

    fn home(&self) -> &Path {
        self.0.path()
    }

    async fn import(&self, program: &str, more: &[&str]) -> Done {
        run(&[&["import", program, "old", "--to", "new"], more].concat(), self.home(), &[]).await
    }

    /// Every file below a folder, with its content.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.home().join(folder)];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                if entry.path().is_dir() {
                    open.push(entry.path());
                } else {
                    files.insert(entry.path(), std::fs::read(entry.path()).unwrap());
                }
            }
        }
        files
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let base = self.home().join(folder);
        let names = self.files(folder).into_keys();
        names.map(|path| path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned()).collect()
    }
}

async fn ask(url: &str, path: &str, headers: &[(&str, &str)], model: &str) -> Got {
    let body = json!({"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]});
    let headers = [&[("content-type", "application/json")], headers].concat();
    soon(send(Method::POST, &format!("{url}{path}"), &headers, body.to_string())).await.unwrap()
}

const OLD_KEY: &str = "the-old-key-of-the-laptop";
const BEARER: &str = "Bearer the-old-key-of-the-laptop";

#[tokio::test]
async fn clients_of_cliproxyapi_go_on_with_their_key() {
    let fake = FakeOpenAi::start().await.unwrap();
    let config = format!(
        "# Mine.\nhost: ''\nport: 0\napi-keys:\n  - {OLD_KEY} # laptop\nauth-dir: ./auths\nproxy-url: direct\n\
         claude-header-defaults: {{user-agent: x}}\nopenai-compatibility:\n  - name: vendor\n    base-url: {}\n    \
         api-keys: [{}]\n    models:\n      - {{name: chat-model, alias: mine}}\n",
        fake.base_url(),
        fake.key()
    );
    let account = r#"{"type":"codex","access_token":"a-secret-token"}"#;
    let old = Move::new(&[
        ("config.yaml", &config),
        ("auths/codex-me@example.com.json", account),
        ("auths/claude-half.json", r#"{"type":"claude","access_"#),
    ]);
    let before = old.files("old");
    let done = old.import("cliproxy", &["--report", "report.json"]).await;
    assert_eq!(done.code, Some(3), "somebody should look: {}", done.output);
    for part in
        ["claude-half.json: it is no JSON", "never dressed up", "now `api-key-entries`", "codex-me@example.com.json"]
    {
        assert!(done.output.contains(part), "{part}: {}", done.output);
    }
    assert!(!done.output.contains("a-secret-token") && !done.output.contains(OLD_KEY), "{}", done.output);
    assert_eq!(old.files("old"), before, "the old folder is only read");
    assert_eq!(old.names("new"), ["auths/codex-me@example.com.json", "config.yaml"]);
    assert_eq!(std::fs::read_to_string(old.home().join("new/auths/codex-me@example.com.json")).unwrap(), account);
    let report: Value = serde_json::from_slice(&std::fs::read(old.home().join("report.json")).unwrap()).unwrap();
    assert_eq!((&report["counts"]["broken"], &report["counts"]["kept"]), (&json!(1), &json!(1)), "{report}");
    assert!(!report.to_string().contains("a-secret-token"));
    private(&old);

    let started = start(&["--config", "new/config.yaml", "--set", "proxy-url=direct"], old.home()).await;
    let got = ask(&started.url, "/v1/chat/completions", &[("authorization", BEARER)], "mine").await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(fake.last_request().unwrap().json()["model"], "chat-model");
    let refused = ask(&started.url, "/v1/chat/completions", &[("authorization", "Bearer other")], "mine").await;
    assert_eq!(refused.status, 401);
}

#[cfg(unix)]
fn private(old: &Move) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(old.files("new").keys().all(|path| mode(path) == 0o600));
    assert_eq!((mode(&old.home().join("new")), mode(&old.home().join("new/auths"))), (0o700, 0o700));
}

#[cfg(not(unix))]
fn private(_: &Move) {}

#[tokio::test]
async fn clients_of_aiclient_go_on_with_their_keys_and_paths() {
    let (openai, claude) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let settings = json!({
        "REQUIRED_API_KEY": OLD_KEY, "SERVER_PORT": 0, "HOST": "localhost", "MODEL_PROVIDER": "openai-custom",
        "CUSTOM_MODELS_FILE_PATH": "configs/custom_models.json",
        "modelFallbackMapping": {"retired": {"targetProviderType": "claude-custom", "targetModel": "claude-model"}},
    });
    let pools = json!({
        "openai-custom-2": [{"customName": "Mine", "OPENAI_API_KEY": openai.key(), "OPENAI_BASE_URL": openai.base_url()}],
        "claude-custom": [{"CLAUDE_API_KEY": claude.key(), "CLAUDE_BASE_URL": format!("{}/v1", claude.url())}],
        "gemini-cli-oauth": [{"GEMINI_OAUTH_CREDS_FILE_PATH": "./configs/gemini/1_oauth_creds.json"}],
    });
    let models = json!([{"id": "quick", "actualProvider": "claude-custom", "actualModel": "claude-model"}]);
    let people = json!({"keys": {"maki_alice": {"name": "alice", "enabled": true}, "maki_bob": {"name": "bob", "enabled": false}}});
    let old = Move::new(&[
        ("configs/config.json", &settings.to_string()),
        ("configs/provider_pools.json", &pools.to_string()),
        ("configs/custom_models.json", &models.to_string()),
        ("configs/api-potluck-keys.json", &people.to_string()),
        ("configs/plugins.json", r#"{"plugins": {"api-potluck": {"enabled": true}}}"#),
        ("configs/input_system_prompt.txt", "Be brief."),
        ("configs/gemini/1_oauth_creds.json", r#"{"access_token": "t"}"#),
    ]);
    let done = old.import("aiclient", &[]).await;
    assert_eq!(done.code, Some(3), "{}", done.output);
    assert_eq!(old.names("new"), ["auths/gemini-cli-oauth-1_oauth_creds.json", "config.yaml", "system-prompt.txt"]);

    let started = start(&["--config", "new/config.yaml", "--set", "proxy-url=direct"], old.home()).await;
    let key = [("x-api-key", OLD_KEY)];
    let got =
        ask(&started.url, "/openai-custom-2/v1/chat/completions", &[("authorization", BEARER)], "chat-model").await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(openai.last_request().unwrap().json()["messages"][0]["content"], "Be brief.");
    for (path, model) in
        [("/claude-custom/v1/messages", "claude-model"), ("/v1/messages", "quick"), ("/v1/messages", "retired")]
    {
        let got = ask(&started.url, path, &[("x-api-key", "maki_alice")], model).await;
        assert_eq!(got.status, 200, "{path} {model}: {}", got.text());
        assert_eq!(claude.last_request().unwrap().json()["model"], "claude-model", "{path} {model}");
    }
    assert_eq!(ask(&started.url, "/v1/messages", &[("x-api-key", "maki_bob")], "quick").await.status, 403);
    assert_eq!(ask(&started.url, "/v1/messages", &key, "quick").await.status, 200);
}

#[tokio::test]
async fn what_has_its_place_whole_ends_well_and_twice_the_same() {
    let old = Move::new(&[("config.yaml", "host: 127.0.0.1\nport: 8317\napi-keys: [a-key-of-decent-length]\n")]);
    let dry = old.import("cliproxy", &["--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{}", dry.output);
    assert!(dry.output.contains("would write") && !old.home().join("new").exists(), "{}", dry.output);

    assert_eq!(old.import("cliproxy", &[]).await.code, Some(0));
    let first = old.files("new");
    assert_eq!(old.import("cliproxy", &[]).await.code, Some(0), "what is there is what would be written");
    std::fs::write(old.home().join("new/config.yaml"), "port: 1\n").unwrap();
    let refused = old.import("cliproxy", &[]).await;
    assert_eq!(refused.code, Some(2), "{}", refused.output);
    assert!(refused.output.contains("in the way") && refused.output.contains("new/config.yaml"), "{}", refused.output);
    assert_eq!(std::fs::read(old.home().join("new/config.yaml")).unwrap(), b"port: 1\n");
    assert_eq!(old.import("cliproxy", &["--force"]).await.code, Some(0));
    assert_eq!(old.files("new"), first);
}

#[tokio::test]
async fn without_an_installation_or_a_place_nothing_is_written() {
    let old =
        Move::new(&[("config.yaml", "port: [1]\napi-keys: [hunter2hunter2hunter2]\n"), ("x/configs/config.json", "{")]);
    for (arguments, part) in [
        (&["import", "cliproxy", "old", "--to", "new"][..], "`port` must be a whole number"),
        (&["import", "cliproxy", "old/x", "--to", "new"], "holds no config.yaml"),
        (&["import", "aiclient", "old", "--to", "new"], "holds no configs/config.json"),
        (&["import", "aiclient", "old/x", "--to", "new"], "it is no JSON"),
        (&["import", "cliproxy", "nowhere", "--to", "new"], "nowhere"),
        (&["import", "cliproxy", "old", "--to", "old/deep/new"], "inside the old installation"),
        (&["import", "cliproxy", "old", "--to", "new", "--config", "a.yaml"], "keep one"),
        (&["import", "cliproxy", "old", "--to", "new", "--report", "old/report.json"], "inside the old installation"),
        (&["import", "cliproxy", "old", "--to", "new", "--report", "old/config.yaml"], "inside the old installation"),
        (&["import", "cliproxy"], "<DIR>"),
    ] {
        let done = run(arguments, old.home(), &[]).await;
        assert_eq!(done.code, Some(2), "{arguments:?}: {}", done.output);
        assert!(done.output.contains(part) && !done.output.contains("hunter2"), "{part}: {}", done.output);
    }
    assert_eq!(old.names(""), ["old/config.yaml", "old/x/configs/config.json"]);
}

#[tokio::test]
async fn a_strange_environment_file_of_the_old_program_is_no_obstacle() {
    let old = Move::new(&[
        ("config.yaml", "host: 127.0.0.1\nport: 0\nauth-dir: elsewhere\napi-keys: [a-key-of-decent-length]\n"),
        (".env", "this is no variable\n"),
        ("elsewhere/a.json", r#"{"type": "kimi"}"#),
    ]);
    let inside = old.home().join("old");
    let new = old.home().join("new");
    let done = run(&["import", "cliproxy", ".", "--to", new.to_str().unwrap()], &inside, &[]).await;
    assert_eq!(done.code, Some(3), "{}", done.output);
    assert!(done.output.contains(".env: line 1 is not NAME=value"), "{}", done.output);
    assert_eq!(old.names("new"), ["auths/a.json", "config.yaml"]);
    let report = ["import", "cliproxy", "old", "--to", "other", "--report", "new/config.yaml"];
    let done = run(&report, old.home(), &[]).await;
    assert!(done.code == Some(2) && done.output.contains("in the way"), "{}", done.output);
    assert!(!old.home().join("other").exists());
}

#[tokio::test]
async fn without_a_place_it_goes_where_the_program_looks() {
    let old = Move::new(&[("config.yaml", "host: 127.0.0.1\nport: 0\napi-keys: [a-key-of-decent-length]\n")]);
    let done = run(&["import", "cliproxy", "old/config.yaml"], old.home(), &[]).await;
    assert_eq!(done.code, Some(0), "{}", done.output);
    assert_eq!(old.names(".config"), ["bosporus/config.yaml"]);
    start(&[], old.home()).await;
    assert!(!old.home().join("config.yaml").exists(), "the imported file is the one that is used");
}
