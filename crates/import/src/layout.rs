//! The order of a new file: groups of settings with a heading each, in the order of the example file.

use config::document::{Entry, Node, Value};

use crate::yaml;

/// Headings, and what stands below them. What is in no group comes last.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Listener",
        &["host", "port", "tls", "api-keys", "client-keys", "api-key-limits", "remote-management", "cors", "ws-auth"],
    ),
    (
        "Program",
        &[
            "auth-dir",
            "debug",
            "log",
            "demo",
            "logging-to-file",
            "logs-max-total-size-mb",
            "error-logs-max-files",
            "request-log",
            "usage-statistics-enabled",
            "redis-usage-queue-retention-seconds",
            "commercial-mode",
            "pprof",
            "plugins",
        ],
    ),
    ("Reaching the providers", &["proxy-url", "timeouts", "auth-auto-refresh-workers"]),
    (
        "Choosing accounts",
        &[
            "routing",
            "save-cooldown-status",
            "health-webhook",
            "health-check",
            "fallback",
            "provider-fallback",
            "credential-concurrency",
            "credential-in-flight",
            "request-retry",
            "max-retry-interval",
            "max-retry-credentials",
            "disable-cooling",
            "transient-error-cooldown-seconds",
            "quota-exceeded",
            "force-model-prefix",
        ],
    ),
    (
        "Answers",
        &[
            "passthrough-headers",
            "streaming",
            "nonstream-keepalive-interval",
            "disable-image-generation",
            "gpt-image-2-base-model",
            "video-result-auth-cache-ttl",
        ],
    ),
    ("Changing requests", &["fidelity", "system-prompt", "payload"]),
    ("Limits", &["limits", "responses-store"]),
    (
        "Accounts by key",
        &[
            "claude-api-key",
            "codex-api-key",
            "gemini-api-key",
            "interactions-api-key",
            "xai-api-key",
            "vertex-api-key",
            "ollama",
            "openai-compatibility",
        ],
    ),
    (
        "Accounts by sign-in",
        &[
            "oauth-model-alias",
            "oauth-excluded-models",
            "oauth-request-scoped-errors",
            "codex",
            "xai",
            "claude-code",
            "antigravity",
            "antigravity-signature-cache-enabled",
            "antigravity-signature-bypass-strict",
        ],
    ),
];

/// Width of a heading's line.
const WIDTH: usize = 120;

/// The text of a new file. `head` and `tail` are remarks before and behind all settings.
pub(crate) fn text(root: &Node, head: &[String], tail: &[String]) -> String {
    let mut out = String::new();
    yaml::remarks(head, 0, &mut out);
    for (title, keys) in GROUPS {
        group(title, keys.iter().filter_map(|key| root.entries().iter().find(|entry| entry.key == *key)), &mut out);
    }
    let grouped = |entry: &&Entry| GROUPS.iter().any(|(_, keys)| keys.contains(&entry.key.as_str()));
    group("Other settings", root.entries().iter().filter(|entry| !grouped(entry)), &mut out);
    if !tail.is_empty() {
        heading("Kept for later", &mut out);
        yaml::remarks(tail, 0, &mut out);
    }
    out
}

fn group<'a>(title: &str, entries: impl Iterator<Item = &'a Entry>, out: &mut String) {
    let mut large = true;
    for (at, entry) in entries.enumerate() {
        if at == 0 {
            heading(title, out);
        }
        // Sections and lists stand apart; single settings form a block.
        let is_large = matches!(&entry.node.value, Value::List(_) | Value::Map(_)) || !entry.node.above.is_empty();
        if at > 0 && (large || is_large) {
            out.push('\n');
        }
        large = is_large;
        yaml::entry(entry, 0, out);
    }
}

fn heading(title: &str, out: &mut String) {
    let line = format!("\n# --- {title} ");
    let rest = WIDTH.saturating_sub(line.len() - 1);
    out.push_str(&line);
    out.push_str(&"-".repeat(rest));
    out.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_group() {
        let known: Vec<_> = GROUPS.iter().flat_map(|(_, keys)| *keys).collect();
        for key in config::document::useful_keys() {
            assert!(known.contains(&&key), "{key} is in no group");
        }
    }

    #[test]
    fn settings_stand_under_headings_in_order() {
        let old = "port: 1\nfidelity: strict\nhost: a\n# mine\ntls: {enable: false}\nx-own: 2\n";
        let root = config::document::document(old.as_bytes(), "old.yaml").unwrap().root;
        let text = text(&root, &[" From the old one.".to_owned()], &[" more".to_owned()]);
        let lines: Vec<_> = text.lines().map(|line| line.trim_end_matches('-')).collect();
        let wanted = "# From the old one.\n\n# --- Listener \n\nhost: a\nport: 1\n\n# mine\ntls:\n  enable: false\n\n\
            # --- Changing requests \n\nfidelity: strict\n\n# --- Other settings \n\nx-own: 2\n\n# --- Kept for later \n\n# more";
        assert_eq!(lines.join("\n"), wanted);
    }
}
