//! The `.env` file beside the old program.

use config::document::Node;

use super::Old;
use crate::draft::Import;
use crate::look::Trouble;
use crate::report::Outcome;

/// Largest such file, in bytes.
const MOST: usize = 1 << 20;

const STORE: &str = "accounts and configuration live in that store; stores come with a later version, so run this on the folder \
     in which the old program mirrors it";
const PROXY: &str = "set it in the environment of the new program, or write `proxy-url`";

/// Variables by the beginning of their names, in capitals: the first that fits counts.
const VARIABLES: &[(&str, Outcome, &str)] = &[
    ("MANAGEMENT_STATIC_PATH", Outcome::Gone, "the panel is part of the program"),
    ("WRITABLE_PATH", Outcome::Gone, "logs go to standard error, and nothing is mirrored"),
    ("DEPLOY", Outcome::Gone, "the program starts without accounts, too"),
    ("HOME_JWT", Outcome::Refused, "there is no Home control plane here"),
    ("AMP_API_KEY", Outcome::Gone, "it belonged to an integration that no longer exists"),
    ("PGSTORE_", Outcome::Lost, STORE),
    ("OBJECTSTORE_", Outcome::Lost, STORE),
    ("GITSTORE_", Outcome::Lost, STORE),
    ("HTTP_PROXY", Outcome::Lost, PROXY),
    ("HTTPS_PROXY", Outcome::Lost, PROXY),
    ("ALL_PROXY", Outcome::Lost, PROXY),
    ("NO_PROXY", Outcome::Lost, PROXY),
];

pub(crate) fn read(old: &Old<'_>, new: &mut Import) {
    let bytes = match old.look.file(&old.folder.join(".env"), MOST) {
        Ok(bytes) => bytes,
        Err(Trouble::Missing | Trouble::NotAFile) => return,
        Err(trouble) => return new.tell(".env", "", Outcome::Broken, trouble.words()),
    };
    let variables = String::from_utf8(bytes).map_err(|_| 1).and_then(|text| config::dotenv(&text));
    let variables = match variables {
        Ok(variables) => variables,
        Err(line) => return new.tell(".env", "", Outcome::Broken, format!("line {line} is not NAME=value")),
    };
    for (name, value) in variables {
        let upper = name.to_ascii_uppercase();
        if upper == "MANAGEMENT_PASSWORD" {
            password(&name, &value, new);
            continue;
        }
        let known = VARIABLES.iter().find(|(start, ..)| upper.starts_with(start));
        let (outcome, why) = known.map_or((Outcome::Unknown, "left out"), |(_, outcome, why)| (*outcome, *why));
        let shown = if name.len() <= 64 { name.as_str() } else { "(a long name)" };
        new.tell(".env", shown, outcome, why);
    }
}

/// A second management key, which opened management for other machines, too.
fn password(name: &str, value: &str, new: &mut Import) {
    let has_key = new.scalar(&["remote-management", "secret-key"]).is_some_and(|key| !key.trim().is_empty());
    if has_key {
        let why = "there is one management key here, and the file's is taken";
        return new.tell(".env", name, Outcome::Lost, why);
    }
    if value.is_empty() {
        return new.tell(".env", name, Outcome::Same, "");
    }
    new.set(&["remote-management", "secret-key"], Node::text(value));
    new.set(&["remote-management", "allow-remote"], Node::plain("true"));
    new.tell(
        ".env",
        name,
        Outcome::Converted,
        "now `remote-management.secret-key`, and `allow-remote` is on as it was",
    );
}
