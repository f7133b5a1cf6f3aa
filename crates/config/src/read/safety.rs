//! Who can get in: a listener that others can reach must have real keys. Loopback is trusted with a warning.

use std::collections::HashSet;

use super::Section;
use crate::checked::Config;
use crate::report::Problems;
use crate::source::Span;
use crate::tree::{Node, Value};

/// Shortest key that a public listener accepts, in characters.
const MIN_KEY: usize = 16;
/// Fewest different characters of such a key.
const MIN_VARIETY: usize = 6;
/// Beginnings of the keys that example files and guides carry.
const SAMPLES: &[&str] = &[
    "your-api-key",
    "your_api_key",
    "your-secret",
    "your-management",
    "sk-your",
    "sk-example",
    "example-key",
    "example-api-key",
    "test-key",
    "changeme",
    "change-me",
    "replace-me",
    "sk-1234567890",
    "1234567890",
];

enum Fault {
    Sample,
    Weak,
}

/// Refuses a public listener without good keys; on loopback the same things are warnings and notes.
pub(crate) fn check(root: &Section<'_>, config: &Config, problems: &mut Problems) {
    let public = !config.is_loopback();
    let keys = root.get("api-keys");
    for (index, node) in keys.as_ref().map_or(&[][..], |item| item.node.items()).iter().enumerate() {
        if let Some(fault) = fault(node) {
            tell(&format!("api-keys[{index}]"), &fault, node.span, public, problems);
        }
    }
    let limited = root.get("client-keys");
    for (index, node) in limited.as_ref().map_or(&[][..], |item| item.node.items()).iter().enumerate() {
        if let Some((node, fault)) = node.get("key").and_then(|key| Some((key, fault(key)?))) {
            tell(&format!("client-keys[{index}].key"), &fault, node.span, public, problems);
        }
    }
    if config.client_keys.is_empty() {
        no_keys(root, public, problems);
    }
    management(root, config, public, problems);
}

fn no_keys(root: &Section<'_>, public: bool, problems: &mut Problems) {
    let help = "add a key of 16 characters or more under `api-keys`";
    if public {
        let message = "`host` can be reached from other machines, but `api-keys` holds no key";
        problems.error(root.get("host").map(|item| item.span()), message).help(help);
    } else if !problems.has_errors() {
        let message = "no client key is set: every program on this machine may use the accounts";
        problems.warn(root.get("api-keys").map(|item| item.span()), message).help(help);
    }
}

/// The management key counts only where others may use it. Hashes tell nothing about their key.
fn management(root: &Section<'_>, config: &Config, public: bool, problems: &mut Problems) {
    let section = root.get("remote-management");
    let Some(node) = section.as_ref().and_then(|item| item.node.get("secret-key")) else { return };
    let hashed = config.management_key.as_ref().is_some_and(|key| is_bcrypt(key.expose()));
    if let Some(fault) = fault(node).filter(|_| !hashed) {
        let exposed = public && config.allow_remote_management;
        tell("remote-management.secret-key", &fault, node.span, exposed, problems);
    }
}

fn is_bcrypt(text: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix))
}

fn fault(node: &Node) -> Option<Fault> {
    let Value::Scalar { text, .. } = &node.value else { return None };
    let key = text.trim();
    let lower = key.to_ascii_lowercase();
    if key.is_empty() {
        None
    } else if SAMPLES.iter().any(|sample| lower.starts_with(sample)) {
        Some(Fault::Sample)
    } else if key.chars().count() < MIN_KEY || key.chars().collect::<HashSet<_>>().len() < MIN_VARIETY {
        Some(Fault::Weak)
    } else {
        None
    }
}

fn tell(path: &str, fault: &Fault, span: Span, exposed: bool, problems: &mut Problems) {
    let what = match fault {
        Fault::Sample => "is a sample key that everybody knows",
        Fault::Weak => "is easy to guess: too short, or too few different characters",
    };
    let help = "`openssl rand -hex 24` makes a good one";
    match (exposed, fault) {
        (true, _) => {
            let message = format!("`{path}` {what}, and other machines can reach the listener");
            problems.error(span, message).help(help);
        }
        (false, Fault::Sample) => problems.warn(span, format!("`{path}` {what}")).help(help),
        (false, Fault::Weak) => {
            problems.note(span, format!("`{path}` {what}; fine on this machine, refused on a public `host`"));
        }
    }
}
