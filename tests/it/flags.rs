//! Where settings come from besides the file: flags, the environment, a `.env` file, and other programs' parameters.

use std::process::Command;

use crate::harness::{Setup, binary};

/// Runs `bosporus check` in a folder with these files; whether it was content, and what it said.
fn check(files: &[(&str, &str)], arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new(binary());
    command.current_dir(folder.path()).env_remove("XDG_CONFIG_HOME").env("HOME", folder.path());
    command.args(arguments).envs(environment.iter().copied()).arg("check");
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_flag_wins_over_the_environment_over_the_dotenv_file_over_the_configuration() {
    // Each bad value is told with its place, so the place tells who won.
    let file = ("config.yaml", "port: in-the-file\napi-keys: [abcdefghijklmnop]\n");
    let dotenv = (".env", "# ports\nexport BOSPORUS_PORT='in-the-dotenv'\n");
    let environment = [("BOSPORUS_PORT", "in-the-environment")];
    for (files, arguments, environment, place) in [
        (&[file][..], &[][..], &[][..], "config.yaml:1"),
        (&[file, dotenv], &[], &[], "BOSPORUS_PORT (environment)"),
        (&[file, dotenv], &[], &environment, "BOSPORUS_PORT (environment)"),
        (&[file, dotenv], &["--set", "port=in-a-flag"], &environment, "--port (command line)"),
    ] {
        let (good, said) = check(files, arguments, environment);
        assert!(!good && said.contains(place), "{place}: {said}");
    }
    let fine = [("BOSPORUS_PORT", "1")];
    assert!(check(&[file, dotenv], &[], &fine).0, "the environment wins over the .env file");
    assert!(check(&[file, dotenv], &["--port", "1"], &environment).0, "a flag wins over all");
    assert!(!check(&[file, (".env", "BOSPORUS_PORT=x")], &[], &[]).0);
    assert!(check(&[file, (".env", "BOSPORUS_PORT=1")], &[], &[]).0);
}

#[test]
fn a_broken_dotenv_file_is_told_by_its_line_without_its_content() {
    let (good, said) = check(&[("config.yaml", "port: 1"), (".env", "A=1\nhunter2")], &[], &[]);
    assert!(!good && said.contains(".env: line 2") && !said.contains("hunter2"), "{said}");
}

#[test]
fn parameters_of_other_programs_do_what_they_mean_or_say_why_not() {
    let file = ("config.yaml", "port: 1\n");
    let arguments = ["--api-key", "abcdefghijklmnop", "-config", "config.yaml", "--cron-near-minutes", "15"];
    let more = ["--openai-api-key", "sk-of-the-flag", "--openai-base-url", "http://127.0.0.1:9/v1"];
    let (good, said) = check(&[file], &[&arguments[..], &more].concat(), &[]);
    assert!(good && said.contains("note: --cron-near-minutes has no effect: "), "{said}");
    assert!(said.contains("1 models can be called") && !said.contains("sk-of-the-flag"), "{said}");
    let (good, said) = check(&[file], &["-claude-login"], &[]);
    assert!(!good && said.contains("-claude-login: "), "{said}");
    let (good, said) = check(&[file], &["--no-such-flag"], &[]);
    assert!(!good && said.contains("--no-such-flag"), "{said}");
}

#[test]
fn help_shows_only_what_is_ours() {
    let output = Command::new(binary()).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("--set <KEY=VALUE>") && help.contains("docs/configuration.md"), "{help}");
    assert!(!help.contains("cron") && !help.contains("login"), "{help}");
    assert!(help.lines().count() < 54, "{help}");
}

#[tokio::test]
async fn what_a_flag_or_variable_set_stays_over_a_reload() {
    let gateway = Setup::new().start_with(&[("BOSPORUS_DEMO", "true")]).await;
    gateway.rewrite_config(&Setup::new().with("debug", serde_json::json!(true)).text()).unwrap();
    assert!(crate::harness::soon(gateway.logged("configuration reloaded")).await);
    let log = gateway.log().join("\n");
    assert!(!log.contains("models -"), "{log}");
}

