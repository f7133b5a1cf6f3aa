//! What else stands in the old program's folder: a place for each file, so that none is passed over.

use super::{CONFIG, Old, POOLS, credentials};
use crate::draft::Import;
use crate::look::Seen;
use crate::report::Outcome;

/// Files that are read elsewhere, and told there.
const READ: &[&str] =
    &[CONFIG, POOLS, "custom_models.json", "plugins.json", "pwd", "api-potluck-keys.json", "input_system_prompt.txt"];

/// The others.
const KNOWN: &[(&str, Outcome, &str)] = &[
    ("token-store.json", Outcome::Gone, "sign-ins of the old panel end with it"),
    ("usage-cache.json", Outcome::Gone, "what was left of quotas is asked anew"),
    ("model-usage-stats.json", Outcome::Later, "statistics come with a later version; keep the file"),
    ("api-potluck-data.json", Outcome::Gone, "a state of the old program, counted anew"),
    ("market.json", Outcome::Gone, "there is no market of plugins here"),
    ("fetch_system_prompt.txt", Outcome::Gone, "a prompt that the old program overheard"),
];

/// Largest `.env`, in bytes.
const MOST_ENV: usize = 1 << 20;
const STATEMENTS: &[(&str, Outcome, &str)] = &[
    ("MASTER_PORT", Outcome::Gone, "there is one process, and no port to steer it by"),
    ("IS_WORKER_PROCESS", Outcome::Gone, "there is one process"),
    ("TLS_SIDECAR_PORT", Outcome::Refused, "connections are never dressed up as a browser's"),
    ("OPENAI_REASONING_MAX_TOKENS", Outcome::Gone, "how thinking is asked for follows from the request and the model"),
    ("CODEX_INSTRUCTIONS_ENABLED", Outcome::Refused, "no instructions are put into requests that nobody wrote"),
    ("GROK_", Outcome::Refused, "a browser's cookies are never used"),
    ("HTTP_PROXY", Outcome::Lost, "set it in the environment of the new program, or write `proxy-url`"),
    ("HTTPS_PROXY", Outcome::Lost, "set it in the environment of the new program, or write `proxy-url`"),
    ("ARGS", Outcome::Lost, "start parameters work with the new program, too; give them to it"),
    ("HOST", Outcome::Gone, "only the old container's check read it"),
    ("SERVER_PORT", Outcome::Gone, "only the old container's check read it"),
];

pub(crate) fn read(old: &mut Old<'_>, new: &mut Import) {
    credentials::unlinked(old, new);
    let at_root = old.configs == old.root;
    for (name, seen) in old.look.folder(&old.configs) {
        let known = KNOWN.iter().find(|(known, ..)| *known == name);
        match known {
            _ if seen == Seen::Folder || READ.contains(&name.as_str()) || linked(old, &name) => {}
            Some((_, outcome, why)) => new.tell(&name, "", *outcome, *why),
            None if name.ends_with(".example") || name.starts_with('.') => {}
            // The program itself stands there, too.
            None if at_root => {}
            None => new.tell(&name, "", Outcome::Unknown, "left alone"),
        }
    }
    environment(old, new);
}

fn linked(old: &Old<'_>, name: &str) -> bool {
    old.seen.iter().any(|(from, _)| *from == old.configs.join(name))
}

fn environment(old: &Old<'_>, new: &mut Import) {
    let Ok(bytes) = old.look.file(&old.root.join(".env"), MOST_ENV) else { return };
    let variables = String::from_utf8(bytes).map_err(|_| 1).and_then(|text| config::dotenv(&text));
    match variables {
        Err(line) => new.tell(".env", "", Outcome::Broken, format!("line {line} is not NAME=value")),
        Ok(variables) => {
            for (name, _) in variables {
                let known = STATEMENTS.iter().find(|(start, ..)| name.starts_with(start));
                let (outcome, why) = known.map_or(
                    (Outcome::Gone, "the old program took no setting from its environment"),
                    |(_, outcome, why)| (*outcome, *why),
                );
                new.tell(".env", super::shown(&name), outcome, why);
            }
        }
    }
}
