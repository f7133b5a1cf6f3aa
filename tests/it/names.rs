//! From a name, a path or a header to the accounts that may answer, and lists that tell the same.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Got, send};
use testkit::{FakeAnthropic, FakeOpenAi, Gateway, Reply, Trouble};

use crate::harness::{BEARER, KEY, Setup, soon};
use crate::tongue::{Chat, Messages, Tongue};

/// Two OpenAI-compatible places with one model name, one in a group, and an Anthropic account that takes all names.
struct Town {
    first: FakeOpenAi,
    second: FakeOpenAi,
    claude: FakeAnthropic,
    gateway: Gateway,
}

impl Town {
    async fn new(setup: Setup) -> Self {
        let first = FakeOpenAi::start().await.unwrap();
        let second = FakeOpenAi::start().await.unwrap();
        let claude = FakeAnthropic::start().await.unwrap();
        let place = |name: &str, fake: &FakeOpenAi| {
            json!({"name": name, "base-url": fake.base_url(), "api-key-entries": [{"api-key": fake.key()}],
                "models": [{"name": "chat-model", "alias": "shared"}, {"name": "chat-model", "alias": name}]})
        };
        let mut grouped = place("second", &second);
        grouped["group"] = json!("openai-custom-2");
        let setup = setup.compat(place("first", &first)).compat(grouped).claude(json!({"api-key": claude.key(),
            "base-url": claude.url(), "excluded-models": ["claude-old*"], "prefix": "team",
            "models": [{"name": "claude-*"}]}));
        let gateway = setup.start().await;
        Self { first, second, claude, gateway }
    }

    /// How many requests each of the three has seen since the last time.
    fn seen(&self) -> [usize; 3] {
        let count = |fake: &testkit::Fake| {
            let count = fake.requests().len();
            fake.clear();
            count
        };
        [count(&self.first), count(&self.second), count(&self.claude)]
    }

    async fn ask(&self, tongue: Tongue, path: &str, headers: &[(&str, &str)], model: &str) -> Got {
        let mut all = tongue.headers();
        all.push(("content-type", "application/json"));
        all.extend(headers);
        let url = format!("{}{path}", self.gateway.url());
        soon(send(Method::POST, &url, &all, tongue.body(model, false).to_string())).await.unwrap()
    }