#[test]
fn files_of_accounts_and_models_that_parameters_name_are_read_and_told_of() {
    let pools = r#"{"openai-custom": [{"uuid": "u", "customName": "mine", "OPENAI_API_KEY": "sk-of-the-pool",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "supportedModels": ["one"]}],
        "claude-kiro-oauth": [{"uuid": "v", "KIRO_OAUTH_CREDS_FILE_PATH": "kiro.json"}]}"#;
    let models =
        r#"[{"id": "of-my-own", "actualProvider": "openai-custom", "actualModel": "two", "temperature": 0.5}]"#;
    let files = [("config.yaml", "port: 1\napi-keys: [abcdefghijklmnop]\n"), ("p.json", pools), ("m.json", models)];
    let arguments = ["--provider-pools-file", "p.json", "--custom-models-file=m.json"];
    let (good, said) = check(&files, &arguments, &[]);
    assert!(good && said.contains("2 models can be called") && !said.contains("sk-of-the-pool"), "{said}");
    assert!(said.contains("1 account(s) are used") && said.contains("kiro"), "{said}");
    for (name, text, words) in [
        ("p.json", &pools[..pools.len() / 2], "half written"),
        ("m.json", "[{", "half written"),
        ("p.json", "[]", "no JSON object"),
    ] {
        let mut files = files;
        files.iter_mut().filter(|file| file.0 == name).for_each(|file| file.1 = text);
        let (good, said) = check(&files, &arguments, &[]);
        assert!(!good && said.contains(name) && said.contains(words), "{said}");
    }
    let (good, said) = check(&files[..1], &arguments, &[]);
    assert!(!good && said.contains("p.json") && said.contains("no such file"), "{said}");
}

/// What a start with other programs' words leads to.
#[derive(Clone, Copy, Debug)]
enum Leads {
    /// It serves and says nothing of them.
    Serves,
    /// It serves and tells in a line what to do instead.
    Notes,
    /// It ends and tells in a line what to do instead.
    Ends,
}

use Leads::{Ends, Notes, Serves};

/// Each start parameter of AIClient-2-API and CLIProxyAPI with a value as their documentation shows it, the real program
/// started with it.
const PARAMETERS: &[(&[&str], Leads)] = &[
    (&["--host", "127.0.0.1"], Serves),
    (&["--port", "0"], Serves),
    (&["--api-key", "key-of-the-end-to-end-tests"], Serves),
    (&["--model-provider", "gemini-cli-oauth,openai-custom"], Notes),
    (&["--system-prompt-file", "prompt.txt"], Serves),
    (&["--system-prompt-mode", "append"], Serves),
    (&["--log-prompts", "console"], Notes),
    (&["--prompt-log-base-name", "prompt_log"], Notes),
    (&["--request-max-retries", "3"], Serves),
    (&["--request-base-delay", "1000"], Notes),
    (&["--cron-near-minutes", "15"], Notes),
    (&["--cron-refresh-token", "true"], Notes),
    (&["--provider-pools-file", "pools.json"], Serves),
    (&["--custom-models-file", "models.json"], Serves),
    (&["--max-error-count", "10"], Notes),
    (&["--rate-limit-cooldown-enabled", "true"], Serves),
    (&["--rate-limit-cooldown-ms", "30000"], Notes),
    (&["--rate-limit-cooldown-jitter-ms", "5000"], Notes),
    (&["--rate-limit-cooldown-max-ms", "300000"], Notes),
    (&["--scheduled-health-check-enabled", "true"], Serves),
    (&["--scheduled-health-check-enabled", "true", "--scheduled-health-check-interval", "600000"], Serves),
    (&["--scheduled-health-check-interval", "600000"], Notes),
    (&["--login-max-attempts", "5"], Notes),
    (&["--login-lockout-duration", "1800"], Notes),
    (&["--login-min-interval", "5000"], Notes),
    (&["--trust-proxy", "true"], Notes),
    (&["--trusted-proxy-ips", "127.0.0.1,::1"], Notes),
    (&["--no-ui"], Serves),
    (&["--ui", "false"], Serves),
    (&["--openai-api-key", "sk-of-a-flag"], Serves),
    (&["--openai-api-key", "sk-of-a-flag", "--openai-base-url", "http://127.0.0.1:9/v1"], Serves),
    (&["--openai-base-url", "http://127.0.0.1:9/v1"], Ends),
    (&["--claude-api-key", "sk-of-a-flag"], Serves),
    (&["--claude-api-key", "sk-of-a-flag", "--claude-base-url", "http://127.0.0.1:9"], Serves),
    (&["--gemini-oauth-creds-base64", "e30="], Notes),
    (&["--gemini-oauth-creds-file", "creds.json"], Notes),
    (&["--project-id", "a-project"], Notes),
    (&["--kiro-oauth-creds-base64", "e30="], Notes),
    (&["--kiro-oauth-creds-file", "creds.json"], Notes),
    (&["--qwen-oauth-creds-file", "creds.json"], Notes),
    (&["--dev"], Notes),
    (&["-login"], Ends),
    (&["-codex-login"], Ends),
    (&["-codex-device-login"], Ends),
    (&["-claude-login"], Ends),
    (&["-antigravity-login"], Ends),
    (&["-kimi-login"], Ends),
    (&["-xai-login"], Ends),
    (&["-qwen-login"], Ends),
    (&["-iflow-login"], Ends),
    (&["-iflow-cookie"], Ends),
    (&["-copilot-login"], Ends),
    (&["-project_id", "a-project"], Notes),
    (&["-no-browser"], Notes),
    (&["-oauth-callback-port", "54545"], Notes),
    (&["-vertex-import", "nowhere.json"], Ends),
    (&["-vertex-import-prefix", "team"], Notes),
    (&["-password", "a-good-management-password-2"], Serves),
    (&["-home-jwt", "a.b.c"], Notes),
    (&["-home-disable-cluster-discovery"], Notes),
    (&["-tui"], Ends),
    (&["-standalone"], Ends),
    (&["-local-model"], Notes),
];

