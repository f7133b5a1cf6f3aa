//! What right and half-right files turn into.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GOOD_KEY, error, good, parse, warning};
use crate::checked::{
    Config, Cors, HeaderValueRule, LogFormat, MaxTokensField, Modality, Proxy, ProxyScheme, Strategy, ThinkingLevel,
};

#[test]
fn an_empty_file_is_all_defaults_and_one_warning() {
    for text in ["", "\n", "# nothing\n", "---\n", "~", "host:\napi-keys:\nrouting:\ntls: ~\n"] {
        let (config, report) = parse(text);
        assert_eq!(config, Some(Config::default()), "{text:?}");
        assert_eq!(report.warnings.len(), 1, "{report}");
        assert!(report.notes.is_empty());
    }
}

#[test]
fn the_conformance_file_is_clean_but_for_notes() {
    let (config, report) = parse(include_str!("conformance.yaml"));
    assert!(report.errors.is_empty() && report.warnings.is_empty(), "{report}");
    let config = config.unwrap();
    assert_eq!(config.port, 8317);
    assert_eq!(config.management_key, None);
    assert!(config.disable_cooling && config.disable_control_panel);
    let chat = &config.compat[0];
    assert_eq!((chat.name.as_str(), chat.base_url.as_str()), ("mock-chat", "http://127.0.0.1:19101/v1"));
    assert_eq!(chat.models[0].input_modalities, [Modality::Text, Modality::Image]);
    assert_eq!(chat.models[0].thinking.as_ref().unwrap().levels.len(), 6);
    let addresses: Vec<_> = ["codex-api-key", "claude-api-key", "gemini-api-key"]
        .map(|list| config.keyed(list))
        .map(|list| list[0].base_url.as_ref().unwrap().port().unwrap())
        .into();
    assert_eq!(addresses, [19102, 19103, 19104]);
}

#[test]
fn client_keys_are_trimmed_and_labelled() {
    let (config, report) = parse("api-keys: [' first-key-0123456789 ', 1234567890123456, first-key-0123456789]");
    let keys = config.unwrap().client_keys;
    let shown: Vec<_> = keys.iter().map(|key| (key.key.plain().unwrap().expose(), key.label.as_str())).collect();
    assert_eq!(shown, [("first-key-0123456789", "key-1"), ("1234567890123456", "key-2")]);
    assert_eq!(report.warnings.len(), 2, "a repetition and a sample: {report}");
}

#[test]
fn keys_that_no_header_can_carry_are_refused() {
    for key in ["\"a b\"", "\"tab\\there\"", "\"schlüssel\"", "\"line\\nline\""] {
        let (config, report) = parse(&format!("api-keys: [{key}]"));
        assert!(config.is_none() && report.errors[0].message().contains("cannot be sent"), "{report}");
    }
}

#[test]
fn hosts() {
    for (text, host, loopback) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("'::1'", "::1", true),
        ("'[::1]'", "::1", true),
        ("localhost", "localhost", true),
        ("127.8.9.10", "127.8.9.10", true),
        ("'::ffff:127.0.0.1'", "::ffff:127.0.0.1", true),
        ("0.0.0.0", "0.0.0.0", false),
        ("'::'", "::", false),
        ("gateway.example.com", "gateway.example.com", false),
        ("localhost.example.com", "localhost.example.com", false),
    ] {
        let config = good(&format!("host: {text}"));
        assert_eq!((config.host.as_str(), config.is_loopback()), (host, loopback));
    }
    for text in ["localhost:80", "1.2.3", "300.1.1.1", "a b", "'*'", "http://x", "-a", "a..b", "0"] {
        assert!(error(&format!("host: {text}")).starts_with("`host` must be"), "{text}");
    }
}

