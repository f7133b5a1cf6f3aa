//! What the gateway itself kept over a restart, and what management is asked: files that somebody may have changed, and
//! words out of a query.

use std::path::Path;
use std::sync::LazyLock;

use config::Config;
use gateway::{App, Lists, Question};
use serde_json::value::RawValue;
use tempfile::TempDir;

/// Texts to begin with.
pub(crate) const KEPT: &[&str] = &[
    "# Requests of this month by client key; written by Bosporus.\n2026-11 0a1b2c 17 gpt-*\n2026-11 ff 3 a b\n",
    "9999-12 k 17592186044415 *\n0000-01 k 18446744073709551616 *\n2026-13 k 1 *\n2026-11 k -1 *\n",
    r#"{"version":1,"lists":[{"of":[{"id":"000102030405060708090a0b0c0d0e0f","at":18446744073709551615}],"models":[{"id":"m","context":1000}]}]}"#,
    r#"{"version":1,"lists":[{"of":[],"models":[]},{"of":[{"id":"zz","at":0},{"id":"\u00e9","at":1}],"models":[{"id":""}]}]}"#,
    r#"{"version":2,"lists":[]}"#,
    r#"{"version":1,"lists":null}"#,
    r#"{"version":-1,"lists":[{"models":[{}]}]}"#,
    "",
    "#\n\n\n",
    "2026-11 k 1 \n2026-11  1 *\n2026-11 k 1\n",
    "2026-11 k 1 *\r\n2026-11 k 2 *\r\n",
    "\u{feff}2026-11 k 1 *\u{2028}\u{85}2026-12 k 1 *",
];

/// Lines of a question: model, key, dialect, operation, provider, session.
pub(crate) const QUESTIONS: &[&str] = &[
    "demo",
    "model(high)\nteam\nopenai\nanswer\nplace\nsession",
    "place:other/model:latest\n\nollama\nembed\n\n",
    "[Place] model\n\nclaude\ncount\ndemo\n",
    "alias(8192)\nnobody\ngemini\nimages\nclaude-api-key\nx",
    "",
    "claude-sonnet-4-5\nkey-1\nresponses\nanswer\nclaude-api-key\n",
    "model\n\nopenai\nembed\nplace\n",
    "\u{0}\u{feff}\n\u{202e}\n",
    "a/b/c:d(e)(f)\n\n\n\n\n",
    "*\n*\n*\n*\n*\n*",
    "models/model\n\ngemini\ncount\n\ns",
];

const CONFIG: &str = r#"
host: "127.0.0.1"
port: 0
auth-dir: "/nowhere"
api-keys: ["key-of-the-hostile-input"]
demo: true
openai-compatibility:
  - name: "place"
    base-url: "http://127.0.0.1:1/v1"
    api-key-entries: [{api-key: "a"}, {api-key: "b"}]
    models: [{name: "model"}, {name: "other/model", alias: "alias"}]
claude-api-key:
  - api-key: "c"
    base-url: "http://127.0.0.1:1"
ollama:
  - base-url: "http://127.0.0.1:1"
"#;

fn config() -> Config {
    let (config, report) = config::parse_bytes(CONFIG.as_bytes(), "config.yaml", &[]);
    config.unwrap_or_else(|| panic!("{}", report.render(config::Colour::Never)))
}

static APP: LazyLock<App> =
    LazyLock::new(|| App::new(config()).unwrap_or_else(|error| panic!("the configuration builds nothing: {error}")));
/// Where files are read from that outlive the process.
static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().unwrap_or_else(|error| panic!("there is no place for files: {error}")));

/// Whatever stands in a kept file is taken up or passed over, twice the same, and the gateway starts with it.
pub(crate) fn kept(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let strange = APP.restore_key_use(&text);
    assert!(strange <= text.lines().count(), "more strange lines than lines");
    assert_eq!(APP.restore_key_use(&text), strange, "what was read is read otherwise the second time");
    if serde_json::from_slice::<&RawValue>(data).is_err() {
        // No list: nothing is gained by a start of the gateway.
        return;
    }
    let folder: &Path = FOLDER.path();
    if let Err(error) = std::fs::write(folder.join("bosporus.models"), data) {
        panic!("the file cannot be written: {error}");
    }
    assert!(App::with_lists(config(), Lists::restore(folder)).is_ok(), "a kept list keeps the gateway from starting");
}

/// Whatever management is asked has an explanation that can be written, or is refused in words.
pub(crate) fn question(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n').map(str::to_owned);
    let mut next = || lines.next().filter(|line| !line.is_empty());
    let question = Question {
        model: next().unwrap_or_default(),
        key: next(),
        dialect: next(),
        operation: next(),
        provider: next(),
        session: next(),
    };
    match APP.explain(&question) {
        Ok(explanation) => assert!(serde_json::to_string(&explanation).is_ok(), "it cannot be written"),
        Err(fault) => {
            assert!(!fault.message.is_empty() && fault.message.len() < 4_096, "{} bytes", fault.message.len());
        }
    }
}
