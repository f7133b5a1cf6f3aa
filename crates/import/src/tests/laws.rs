//! What holds for any installation.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Memory, import};
use crate::{Import, Program};

/// Names that mean something somewhere, and some that mean nothing.
const NAMES: &[&str] = &[
    "port",
    "host",
    "tls",
    "cert",
    "remote-management",
    "secret-key",
    "api-keys",
    "api-key",
    "base-url",
    "cloak",
    "claude-api-key",
    "openai-compatibility",
    "api-key-entries",
    "models",
    "name",
    "alias",
    "headers",
    "payload",
    "override",
    "params",
    "generative-language-api-key",
    "oauth-model-mappings",
    "ampcode",
    "auth",
    "x-own",
    "zzz",
    "plugins",
    "api-key-limits",
    "allowed-credentials",
    "fallback",
    "codex",
    "live-media-relay",
    "quota-exceeded",
    "allow-private-remote-ips",
    "switch-project",
    "auth-dir",
];

const POOLS: &[&str] = &[
    "openai-custom",
    "openai-custom-2",
    "openaiResponses-custom",
    "claude-custom",
    "claude-custom-x/y",
    "forward-api",
    "atlascloud",
    "gemini-cli-oauth",
    "claude-kiro-oauth",
    "grok-web",
    "nobody",
];

const NODE: &[&str] = &[
    "customName",
    "uuid",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "CLAUDE_API_KEY",
    "CLAUDE_BASE_URL",
    "FORWARD_API_KEY",
    "FORWARD_BASE_URL",
    "FORWARD_HEADER_NAME",
    "FORWARD_HEADER_VALUE_PREFIX",
    "GEMINI_OAUTH_CREDS_FILE_PATH",
    "GEMINI_OAUTH_CREDS_BASE64",
    "KIRO_OAUTH_CREDS_FILE_PATH",
    "PROJECT_ID",
    "notSupportedModels",
    "supportedModels",
    "concurrencyLimit",
    "queueLimit",
    "isDisabled",
    "priority",
    "checkModelName",
    "checkHealth",
    "zzz",
    "GROK_COOKIE_TOKEN",
];

const SETTINGS: &[&str] = &[
    "HOST",
    "SERVER_PORT",
    "REQUIRED_API_KEY",
    "MODEL_PROVIDER",
    "SYSTEM_PROMPT_FILE_PATH",
    "SYSTEM_PROMPT_MODE",
    "SYSTEM_PROMPT_REPLACEMENTS",
    "REQUEST_MAX_RETRIES",
    "CREDENTIAL_SWITCH_MAX_RETRIES",
    "FORCE_MAX_TOKENS",
    "UI_ENABLED",
    "HEALTH_ALERT_WEBHOOK_URL",
    "SCHEDULED_HEALTH_CHECK",
    "PROXY_URL",
    "PROXY_ENABLED_PROVIDERS",
    "LOG_LEVEL",
    "zzz",
    "providerFallbackChain",
    "modelFallbackMapping",
    "PROVIDER_POOLS_FILE_PATH",
    "CUSTOM_MODELS_FILE_PATH",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "CLAUDE_API_KEY",
    "GEMINI_OAUTH_CREDS_BASE64",
    "KIRO_OAUTH_CREDS_FILE_PATH",
    "RATE_LIMIT_COOLDOWN_ENABLED",
    "USE_SYSTEM_PROXY_X",
    "TLS_SIDECAR_ENABLED",
    "GROK_COOKIE_TOKEN",
    "PROJECT_ID",
];

const MODEL: &[&str] = &[
    "id",
    "name",
    "alias",
    "provider",
    "actualProvider",
    "actualModel",
    "contextLength",
    "maxTokens",
    "temperature",
    "topP",
    "description",
    "zzz",
];

const PERSON: &[&str] = &["id", "name", "dailyLimit", "enabled", "maxRpm", "maxQps", "maxTps", "bonusRemaining", "zzz"];

