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
