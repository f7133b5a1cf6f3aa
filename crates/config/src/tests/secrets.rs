//! A canary in every secret place must never be seen: not in `Debug`, not in a report, however the file is broken.

use proptest::prelude::*;

const CANARY: &str = "CANARY";

/// Every place that may hold a secret, with findings all around. The secrets are as long as real ones: a value of up to
/// 12 characters in place of a number is shown.
const FULL: &str = "\
host: 127.0.0.1
port: 8317 # CANARY-remark
proxy-url: http://CANARYuser:CANARYpass@proxy.example.com
remote-management:
  secret-key: \"CANARY-management\"
  allow-remote: false
api-keys:
  - CANARY-client-0123456
  - 'CANARY-client-1234567'
debug: false
claude-api-key:
  - api-key: CANARY-claude-0123456
    weight: 2
    proxy-url: socks5://x:CANARY@proxy.example.com
    headers:
      X-Key: CANARY-header-0123456
    models:
      - name: m
        alias: a
gemini-api-key: [{api-key: CANARY-gemini-0123456, weight: 1}, {weight: 3, api-key: CANARY-more-0123456}]
generative-language-api-key:
  - CANARY-old-0123456
openai-compatibility:
  - name: x
    base-url: https://h.example.com/v1
    api-key-entries:
      - api-key: CANARY-compat-0123456
        weight: 4
    priority: 1
request-retry: 3
plugins:
  token: CANARY-plugin-0123456
limits:
  header-count: 10
";

fn report(text: &str) -> String {
    let (config, report) = super::parse(text);
    format!("{config:?}{report:?}{report}")
}

#[test]
fn the_whole_file_is_read_and_shows_nothing() {
    let (config, report) = super::parse(FULL);
    let config = config.unwrap();
    assert!(report.warnings.is_empty(), "{report}");
    assert_eq!(config.keyed("claude-api-key")[0].key.expose(), "CANARY-claude-0123456");
    assert_eq!(config.keyed("gemini-api-key").len(), 3);
    assert!(!format!("{config:?}{report:?}{report}").contains(CANARY));
}

#[test]
fn no_line_shows_its_secret_when_every_line_is_told_of() {
    // A letter more makes each key an unknown one, a letter in front of each value makes it a wrong one.
    for (index, line) in FULL.lines().enumerate() {
        for broken in [line.replacen(':', "z:", 1), line.replacen(": ", ": {}", 1), line.replacen(':', "", 1)] {
            let lines: Vec<&str> =
                FULL.lines().enumerate().map(|(at, old)| if at == index { &broken } else { old }).collect();
            let shown = report(&lines.join("\n"));
            assert!(!shown.contains(CANARY), "{broken}\n{shown}");
        }
    }
}

#[test]
fn overrides_show_nothing() {
    let names = ["API_KEYS", "PROXY_URL", "API_KEYS__0", "CLAUDE_API_KEY__0__HEADERS", "REMOTE_MANAGEMENT__SECRET_KEY"];
    for value in ["CANARY", "[CANARY", "{a: CANARY, a: CANARY}", "ftp://CANARY", "CAN ARY CANARY\n"] {
        for name in names.iter().chain(&["CLAUDE_API_KEY", "NOWHERE", "PLUGINS__X"]) {
            let overrides = [(format!("BOSPORUS_{name}"), value.to_owned())];
            let (config, report) = crate::parse("", "config.yaml", &overrides);
            assert!(!format!("{config:?}{report:?}{report}").contains(CANARY), "{name}={value}\n{report}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A slip of the hand: some bytes lost, some typed in the wrong place.
    #[test]
    fn a_slip_shows_nothing(at in 0..FULL.len(), lost in 0..4usize, typed in "[ \\n:\\-#'\"{}\\[\\],&*!|>\\t]{0,3}") {
        let end = (at + lost).min(FULL.len());
        // A slip inside a canary makes another word of it; only whole ones are looked for.
        let text = format!("{}{typed}{}", &FULL[..at], &FULL[end..]);
        let shown = report(&text);
        prop_assert!(!shown.contains(CANARY), "{}\n{}", text, shown);
    }
}