/// Values that mean something somewhere.
const WORDS: &[&str] = &[
    "0.0.0.0",
    "localhost",
    "https://llm.example/v1",
    "https://u:p@llm.example",
    "a-key-of-decent-length",
    "openai-custom",
    "claude-custom",
    "openai-custom-2",
    "overwrite",
    "true",
    "a b\nc",
    "a.json",
    "e30=",
    "socks5://127.0.0.1:1",
    "{{x}}",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5..9000_i64).prop_map(Value::from),
        "[a-z0-9:/.*-]{0,16}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        let keys = prop::sample::select(NAMES).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let keys = prop::sample::select(names).prop_map(str::to_owned);
    prop::collection::btree_map(keys, value(), 0..10).prop_map(|map| map.into_iter().collect())
}

/// The ways to all ends of a value.
fn ends(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            ends(value, &path, out);
        }),
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| ends(value, &format!("{path}[{at}]"), out));
        }
        _ => out.push(path.to_owned()),
    }
}

#[track_caller]
fn all_told(new: &Import, file: &str, value: &Value) {
    let mut paths = Vec::new();
    ends(value, "", &mut paths);
    for path in paths.iter().filter(|path| !path.is_empty()) {
        let told = new.findings.iter().filter(|finding| finding.file == file).any(|finding| {
            let rest = path.strip_prefix(finding.key.as_str()).filter(|_| !finding.key.is_empty());
            // A text with commas counts as a list.
            let split = finding.key.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('['));
            split || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        assert!(told, "{path} of {file} is passed over in silence: {:?}\n{value}", new.findings);
    }
}

proptest! {
    #[test]
    fn every_key_of_cliproxy_has_its_place(map in object(NAMES)) {
        let old = Value::Object(map);
        let look = Memory::of(&[("/old/config.yaml", &old.to_string())]);
        // Contradictions between old and new names are refused as a whole.
        if let Ok(new) = import(Program::CliProxy, &look) {
            all_told(&new, "config.yaml", &old);
            prop_assert!(config::document::document(new.text().as_bytes(), "new").is_ok(), "{}", new.text());
        }
    }

    /// Whatever stands in the old files, every key has its place, and what is made of them can be used.
    #[test]
    fn every_key_of_aiclient_has_its_place(
        settings in object(SETTINGS),
        pools in prop::collection::btree_map(prop::sample::select(POOLS), prop::collection::vec(object(NODE), 0..3), 0..4),
        models in prop::collection::vec(object(MODEL), 0..3),
        chain in prop::option::of(prop::collection::btree_map(
            prop::sample::select(POOLS), prop::collection::vec(prop::sample::select(POOLS), 0..3), 0..5)),
        people in prop::collection::btree_map("[ -~]{0,12}", object(PERSON), 0..3),
    ) {
        let mut settings = settings;
        if let Some(chain) = chain {
            settings.insert("providerFallbackChain".to_owned(), json!(chain));
        }
        let (settings, pools) = (Value::Object(settings), json!(pools));
        let (models, people) = (json!(models), json!({"keys": people}));
        let look = Memory::of(&[
            ("/old/configs/config.json", &settings.to_string()),
            ("/old/configs/provider_pools.json", &pools.to_string()),
            ("/old/configs/custom_models.json", &models.to_string()),
            ("/old/configs/api-potluck-keys.json", &people.to_string()),
            ("/old/configs/plugins.json", r#"{"plugins": {"api-potluck": {"enabled": true}}}"#),
            ("/old/configs/input_system_prompt.txt", "prompt"),
            ("/old/a.json", "{}"),
        ]);
        let mut new = match import(Program::AiClient, &look) {
            Ok(new) => new,
            // Only a pools file that is none where it is said to be may end it.
            Err(why) => {
                let path = settings["PROVIDER_POOLS_FILE_PATH"].as_str().map(|path| path.trim().to_owned());
                prop_assert!(path.as_ref().is_some_and(|path| why.contains(path.as_str())), "{path:?}: {why}");
                return Ok(());
            }
        };
        all_told(&new, "config.json", &settings);
        if !settings["PROVIDER_POOLS_FILE_PATH"].is_string() {
            all_told(&new, "provider_pools.json", &pools);
        }
        if !settings["CUSTOM_MODELS_FILE_PATH"].is_string() {
            all_told(&new, "custom_models.json", &models);
        }
        for at in 0..people["keys"].as_object().unwrap().len() {
            let path = format!("keys[{at}]");
            prop_assert!(new.findings.iter().any(|finding| finding.key == path));
        }
        let settled = crate::settle(&mut new, "config.yaml");
        prop_assert!(settled.is_ok(), "{}\n{}", settled.unwrap_err(), new.text());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), env in "\\PC{0,60}") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let look = Memory::of(&[("/old/config.yaml", &text), ("/old/.env", &env), ("/old/auths/a.json", &text)]);
        let _ = import(Program::CliProxy, &look);
    }
}