    async fn list(&self, path: &str) -> Vec<String> {
        let url = format!("{}{path}", self.gateway.url());
        let got = soon(send(Method::GET, &url, &[("authorization", BEARER)], "")).await.unwrap();
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        let listed = got.json();
        let ids = listed["data"].as_array().or_else(|| listed["models"].as_array()).unwrap().iter();
        ids.map(|model| model.get("id").or(model.get("name")).and_then(Value::as_str).unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_path_narrows_to_a_provider_in_every_dialect() {
    let town = Town::new(Setup::new()).await;
    for (path, model, seen) in [
        ("/v1/chat/completions", "second", [0, 1, 0]),
        ("/second/v1/chat/completions", "shared", [0, 1, 0]),
        ("/First/v1/chat/completions", "shared", [1, 0, 0]),
        ("/openai-custom-2/v1/chat/completions", "shared", [0, 1, 0]),
        ("/openai-custom/v1/chat/completions", "shared", [1, 0, 0]),
        ("/claude-custom/v1/chat/completions", "claude-model", [0, 0, 1]),
        ("/claude-api-key/v1/chat/completions", "claude-model", [0, 0, 1]),
        ("/auto/v1/chat/completions", "first", [1, 0, 0]),
    ] {
        for _ in 0..3 {
            let got = town.ask(Chat, path, &[], model).await;
            assert_eq!(got.status, 200, "{path}: {}", got.text());
            assert_eq!(town.seen(), seen, "{path}");
        }
    }
    for path in ["/second/v1/messages", "/second/v1/messages/count_tokens?beta=true"] {
        let got = town.ask(Messages, path, &[], "shared").await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
    }
    assert_eq!(town.seen(), [0, 1, 0], "the count is an estimate");
    let gemini = r#"{"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}"#;
    let url = format!("{}/first/v1beta/models/shared:generateContent", town.gateway.url());
    let got = soon(send(Method::POST, &url, &[("x-goog-api-key", KEY)], gemini)).await.unwrap();
    assert_eq!((got.status.as_u16(), town.seen()), (200, [1, 0, 0]), "{}", got.text());
    for path in ["/second/api/chat", "/second/ollama/api/chat"] {
        let got = town.ask(Chat, path, &[], "shared").await;
        assert_eq!((got.status.as_u16(), town.seen()), (200, [0, 1, 0]), "{path}: {}", got.text());
    }
}

#[tokio::test]
async fn a_header_and_the_name_itself_narrow_as_a_path_does() {
    let town = Town::new(Setup::new()).await;
    for (path, provider, model, seen) in [
        ("/v1/chat/completions", "second", "shared", [0, 1, 0]),
        ("/v1/chat/completions", "auto", "first", [1, 0, 0]),
        ("/first/v1/chat/completions", "second", "shared", [1, 0, 0]),
        ("/v1/chat/completions", "", "second:shared", [0, 1, 0]),
        ("/v1/chat/completions", "", "claude-custom:claude-model", [0, 0, 1]),
        ("/second/v1/chat/completions", "", "second:shared", [0, 1, 0]),
        ("/v1/chat/completions", "", "team/claude-model", [0, 0, 1]),
        ("/api/chat", "", "[second] shared:latest", [0, 1, 0]),
        ("/api/chat", "", "[Claude] claude-model", [0, 0, 1]),
        ("/api/chat", "", "[Whoever] second", [0, 1, 0]),
    ] {
        let got = town.ask(Chat, path, &[("model-provider", provider)], model).await;
        assert_eq!(got.status, 200, "{path} {provider} {model}: {}", got.text());
        if seen == [0, 0, 1] {
            assert_eq!(town.claude.requests()[0].json()["model"], "claude-model", "{model}");
        }
        assert_eq!(town.seen(), seen, "{path} {provider} {model}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_told_in_the_dialect_of_the_path() {
    let town = Town::new(Setup::new()).await;
    for model in ["[first] second", "[claude-kiro-oauth] second"] {
        let got = town.ask(Chat, "/api/chat", &[], model).await;
        assert_eq!(got.status, 404, "who names a provider is not served by another one: {}", got.text());
        assert_eq!(town.seen(), [0, 0, 0]);
    }
    for (path, header, model, status, told) in [
        ("/nobody/v1/chat/completions", "", "shared", 404, "no provider `nobody`; there are:"),
        ("/claude-kiro-oauth/v1/chat/completions", "", "shared", 404, "is of the provider `claude-kiro-oauth`"),
        ("/gemini/v1/chat/completions", "", "shared", 404, "is of the provider `gemini`"),
        ("/v1/chat/completions", "nobody", "shared", 400, "no provider `nobody`"),
        ("/first/v1/chat/completions", "", "second", 404, "does not serve the model `second`; another one does"),
        ("/first/v1/chat/completions", "", "second:shared", 404, "`second:shared`"),
        ("/v1/chat/completions", "", "claude-kiro-oauth:x", 404, "is of the provider `claude-kiro-oauth`"),
        ("/v1/chat/completions", "", "claude-old-1", 404, "`claude-old-1`"),
        ("/v1/chat/completions", "", "team/claude-old-1", 404, "`team/claude-old-1`"),
    ] {
        for tongue in [Chat, Messages] {
            let path = path.replace("/v1/chat/completions", tongue.path());
            let got = town.ask(tongue, &path, &[("model-provider", header)], model).await;
            assert_eq!(got.status, status, "{path} {header} {model}: {}", got.text());
            let message = tongue.error(&got)["message"].as_str().unwrap().to_owned();
            // Anthropic says no more than the name when there is no such model.
            let bare = tongue == Messages && message == format!("model: {model}");
            assert!(bare || message.contains(told), "{path} {header} {model}: {message}");
        }
    }
    assert_eq!(town.seen(), [0, 0, 0]);
    let url = format!("{}/nobody/v1/messages", town.gateway.url());
    let got = soon(send(Method::POST, &url, &[("x-api-key", "wrong")], "{}")).await.unwrap();
    assert_eq!(got.status, 401, "strangers learn no provider's name: {}", got.text());
}

#[tokio::test]
async fn lists_are_what_can_be_called() {
    let aliases = json!({"claude-api-key": [{"name": "claude-model", "alias": "quick"}],
        "openai-compatibility": [{"name": "first", "alias": "renamed"}, {"name": "second", "alias": "also", "fork": true}]});
    let setup = Setup::new().with("oauth-model-alias", aliases).with("force-model-prefix", json!(true));
    let town = Town::new(setup).await;
    assert_eq!(town.list("/v1/models").await, ["also", "renamed", "second", "shared", "team/quick"]);
    assert_eq!(town.list("/auto/v1/models").await, town.list("/v1/models").await);
    assert_eq!(town.list("/openai-custom-2/v1/models").await, ["also", "second", "shared"]);
    assert_eq!(town.list("/claude/v1/models").await, ["team/quick"]);
    assert_eq!(town.list("/first/api/tags").await, ["renamed", "shared"]);
    assert_eq!(town.list("/first/v1beta/models").await, ["models/renamed", "models/shared"]);
    for (path, model, status) in [
        ("/first", "renamed", 200),
        ("", "first", 404),
        ("", "team/quick", 200),
        ("", "quick", 404),
        ("", "claude-model", 404),
        ("", "team/claude-model", 404),
        ("/second", "renamed", 404),
    ] {
        let got = town.ask(Chat, &format!("{path}/v1/chat/completions"), &[], model).await;
        assert_eq!(got.status, status, "{path} {model}: {}", got.text());
        let url = format!("{}{path}/v1/models/{model}", town.gateway.url());
        let one = soon(send(Method::GET, &url, &[("authorization", BEARER)], "")).await.unwrap();
        assert_eq!(one.status, status, "{path} {model}: {}", one.text());
    }
}

#[tokio::test]
async fn an_alias_over_several_places_is_a_pool_and_exclusions_of_a_key_hold() {
    let one = FakeOpenAi::start().await.unwrap();
    let two = FakeAnthropic::start().await.unwrap();
    let keys = json!([{"api-key": one.key()}, {"api-key": "bad", "not-supported-models": ["chat-*"]}]);
    let setup = Setup::new()
        .compat(json!({"name": "one", "base-url": one.base_url(), "api-key-entries": keys,
            "models": [{"name": "chat-model", "alias": "fast"}, {"name": "*"}]}))
        .claude(json!({"api-key": two.key(), "base-url": two.url(),
            "models": [{"name": "claude-model", "alias": "fast"}]}));
    let gateway = setup.start().await;
    for _ in 0..8 {
        let got = Chat.ask(&gateway, &Chat.body("fast", false)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        let got = Chat.ask(&gateway, &Chat.body("chat-model", false)).await;
        assert_eq!(got.status, 200, "a name that fits a pattern, but not the second key's: {}", got.text());
    }
    assert_eq!(two.requests().len(), 4, "each has its turn");
    assert!(one.requests().iter().all(|request| request.header("authorization").unwrap().contains(&one.key())));
}

#[tokio::test]
async fn explain_says_who_would_be_asked() {
    let home = tempfile::tempdir().unwrap();
    let place = |name: &str, priority: i32| {
        json!({"name": name, "base-url": "http://127.0.0.1:1/v1", "priority": priority,
            "api-key-entries": [{"api-key": "secret-of-the-upstream"}], "models": [{"name": "real", "alias": "m"}]})
    };
    let keys = json!([{"key": "key-of-somebody-limited", "label": "bob", "providers": ["low"]}]);
    let setup = Setup::new().compat(place("low", 1)).compat(place("high", 2)).with("client-keys", keys);
    let file = home.path().join("config.yaml");
    std::fs::write(&file, setup.text()).unwrap();
    let explain = |more: &[&str]| {
        let mut command = std::process::Command::new(crate::harness::binary());
        command.env("HOME", home.path());
        let output = command.arg("--config").arg(&file).arg("explain").args(more).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("secret-of"), "{text}");
        (output.status.code(), text)
    };
    let (code, text) = explain(&["m"]);
    assert_eq!(code, Some(0), "{text}");
    let line = |start: &str| text.lines().position(|line| line.starts_with(start));
    let (high, low) = (line("1.     high#1"), line("2.     low#1"));
    assert!(high.is_some() && high < low && text.contains("by the configuration alone"), "{text}");
    let order = |more: &[&str]| {
        let (_, text) = explain(more);
        serde_json::from_str::<Value>(&text).unwrap()["order"].clone()
    };
    assert_eq!(order(&["m", "--json"]), json!(["high#1", "low#1"]));
    assert_eq!(order(&["m", "--json", "--key", "bob"]), json!(["low#1"]));
    assert_eq!(order(&["low:m", "--json"]), json!(["low#1"]));
    for (more, told) in [
        (&["n"][..], "no configured account serves"),
        (&["high:m", "--key", "bob"], "`high:m`"),
        (&["m", "--key", "nobody"], ""),
    ] {
        let (code, text) = explain(more);
        assert!(code == Some(1) && text.contains(told), "{more:?}: {text}");
    }
}

#[tokio::test]
async fn a_name_with_others_in_its_place_is_listed_as_it_may_be_called() {
    let chains =
        json!({"fast": ["gone", "first:shared"], "lost": ["gone"], "team-pick": ["claude-old-x", "claude-model"]});
    let keys = json!([
        {"key": "key-of-somebody-who-may-fast", "label": "bob", "models": ["fast", "shared"]},
        {"key": "key-of-somebody-who-may-not", "label": "eve", "models": ["shared"]},
    ]);
    let town = Town::new(Setup::new().with("fallback", chains).with("client-keys", keys)).await;
    for path in ["/v1/models", "/v1beta/models", "/api/tags", "/second/v1/models"] {
        let list = town.list(path).await;
        let has =
            |name: &str| list.iter().any(|one| one.trim_start_matches("models/").trim_end_matches(":latest") == name);
        assert!(has("fast") && has("team-pick") && !has("lost") && !has("gone"), "{path}: {list:?}");
    }
    // What the list says of it is what it says of the one that answers.
    let url = format!("{}/v1/models/fast", town.gateway.url());
    let headers = |key: &str| [("authorization", format!("Bearer {key}"))];
    let one = async |key: &str| {
        let headers = headers(key);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        soon(send(Method::GET, &url, &headers, "")).await.unwrap()
    };
    assert_eq!(one(KEY).await.json()["owned_by"], json!("first"));
    assert_eq!(one("key-of-somebody-who-may-fast").await.status, 200);
    assert_eq!(one("key-of-somebody-who-may-not").await.status, 404);
    for (key, model, status) in [
        ("key-of-somebody-who-may-fast", "fast(high)", 200),
        ("key-of-somebody-who-may-fast", "team-pick", 403),
        ("key-of-somebody-who-may-not", "fast", 403),
        ("key-of-somebody-who-may-not", "lost", 404),
    ] {
        let bearer = format!("Bearer {key}");
        let url = format!("{}/v1/chat/completions", town.gateway.url());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let got = soon(send(Method::POST, &url, &headers, Chat.body(model, false).to_string())).await.unwrap();
        assert_eq!(got.status, status, "{model}: {}", got.text());
    }
    assert_eq!(town.seen(), [1, 0, 0]);
    // When who stands in for it cannot answer, the client hears of that, and not that there is no such model.
    town.first.script(Reply::trouble(Trouble::RateLimited(77)));
    let got = town.ask(Chat, "/v1/chat/completions", &[], "fast").await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, Some("77")), "{}", got.text());
}
