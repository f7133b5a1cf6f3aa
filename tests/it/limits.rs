//! Client keys that may not do everything: what they reach, how much of it, and until when.

use std::io::Write as _;
use std::process::{Command, Stdio};

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Got, send};
use testkit::{FakeAnthropic, FakeOpenAi, Gate, Gateway, Reply, Trouble};

use crate::harness::{BEARER, Setup, binary, soon};
use crate::tongue::{Chat, Messages, Tongue};

const ALICE: &str = "key-of-alice-who-is-limited";

async fn ask(gateway: &Gateway, tongue: Tongue, key: &str, path: &str, model: &str) -> Got {
    let key = format!("Bearer {key}");
    let mut headers = vec![("authorization", &*key), ("content-type", "application/json")];
    if tongue == Messages {
        headers.push(("anthropic-version", "2023-06-01"));
    }
    let url = format!("{}{path}", gateway.url());
    let mut body = tongue.body(model, false);
    if path.ends_with("count_tokens") {
        body.as_object_mut().unwrap().remove("max_tokens");
    }
    soon(send(Method::POST, &url, &headers, body.to_string())).await.unwrap()
}

async fn chat(gateway: &Gateway, model: &str) -> Got {
    ask(gateway, Chat, ALICE, "/v1/chat/completions", model).await
}

/// Two places and an Anthropic account, and a key for Alice.
struct Town {
    one: FakeOpenAi,
    claude: FakeAnthropic,
    gateway: Gateway,
    setup: Setup,
}

impl Town {
    async fn new(limits: Value) -> Self {
        Self::with(Setup::new(), limits).await
    }

    async fn with(setup: Setup, mut limits: Value) -> Self {
        let (one, claude) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
        limits["key"] = json!(ALICE);
        limits["label"] = json!("alice");
        let keys = json!([{"api-key": one.key()}]);
        let setup = setup
            .with("client-keys", json!([limits]))
            .compat(json!({"name": "one", "base-url": one.base_url(), "api-key-entries": keys,
                "models": [{"name": "chat-model"}, {"name": "chat-model", "alias": "both"}]}))
            .claude(json!({"api-key": claude.key(), "base-url": claude.url(),
                "models": [{"name": "claude-model"}, {"name": "claude-model", "alias": "both"}]}));
        let gateway = setup.start().await;
        Self { one, claude, gateway, setup }
    }
}