/// Environment variables of CLIProxyAPI that would be missed.
const VARIABLES: &[&str] = &[
    "MANAGEMENT_PASSWORD",
    "MANAGEMENT_STATIC_PATH",
    "WRITABLE_PATH",
    "HOME_JWT",
    "PGSTORE_DSN",
    "PGSTORE_SCHEMA",
    "PGSTORE_LOCAL_PATH",
    "OBJECTSTORE_ENDPOINT",
    "OBJECTSTORE_ACCESS_KEY",
    "OBJECTSTORE_SECRET_KEY",
    "OBJECTSTORE_BUCKET",
    "OBJECTSTORE_LOCAL_PATH",
    "GITSTORE_GIT_URL",
    "GITSTORE_GIT_USERNAME",
    "GITSTORE_GIT_TOKEN",
    "GITSTORE_GIT_BRANCH",
    "GITSTORE_LOCAL_PATH",
    "AMP_API_KEY",
];

/// Where the files are that parameters name.
fn files() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("prompt.txt", "Be brief.");
    file(
        "pools.json",
        r#"{"openai-custom": [{"uuid": "u", "OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}]}"#,
    );
    file("models.json", "[]");
    folder
}

async fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<testkit::Gateway, String> {
    let started = testkit::Gateway::start_as(binary(), &Setup::new().text(), environment, arguments).await;
    started.map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_start_parameter_of_the_older_programs_serves_or_says_in_a_line_what_to_do() {
    let folder = files();
    for (parameters, leads) in PARAMETERS {
        let whole = |word: &&str| match word.rsplit_once('.') {
            Some((_, "txt" | "json")) => folder.path().join(word).display().to_string(),
            _ => (*word).to_owned(),
        };
        let words: Vec<_> = parameters.iter().map(whole).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let name = parameters[0];
        let about = |log: &[String]| log.iter().filter(|line| line.contains(name)).cloned().collect::<Vec<_>>();
        match (leads, start(&words, &[]).await) {
            (Ends, Err(said)) => {
                let lines: Vec<_> = said.lines().filter(|line| line.starts_with("bosporus: ")).collect();
                let named = lines[0].contains(name) || lines[0].contains("nowhere.json");
                assert!(lines.len() == 1 && named, "{parameters:?}: {said}");
            }
            (Serves, Ok(gateway)) => assert_eq!(about(&gateway.log()), [""; 0], "{parameters:?}"),
            (Notes, Ok(gateway)) => {
                let told = about(&gateway.log());
                let line = format!("note: {name} has no effect: ");
                assert!(told.len() == 1 && told[0].starts_with(&line), "{parameters:?}: {told:?}");
            }
            (leads, other) => panic!("{parameters:?} {leads:?}: {:?}", other.map(|gateway| gateway.log())),
        }
    }
}

#[tokio::test]
async fn every_variable_of_the_older_programs_says_in_a_line_what_to_do() {
    for name in VARIABLES {
        for name in [(*name).to_owned(), name.to_lowercase()] {
            let gateway = start(&[], &[(&name, "hush-hush")]).await.unwrap();
            let log = gateway.log();
            let told: Vec<_> =
                log.iter().filter(|line| line.contains(&format!("note: {name} has no effect: "))).collect();
            assert_eq!(told.len(), 1, "{name}: {log:?}");
            assert!(!log.join("").contains("hush-hush"), "{log:?}");
        }
    }
}

/// What the parameters that serve set is what the program does.
#[tokio::test]
async fn parameters_of_other_programs_do_what_they_say() {
    use crate::harness::{BEARER, soon};
    use testkit::client::{post, send};
    let (openai, claude) =
        (testkit::FakeOpenAi::start().await.unwrap(), testkit::FakeAnthropic::start().await.unwrap());
    let folder = files();
    let (prompt, openai_at, openai_key) = (folder.path().join("prompt.txt"), openai.base_url(), openai.key());
    let (claude_at, claude_key) = (claude.url(), claude.key());
    let words = [
        "--api-key",
        "key-of-the-end-to-end-tests",
        "--system-prompt-file",
        prompt.to_str().unwrap(),
        "--system-prompt-mode",
        "append",
        "--openai-api-key",
        &openai_key,
        "--openai-base-url",
        &openai_at,
        "--claude-api-key",
        &claude_key,
        "--claude-base-url",
        &claude_at,
        "--request-max-retries",
        "1",
        "-password",
        "a-good-management-password-2",
    ];
    let setup = Setup::new().with("api-keys", serde_json::json!(["key-of-the-file-which-loses"]));
    let gateway = testkit::Gateway::start_as(binary(), &setup.text(), &[], &words).await.unwrap();
    let body = |model: &str| serde_json::json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    let url = format!("{}/v1/chat/completions", gateway.url());
    openai.script(testkit::Reply::trouble(testkit::Trouble::Internal));
    let got = soon(post(&url, &[("authorization", BEARER)], &body("chat-model"))).await.unwrap();
    assert_eq!(got.status, 200, "asked a second time: {}", got.text());
    assert!(openai.last_request().unwrap().body.contains("Be brief."));
    let refused =
        soon(post(&url, &[("authorization", "Bearer key-of-the-file-which-loses")], &body("chat-model"))).await;
    assert_eq!(refused.unwrap().status, 401);
    let url = format!("{}/claude/v1/models", gateway.url());
    assert_eq!(soon(send(http::Method::GET, &url, &[("authorization", BEARER)], "")).await.unwrap().status, 200);
    let url = format!("{}/v0/management/explain?model=chat-model", gateway.url());
    let manager = [("x-management-key", "a-good-management-password-2")];
    let told = soon(send(http::Method::GET, &url, &manager, "")).await.unwrap();
    assert!(told.status == 200 && told.json()["next"]["rounds"] == 2, "{}", told.text());
}

#[tokio::test]
async fn a_key_file_is_imported_as_the_older_program_did_and_serves() {
    let fake = crate::account_files::fake().await;
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let text = Setup::new().with("auth-dir", serde_json::json!(at("auths"))).text();
    std::fs::write(at("config.yaml"), &text).unwrap();
    let import = |key: &serde_json::Value, prefix: &str| {
        std::fs::write(at("key.json"), key.to_string()).unwrap();
        let mut command = Command::new(binary());
        command.current_dir(home.path()).args(["-vertex-import", "key.json", "-vertex-import-prefix", prefix]);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let key = fake.key_file();
    let (good, said) = import(&key, "/team/");
    let path = at("auths/vertex-fake-project.json");
    assert!(good && said.contains("vertex-fake-project.json") && !said.contains("listening"), "{said}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let mut written: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((&written["type"], &written["prefix"]), (&serde_json::json!("vertex"), &serde_json::json!("team")));
    // Again, and then the key of another account of the project.
    assert!(import(&key, "team").0);
    let mut other = key.clone();
    other["client_email"] = serde_json::json!("somebody@else.example");
    let (good, said) = import(&other, "team");
    assert!(!good && said.contains("another account's") && !said.contains("MIIE"), "{said}");
    for (broken, why) in [("{", "no JSON object"), ("{}", "project_id")] {
        std::fs::write(at("broken.json"), broken).unwrap();
        let output =
            Command::new(binary()).current_dir(home.path()).args(["-vertex-import=broken.json"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
    // The fake is elsewhere than Google.
    written["base_url"] = key["base_url"].clone();
    std::fs::write(&path, written.to_string()).unwrap();
    let gateway = testkit::Gateway::start(binary(), &text).await.unwrap();
    let got = crate::account_files::ask_for(&gateway, &format!("team/{}", crate::account_files::GEMINI)).await;
    assert_eq!(got.status, 200, "{}", got.text());
}