#[test]
fn an_empty_host_is_loopback_and_said() {
    let (config, report) = parse(&format!("{GOOD_KEY}host: ''"));
    assert_eq!(config.unwrap().host, "127.0.0.1");
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn a_public_host_needs_good_keys() {
    for keys in [
        "[]",
        "[your-api-key-1]",
        "[short]",
        "[aaaaaaaaaaaaaaaaaaaaaaaaaa]",
        "[good-key-0123456789, changeme-please-now]",
    ] {
        let (config, report) = parse(&format!("host: 0.0.0.0\napi-keys: {keys}"));
        assert!(config.is_none(), "{keys}");
        assert_eq!(report.errors.len(), 1, "{report}");
        let (config, _) = parse(&format!("host: 127.0.0.1\napi-keys: {keys}"));
        assert!(config.is_some(), "{keys}");
    }
    assert!(parse("host: 0.0.0.0\napi-keys: [good-key-0123456789]").0.is_some());
    assert!(parse("host: 0.0.0.0\napi-keys: ['']").0.is_none());
}

#[test]
fn a_management_key_counts_where_others_may_use_it() {
    let text = |host, remote, key| {
        format!("{GOOD_KEY}host: {host}\nremote-management: {{allow-remote: {remote}, secret-key: '{key}'}}")
    };
    let hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    assert!(parse(&text("0.0.0.0", true, "admin")).0.is_none());
    assert!(parse(&text("0.0.0.0", false, "admin")).0.is_some());
    assert!(parse(&text("127.0.0.1", true, "admin")).0.is_some());
    let (config, report) = parse(&text("0.0.0.0", true, hash));
    assert_eq!(config.unwrap().management_key.unwrap().expose(), hash);
    assert!(report.is_empty(), "{report}");
}

#[test]
fn proxies() {
    let url = |text: &str| match good(&format!("proxy-url: {text}")).proxy {
        Proxy::Url(url) => url,
        other => panic!("{other:?}"),
    };
    let full = url("socks5h://us%40er:p%3Ass@[::1]:9");
    assert_eq!((full.scheme, full.host.as_str(), full.port), (ProxyScheme::Socks5h, "::1", 9));
    let user = full.user.unwrap();
    assert_eq!((user.name.expose(), user.password.expose()), ("us@er", "p:ss"));
    for (text, port) in [("http://p", 80), ("https://p/", 443), ("socks5://p", 1080)] {
        assert_eq!((url(text).port, url(text).user), (port, None));
    }
    for (text, proxy) in [("''", Proxy::Environment), ("DIRECT", Proxy::Direct), ("none", Proxy::Direct)] {
        assert_eq!(good(&format!("proxy-url: {text}")).proxy, proxy);
    }
    for text in ["ftp://p", "p:80", "http://", "http://p/path", "http://p?x", "socks5://a b", "maybe"] {
        assert_eq!(error(&format!("proxy-url: {text}")), "`proxy-url` is not a proxy address", "{text}");
    }
}

#[test]
fn an_entry_inherits_the_proxy_unless_it_says_otherwise() {
    let proxy = |line: &str| {
        good(&format!("gemini-api-key: [{{api-key: k, {line}}}]")).keyed("gemini-api-key")[0].proxy.clone()
    };
    assert_eq!(proxy(""), Proxy::Inherit);
    assert_eq!(proxy("proxy-url: ''"), Proxy::Inherit);
    assert_eq!(proxy("proxy-url: direct"), Proxy::Direct);
    assert_eq!(proxy("proxy-url: environment"), Proxy::Environment);
}

#[test]
fn routing_and_its_short_names() {
    for (word, strategy) in
        [("rr", Strategy::RoundRobin), ("WRR", Strategy::WeightedRoundRobin), ("latency", Strategy::Latency)]
    {
        assert_eq!(good(&format!("routing: {{strategy: {word}}}")).routing.strategy, strategy);
    }
    let affinity = |text: &str| good(&format!("routing: {{{text}}}")).routing.session_affinity;
    assert_eq!(affinity(""), Some(Duration::from_secs(3600)));
    assert_eq!(affinity("session-affinity-ttl: 0"), Some(Duration::from_secs(3600)));
    assert_eq!(affinity("session-affinity-ttl: 90m"), Some(Duration::from_secs(5400)));
    assert_eq!(affinity("session-affinity: false, session-affinity-ttl: 90m"), None);
}

#[test]
fn seconds_that_mean_off() {
    let config = good("streaming: {keepalive-seconds: 0}\nnonstream-keepalive-interval: 5\nmax-retry-interval: 30");
    assert_eq!((config.streaming.keepalive, config.nonstream_keepalive), (None, Some(Duration::from_secs(5))));
    assert_eq!(config.max_retry_interval, Duration::from_secs(30));
    let cooldown = |value: i32| good(&format!("transient-error-cooldown-seconds: {value}")).transient_error_cooldown;
    assert_eq!([-1, 0, 5].map(cooldown), [None, Some(Duration::from_secs(60)), Some(Duration::from_secs(5))]);
    assert_eq!(good("timeouts: {total: 0}").deadlines.total, None);
    assert_eq!(good("timeouts: {total: 5m}").deadlines.total, Some(Duration::from_secs(300)));
}

#[test]
fn limits_and_log() {
    let config = good("limits: {body-bytes: 1MiB, in-flight-requests: 7, body-read-timeout: 90}\nlog: {format: json}");
    assert_eq!((config.limits.body_bytes, config.limits.in_flight), (1 << 20, 7));
    assert_eq!(config.limits.body_read_timeout, Duration::from_secs(90));
    assert_eq!(config.limits.reply_bytes, 64 << 20);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(error("limits: {body-bytes: 1}").contains("from 1KiB to 2GiB"));
    assert!(error("timeouts: {idle: 0}").contains("from 100ms to 1d"));
}

#[test]
fn cors_origins() {
    let cors = |text: &str| good(&format!("cors: {{allowed-origins: {text}}}")).cors;
    assert_eq!(cors("[]"), Cors::Closed);
    assert_eq!(cors("['*']"), Cors::Any);
    let origins = ["https://app.example.com", "http://localhost:3000"].map(str::to_owned).to_vec();
    assert_eq!(cors("['https://APP.example.com:443/', 'http://localhost:3000']"), Cors::Origins(origins));
    assert!(error("cors: {allowed-origins: ['app.example.com']}").contains("must be an origin"));
}

#[test]
fn an_account_with_everything() {
    let config = good(concat!(
        "claude-api-key:\n",
        "  - api-key: ' k '\n    base-url: http://h/v1\n    prefix: /team/\n    priority: -2\n    weight: 0\n",
        "    request-retry: -1\n    disable-cooling: false\n    excluded-models: [A*, 'a*', '']\n",
        "    headers: {X-A: ' v ', X-B: $X-Client, X-C: '', X-D: $}\n",
        "    models: [{name: m}, {alias: a}, {name: n, alias: b, max-context-length: 9, is-compat: true}]\n",
    ));
    let entry = &config.keyed("claude-api-key")[0];
    assert_eq!((entry.key.expose(), entry.prefix.as_deref()), ("k", Some("team")));
    assert_eq!((entry.priority, entry.weight, entry.request_retry), (-2, 0, None));
    assert_eq!((entry.rules.disable_cooling, &entry.excluded_models), (Some(false), &vec!["a*".to_owned()]));
    let headers: Vec<_> = entry.headers.iter().map(|rule| (rule.name.as_str(), rule.value.clone())).collect();
    assert_eq!(headers[0], ("x-a", HeaderValueRule::Fixed("v".to_owned().into())));
    assert_eq!(headers[1], ("x-b", HeaderValueRule::FromClient("x-client".parse().unwrap())));
    assert_eq!(headers[2], ("x-d", HeaderValueRule::Fixed("$".to_owned().into())));
    let names: Vec<_> = entry.models.iter().map(|model| (model.name.as_str(), model.alias.as_str())).collect();
    assert_eq!(names, [("m", "m"), ("a", "a"), ("n", "b")]);
    assert_eq!((entry.models[2].max_context_length, entry.models[2].is_compat), (Some(9), true));
}

#[test]
fn a_compatible_place_with_quirks() {
    let config = good(concat!(
        "openai-compatibility:\n  - name: x\n    base-url: https://h/v1?api-version=1\n    disabled: true\n",
        "    api-key-entries: [{api-key: a}, {api-key: b, weight: 5, proxy-url: direct}]\n",
        "    quirks: {max-tokens-field: max_completion_tokens, think-tags: false}\n",
        "    models: [{name: m, thinking: {min: 0, max: 0, levels: [HIGH, high]}, image: true}]\n",
    ));
    let place = &config.compat[0];
    assert!(place.disabled && place.models[0].image);
    assert_eq!(place.keys.iter().map(|key| key.weight).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(place.quirks.max_tokens_field, Some(MaxTokensField::MaxCompletionTokens));
    assert_eq!((place.quirks.think_tags, place.quirks.flatten_content), (Some(false), None));
    let thinking = place.models[0].thinking.as_ref().unwrap();
    assert_eq!((thinking.min, thinking.max, &thinking.levels[..]), (Some(0), None, &[ThinkingLevel::High][..]));
}

#[test]
fn entries_without_an_address_are_dropped_aloud() {
    for list in [
        "codex-api-key: [{api-key: k}]",
        "codex-api-key: [{api-key: k, base-url: ''}]",
        "openai-compatibility: [{name: x}]",
    ] {
        assert!(warning(list).contains("has no `base-url`"), "{list}");
    }
    assert!(parse("codex-api-key: [{api-key: k}]").0.unwrap().keyed("codex-api-key").is_empty());
}

#[test]
fn addresses_carry_no_secret() {
    for url in ["https://u:p@h", "https://u@h", "https://h?key=x", "https://h/?API_KEY=x", "https://h?a=1&token=x"] {
        let text = format!("claude-api-key: [{{api-key: k, base-url: '{url}'}}]");
        assert!(error(&text).contains("holds a secret"), "{url}");
    }
    for url in ["ftp://h", "h/v1", "https://", "javascript:1"] {
        let text = format!("claude-api-key: [{{api-key: k, base-url: '{url}'}}]");
        assert!(error(&text).contains("must be an http or https address"), "{url}");
    }
}

#[test]
fn old_names_are_moved() {
    let config = good(concat!(
        "gemini-api-key: [{api-key: new}]\ngenerative-language-api-key: [old, older]\n",
        "openai-compatibility: [{name: x, base-url: 'http://h', api-keys: [a, b]}]\n",
    ));
    let keys: Vec<_> = config.keyed("gemini-api-key").iter().map(|entry| entry.key.expose()).collect();
    assert_eq!(keys, ["new", "old", "older"]);
    assert_eq!(config.compat[0].keys.iter().map(|key| key.key.expose()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(error("generative-language-api-key: old").contains("must be a list"));
    assert!(warning("oauth-model-mappings: {}\noauth-model-alias: {}").contains("the old one is ignored"));
}

#[test]
fn anchors_and_merges_work() {
    let config = good(concat!(
        "x-base: &base {api-key: k, priority: 3, weight: 2}\n",
        "gemini-api-key:\n  - {<<: *base, priority: 9}\nclaude-api-key: [*base]\n",
    ));
    assert_eq!((config.keyed("gemini-api-key")[0].priority, config.keyed("gemini-api-key")[0].weight), (9, 2));
    assert_eq!(config.keyed("claude-api-key")[0].priority, 3);
    assert!(error("gemini-api-key: [{<<: 5}]").contains("`<<` takes"));
    // In quotation marks, as JSON has it, it is a key like any other.
    for marks in ['"', '\''] {
        good(&format!("x-own: {{{marks}<<{marks}: 5}}\n"));
    }
}

#[test]
fn the_home_folder_takes_the_place_of_the_tilde() {
    let folder = |text: &str, home| good(&format!("auth-dir: {text}")).auth_dir_in(home);
    let home = Some(Path::new("/home/u"));
    assert_eq!(folder("'~/x'", home), PathBuf::from("/home/u/x"));
    assert_eq!(folder("'~'", home), PathBuf::from("/home/u"));
    assert_eq!(folder("'~/x'", None), PathBuf::from("~/x"));
    assert_eq!(folder("'~other/x'", home), PathBuf::from("~other/x"));
    assert_eq!(folder("/abs", home), PathBuf::from("/abs"));
}

#[test]
fn tls_needs_both_files() {
    assert!(good("tls: {enable: false, cert: c}").tls.is_none());
    let tls = good("tls: {enable: true, cert: c, key: k}").tls.unwrap();
    assert_eq!((tls.cert, tls.key), (PathBuf::from("c"), PathBuf::from("k")));
    assert!(error("tls: {enable: true, cert: c}").contains("`tls.key` names no file"));
}

#[test]
fn a_key_that_is_set_twice_is_found_in_a_large_mapping_too() {
    let keys: String = (0..40).map(|number| format!("  k{number}: 1\n")).collect();
    let text = format!("api-keys: [0123456789abcdefghij]\nx-notes:\n{keys}  k3: 2\n  k39: 2\n  k3: 3\n");
    let (config, report) = parse(&text);
    assert!(config.is_none());
    let told: Vec<_> = report.errors.iter().map(|error| (error.position().unwrap().0, error.help().unwrap())).collect();
    let first = |line: usize| format!("the first one is on line {line}; keep one");
    let expected = [(43, first(6)), (44, first(42)), (45, first(43))];
    assert_eq!(told, expected.each_ref().map(|(line, help)| (*line, help.as_str())));
}
