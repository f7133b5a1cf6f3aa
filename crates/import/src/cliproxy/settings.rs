//! The few settings that mean something else here, or that hold places of the old installation.

use std::path::Path;

use config::document::{Node, Value};

use super::Old;
use crate::draft::Import;
use crate::report::Outcome;

/// Everything that is changed, one step a line.
pub(crate) fn adjust(old: &Old<'_>, new: &mut Import) {
    host(old, new);
    auth_dir(old, new);
    tls_file(old, new, "cert");
    tls_file(old, new, "key");
    allowed_credentials(old, new);
}

/// An empty host, which is how the example file leaves it, opened every interface.
fn host(old: &Old<'_>, new: &mut Import) {
    if new.scalar(&["host"]).is_some_and(|host| !host.trim().is_empty()) {
        return;
    }
    new.set(&["host"], Node::text("127.0.0.1"));
    let why = "without one, every machine could reach the old program; here only this one can, until you write `host: \"0.0.0.0\"`";
    new.correct(old.file, "host", Outcome::Lost, why);
}

fn auth_dir(old: &Old<'_>, new: &mut Import) {
    let had = new.scalar(&["auth-dir"]).is_some();
    new.set(&["auth-dir"], Node::text(&old.target.auth_dir));
    if had {
        new.correct(old.file, "auth-dir", Outcome::Converted, "the new folder, with copies of the account files");
    }
}

/// What was relative began at the old folder.
fn tls_file(old: &Old<'_>, new: &mut Import, which: &'static str) {
    let Some(text) = new.scalar(&["tls", which]).filter(|text| !text.is_empty() && Path::new(text).is_relative())
    else {
        return;
    };
    let path = old.path(text);
    let Some(path) = path.to_str() else { return };
    new.set(&["tls", which], Node::text(path));
    let why = "still in the old folder, by its whole path; move it and mend the path before you delete that";
    new.correct(old.file, &format!("tls.{which}"), Outcome::Lost, why);
}

/// AIProxyAPI calls accounts by ids of its own.
fn allowed_credentials(old: &Old<'_>, new: &mut Import) {
    let Some(Value::List(limits)) = new.root.get("api-key-limits").map(|node| &node.value) else { return };
    let named = |node: &Node| {
        let list = node.get("allowed-credentials");
        matches!(list.map(|node| &node.value), Some(Value::List(items)) if !items.is_empty())
    };
    let places: Vec<usize> = (0..limits.len()).filter(|at| named(&limits[*at])).collect();
    for at in places {
        let why = "accounts have other names here, such as `claude#1`; `bosporus explain MODEL` shows them. Until you \
                   write those, the key reaches no account";
        new.correct(old.file, &format!("api-key-limits[{at}].allowed-credentials"), Outcome::Lost, why);
    }
}