async fn list(gateway: &Gateway, key: &str, path: &str) -> Vec<String> {
    let url = format!("{}{path}", gateway.url());
    let got = soon(send(Method::GET, &url, &[("authorization", key)], "")).await.unwrap();
    let ids = got.json()["data"].as_array().unwrap().clone();
    ids.iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_reaches_what_it_is_allowed_and_lists_say_so() {
    for (limits, models, claude_only) in [
        (json!({"models": ["Chat-*", "none"]}), vec!["chat-model"], false),
        (json!({"providers": ["claude-custom"]}), vec!["both", "claude-model"], true),
        (json!({"accounts": ["claude#*"]}), vec!["both", "claude-model"], true),
        (json!({"accounts": ["one#1"], "models": ["*"]}), vec!["both", "chat-model"], false),
        (json!({"providers": ["one", "claude"], "models": ["both"]}), vec!["both"], false),
        (json!({"providers": ["claude-kiro-oauth"]}), vec![], false),
        (json!({"providers": ["auto"]}), vec!["both", "chat-model", "claude-model"], false),
    ] {
        let town = Town::new(limits.clone()).await;
        assert_eq!(list(&town.gateway, ALICE, "/v1/models").await, models, "{limits}");
        assert_eq!(list(&town.gateway, BEARER, "/v1/models").await, ["both", "chat-model", "claude-model"]);
        for model in ["both", "chat-model", "claude-model"] {
            let allowed = models.contains(&model);
            for (tongue, path) in
                [(Chat, "/v1/chat/completions"), (Messages, "/v1/messages"), (Messages, "/v1/messages/count_tokens")]
            {
                let got = ask(&town.gateway, tongue, ALICE, path, model).await;
                assert_eq!(got.status, if allowed { 200 } else { 403 }, "{limits} {path} {model}: {}", got.text());
                if !allowed {
                    assert_eq!(tongue.error(&got)["type"], "permission_error", "{}", got.text());
                }
            }
        }
        if claude_only {
            assert_eq!(town.one.requests().len(), 0, "{limits}");
        }
        let got = chat(&town.gateway, "nobody-has-this").await;
        assert_eq!(got.status, 404, "what nobody may use is missing, not forbidden: {}", got.text());
    }
}

#[tokio::test]
async fn requests_per_minute_hold_on_every_route() {
    let town = Town::new(json!({"requests-per-minute": 3})).await;
    let first = chat(&town.gateway, "chat-model").await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.header("x-ratelimit-limit-requests"), Some("3"));
    assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("2"));
    assert_eq!(first.header("x-ratelimit-limit-tokens"), None);
    let second = ask(&town.gateway, Messages, ALICE, "/v1/messages", "claude-model").await;
    assert_eq!(second.header("anthropic-ratelimit-requests-remaining"), Some("1"), "{:?}", second.headers);
    assert!(second.header("anthropic-ratelimit-requests-reset").unwrap().ends_with('Z'));
    let count = ask(&town.gateway, Messages, ALICE, "/v1/messages/count_tokens", "claude-model").await;
    assert_eq!(count.status, 200, "{}", count.text());
    let asked = town.one.requests().len() + town.claude.requests().len();
    let gemini = "/v1beta/models/both:generateContent";
    for (tongue, path) in [
        (Chat, "/v1/chat/completions"),
        (Messages, "/v1/messages"),
        (Messages, "/v1/messages/count_tokens"),
        (Chat, "/one/v1/chat/completions"),
        (Chat, "/api/chat"),
        (Chat, "/v1/completions"),
        (Chat, "/v1/embeddings"),
        (Chat, gemini),
    ] {
        let url = format!("{}{path}", town.gateway.url());
        let mut body = tongue.body("both", false);
        body["prompt"] = json!("hi");
        body["input"] = json!("hi");
        let key = format!("Bearer {ALICE}");
        let headers = [("authorization", &*key), ("content-type", "application/json")];
        let got = soon(send(Method::POST, &url, &headers, body.to_string())).await.unwrap();
        assert_eq!(got.status, 429, "{path}: {}", got.text());
        let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{path}: {wait}");
        assert!(got.text().contains("3 requests per minute"), "{path}: {}", got.text());
    }
    assert_eq!(town.one.requests().len() + town.claude.requests().len(), asked, "no upstream was asked");
    assert_eq!(list(&town.gateway, ALICE, "/v1/models").await.len(), 3, "lists cost nothing");
    let other = Chat.ask(&town.gateway, &Chat.body("chat-model", false)).await;
    assert_eq!(other.status, 200, "another key is not concerned");
    assert_eq!(other.header("x-ratelimit-limit-requests"), None);
}

#[tokio::test]
async fn one_request_at_once_means_one() {
    let town = Town::new(json!({"concurrency": 1})).await;
    let gate = Gate::new();
    town.one.script(Reply::lively().stall_after(6, &gate));
    let headers = [("authorization", ALICE), ("content-type", "application/json")];
    let url = format!("{}/v1/chat/completions", town.gateway.url());
    let open = testkit::client::open(Method::POST, &url, &headers, Chat.body("chat-model", true).to_string());
    let live = soon(open).await.unwrap();
    let refused = chat(&town.gateway, "chat-model").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("1")), "{}", refused.text());
    gate.open();
    let got = soon(live.rest()).await;
    assert!(Chat.is_complete(&got), "{}", got.text());
    // The place is given back when the answer has ended, which the client may see a moment earlier.
    let mut again = chat(&town.gateway, "chat-model").await;
    while again.status == 429 {
        tokio::task::yield_now().await;
        again = chat(&town.gateway, "chat-model").await;
    }
    assert_eq!(again.status, 200, "{}", again.text());
}

#[tokio::test]
async fn tokens_are_counted_at_the_end_of_an_answer() {
    let town = Town::new(json!({"tokens-per-minute": 5})).await;
    town.one.script(Reply::raw(200, "application/json", Chat.whole_reply("yes")));
    let got = chat(&town.gateway, "chat-model").await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-ratelimit-limit-tokens"), Some("5"));
    let got = chat(&town.gateway, "chat-model").await;
    assert_eq!(got.status, 429, "3 and 2 tokens were all of the minute: {}", got.text());
    assert!(got.text().contains("5 tokens per minute"), "{}", got.text());
    assert_eq!(got.header("x-ratelimit-remaining-tokens"), Some("0"));
}

