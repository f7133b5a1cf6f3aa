//! The last look before anything is written: the new file must be one that the program starts with. A door that was open
//! and has no good lock is closed, and that is said.

use config::document::Node;
use config::{Config, Report};

use crate::draft::Import;
use crate::report::Outcome;

/// What is closed, one after the other, until the file passes: a setting, its closed value, and what to say.
const DOORS: &[(&[&str], &str, &str)] = &[
    (
        &["remote-management", "allow-remote"],
        "false",
        "management stays on this machine: its key is too weak for others; set a better one, then `allow-remote: true`",
    ),
    (
        &["host"],
        "127.0.0.1",
        "the listener stays on this machine: a client key is weak, a sample, or missing; make better ones \
         (`openssl rand -hex 24`), then set `host`",
    ),
];

/// Checks the new file, and closes what may not stay open.
///
/// # Errors
/// What the checker says, when the file cannot be used even so.
pub fn settle(import: &mut Import, name: &str) -> Result<(Config, Report), Report> {
    let (mut config, mut report) = config::parse(&import.text(), name, &[]);
    for (path, closed, why) in DOORS {
        let open = import.scalar(path).is_some_and(|value| value != *closed);
        if config.is_some() || !open {
            continue;
        }
        let before = import.clone();
        import.set(path, Node::plain(closed));
        let (closed, better) = config::parse(&import.text(), name, &[]);
        if better.errors.len() < report.errors.len() {
            import.tell("the new config.yaml", &path.join("."), Outcome::Lost, *why);
            (config, report) = (closed, better);
        } else {
            *import = before;
        }
    }
    match config {
        Some(config) => Ok((config, report)),
        None => Err(report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(text: &str) -> (Import, Result<(Config, Report), Report>) {
        let root = config::document::document(text.as_bytes(), "old").unwrap().root;
        let mut import = Import::new(root, "a test");
        let result = settle(&mut import, "new");
        (import, result)
    }

    #[test]
    fn only_the_door_without_a_good_lock_is_closed() {
        let weak_management = "host: 0.0.0.0\napi-keys: [a-key-of-decent-length]\n\
            remote-management: {allow-remote: true, secret-key: weak}\n";
        let (import, result) = settled(weak_management);
        assert_eq!(result.unwrap().0.host, "0.0.0.0");
        assert_eq!(import.scalar(&["remote-management", "allow-remote"]), Some("false"));
        assert_eq!(import.findings.len(), 1);

        let (import, result) = settled("host: 0.0.0.0\napi-keys: [weak]\n");
        assert!(result.unwrap().0.is_loopback());
        assert_eq!((import.scalar(&["host"]), import.findings.len()), (Some("127.0.0.1"), 1));
    }

    #[test]
    fn what_is_wrong_otherwise_stays_wrong_and_open() {
        let (import, result) = settled("host: 0.0.0.0\nport: x\napi-keys: [a-key-of-decent-length]\n");
        assert!(result.unwrap_err().errors[0].message().contains("`port`"));
        assert_eq!((import.scalar(&["host"]), import.findings.len()), (Some("0.0.0.0"), 0));
    }
}
