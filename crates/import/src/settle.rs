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