#[test]
fn an_empty_folder_is_no_installation() {
    for program in [Program::CliProxy, Program::AiClient] {
        assert!(import(program, &Memory::default()).unwrap_err().contains("/old"));
    }
}

#[test]
fn the_folder_of_the_old_accounts_is_no_place_for_new_ones() {
    let look = Memory::of(&[("/old/config.yaml", "auth-dir: /new\n"), ("/new/a.json", r#"{"type": "codex"}"#)]);
    assert!(import(Program::CliProxy, &look).unwrap_err().contains("never changed"));
}

#[test]
fn smaller_was_first_and_higher_is_first() {
    let node = |priority: Value| json!({"CLAUDE_API_KEY": format!("k-{priority}"), "CLAUDE_BASE_URL": "https://a.example", "customName": priority.to_string(), "priority": priority});
    let nodes: Vec<_> = [json!(0), json!(1), json!(100), json!("7"), json!(250)].into_iter().map(node).collect();
    let pools = json!({"claude-custom": nodes}).to_string();
    let new = import(Program::AiClient, &Memory::of(&[("/old/configs/provider_pools.json", &pools)])).unwrap();
    let (config, _) = config::parse(&new.text(), "new", &[]);
    let priorities: Vec<_> = config.unwrap().keyed("claude-api-key").iter().map(|entry| entry.priority).collect();
    assert_eq!(priorities, [100, 99, 0, 93, -150]);
}

#[test]
fn a_model_without_a_provider_is_one_of_the_usual_provider() {
    let pools =
        json!({"claude-custom": [{"CLAUDE_API_KEY": "k"}], "openai-custom": [{"OPENAI_API_KEY": "k"}]}).to_string();
    let look = Memory::of(&[
        ("/old/configs/config.json", r#"{"MODEL_PROVIDER": "claude-custom,openai-custom"}"#),
        ("/old/configs/provider_pools.json", &pools),
        ("/old/configs/custom_models.json", r#"[{"id": "quick", "actualModel": "claude-haiku-4-5"}]"#),
    ]);
    let (config, _) = config::parse(&import(Program::AiClient, &look).unwrap().text(), "new", &[]);
    let config = config.unwrap();
    assert!(config.keyed("claude-api-key")[0].models.iter().any(|model| model.alias == "quick"));
    assert!(config.compat[0].models.iter().all(|model| model.alias != "quick"));
}

#[test]
fn remarks_and_values_stay_what_they_are() {
    let old = json!({"port": 8317, "api-keys": ["it's \"mine\": #1"], "payload": {"override": [
        {"models": [{"name": "*"}], "params": {"a.b": null, "c": "1.0", "d": 1.5, "e": [true, {}]}}]}});
    let look = Memory::of(&[("/old/config.yaml", &old.to_string())]);
    let text = import(Program::CliProxy, &look).unwrap().text();
    for part in ["- \"it's \\\"mine\\\": #1\"", "a.b: null", "c: \"1.0\"", "d: 1.5", "- true", "- {}"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}