#[tokio::test]
async fn a_month_is_counted_over_a_restart_and_failures_are_free() {
    let home = tempfile::tempdir().unwrap();
    let setup = Setup::new().with("auth-dir", json!(home.path().join("accounts")));
    let town = Town::with(setup, json!({"monthly-requests": {"Chat-*": 2, "*": 100}})).await;
    town.one.script(Reply::trouble(Trouble::Internal));
    assert_eq!(chat(&town.gateway, "chat-model").await.status.as_u16() / 100, 5);
    for _ in 0..2 {
        assert_eq!(chat(&town.gateway, "chat-model").await.status, 200);
    }
    let got = chat(&town.gateway, "chat-model").await;
    assert_eq!(got.status, 429, "{}", got.text());
    assert!(got.header("retry-after").unwrap().parse::<u64>().unwrap() <= 31 * 86_400);
    let Town { one, claude: _claude, gateway, setup } = town;
    gateway.terminate().await.unwrap();
    let file = home.path().join("accounts/client-key-use.state");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(" 2 chat-*") && !text.contains(ALICE), "{text}");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions()) & 0o777,
        0o600
    );
    let again = setup.start().await;
    let got = chat(&again, "chat-model").await;
    assert_eq!(got.status, 429, "{}", got.text());
    assert!(got.text().contains("2 requests of 20"), "{}", got.text());
    assert_eq!(chat(&again, "both").await.status, 200, "another pattern has its own count");
    assert!(one.requests().len() >= 3);
}

#[tokio::test]
async fn a_key_can_be_kept_as_a_hash_and_can_end() {
    let mut child =
        Command::new(binary()).arg("hash-key").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{ALICE}\n").as_bytes()).unwrap();
    let hash = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let hash = hash.trim();
    assert!(hash.starts_with("sha256:") && hash.len() == 71, "{hash}");
    for (limits, status, told) in [
        (json!({"key-hash": hash}), 200, ""),
        (json!({"key-hash": hash, "expires": "2020-01-01"}), 403, "expired at 2020-01-02T00:00:00Z"),
        (json!({"key-hash": hash, "expires": "2999-01-01"}), 200, ""),
        (json!({"key-hash": hash, "disabled": true}), 403, "is disabled"),
        (json!({"key-hash": hash.replace(&hash[10..12], "zz")}), 0, "64 hexadecimal digits"),
    ] {
        let setup = Setup::new().with("demo", json!(true)).with("client-keys", json!([limits]));
        if status == 0 {
            let failed = Gateway::start(binary(), &setup.text()).await.unwrap_err().to_string();
            assert!(failed.contains(told) && !failed.contains(&hash[20..]), "{failed}");
            continue;
        }
        let gateway = setup.start().await;
        let got = chat(&gateway, "demo").await;
        assert_eq!(got.status, status, "{limits}: {}", got.text());
        assert!(got.text().contains(told), "{limits}: {}", got.text());
        if status == 403 {
            let url = format!("{}/v1/models", gateway.url());
            let got = soon(send(Method::GET, &url, &[("authorization", ALICE)], "")).await.unwrap();
            assert_eq!(got.status, 403, "nor does it list");
        }
    }
}

#[tokio::test]
async fn limits_in_the_form_of_the_older_program_hold_and_give_the_right_status() {
    let limits = json!([{"api-key": ALICE, "allowed-models": ["d*"], "monthly-quotas": {"demo": 1}}]);
    let home = tempfile::tempdir().unwrap();
    let setup = Setup::new()
        .with("demo", json!(true))
        .with("auth-dir", json!(home.path()))
        .with("api-keys", json!([ALICE, "key-of-somebody-else"]))
        .with("api-key-limits", limits);
    let gateway = setup.start().await;
    assert_eq!(chat(&gateway, "demo").await.status, 200);
    assert_eq!(chat(&gateway, "demo").await.status, 429, "a quota is no lack of permission");
    let other = ask(&gateway, Chat, "key-of-somebody-else", "/v1/chat/completions", "demo").await;
    assert_eq!(other.status, 200);
}
