//! The kinds of accounts that the old program has, and what each is here.

use config::document::Node;

use crate::draft::map;

/// A kind of accounts.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What its pools are called, or begin with.
    pub(crate) id: &'static str,
    /// What an account of it is here.
    pub(crate) here: Here,
    /// Further settings of its accounts, and what becomes of them.
    pub(crate) more: &'static [(&'static str, More)],
}

/// What an account becomes.
#[derive(Debug)]
pub(crate) enum Here {
    /// An account by key.
    ByKey(ByKey),
    /// A file that waits for the sign-ins: the settings that name it, and those that hold it in base 64.
    BySignIn { files: &'static [&'static str], inline: &'static [&'static str] },
    /// Nothing, for this reason.
    Never(&'static str),
}

/// How an account by key is written.
#[derive(Debug)]
pub(crate) struct ByKey {
    /// The section of the new file.
    pub(crate) list: &'static str,
    /// The settings that hold its key and its address.
    pub(crate) key: &'static str,
    pub(crate) address: &'static str,
    /// Its address when none is set.
    pub(crate) usual: &'static str,
    /// What it takes when no models are named.
    pub(crate) patterns: &'static [&'static str],
    /// The field that bounds an answer.
    pub(crate) most_tokens: &'static str,
}

/// What becomes of a further setting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum More {
    /// It is written down for later, at the end of the new file.
    Noted,
    /// Nothing, for this reason.
    Never(&'static str),
    /// It is read together with the key.
    WithKey,
}

const COMPATIBLE: &str = "openai-compatibility";
const UNREAD: &str = "the old program never read it";
const COOKIES: &str = "a browser's cookies are never used in its place; use an `xai-api-key`";

const fn compatible(key: &'static str, address: &'static str, usual: &'static str) -> Here {
    Here::ByKey(ByKey { list: COMPATIBLE, key, address, usual, patterns: &["*"], most_tokens: "max_tokens" })
}

/// All of them. A pool belongs to the longest name that it begins with.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        id: "openai-custom",
        here: compatible("OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1"),
        more: &[],
    },
    Kind {
        id: "atlascloud",
        here: compatible("OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.atlascloud.ai/v1"),
        more: &[],
    },
    Kind {
        id: "openai-novita",
        here: compatible("NOVITA_API_KEY", "NOVITA_BASE_URL", "https://api.novita.ai/openai"),
        more: &[],
    },
    Kind {
        id: "forward-api",
        here: compatible("FORWARD_API_KEY", "FORWARD_BASE_URL", ""),
        more: &[("FORWARD_HEADER_NAME", More::WithKey), ("FORWARD_HEADER_VALUE_PREFIX", More::WithKey)],
    },
    Kind {
        id: "openaiResponses-custom",
        here: Here::ByKey(ByKey {
            list: "codex-api-key",
            key: "OPENAI_API_KEY",
            address: "OPENAI_BASE_URL",
            usual: "https://api.openai.com/v1",
            patterns: &["gpt-*", "codex-*", "o1*", "o3*", "o4*"],
            most_tokens: "max_output_tokens",
        }),
        more: &[],
    },
    Kind {
        id: "claude-custom",
        here: Here::ByKey(ByKey {
            list: "claude-api-key",
            key: "CLAUDE_API_KEY",
            address: "CLAUDE_BASE_URL",
            usual: "https://api.anthropic.com",
            patterns: &["claude-*"],
            most_tokens: "max_tokens",
        }),
        more: &[],
    },
    Kind {
        id: "gemini-cli-oauth",
        here: Here::BySignIn { files: &["GEMINI_OAUTH_CREDS_FILE_PATH"], inline: &["GEMINI_OAUTH_CREDS_BASE64"] },
        more: &[("PROJECT_ID", More::Noted), ("GEMINI_BASE_URL", More::Noted)],
    },
    Kind {
        id: "gemini-antigravity",
        here: Here::BySignIn { files: &["ANTIGRAVITY_OAUTH_CREDS_FILE_PATH"], inline: &[] },
        more: &[
            ("PROJECT_ID", More::Noted),
            ("ANTIGRAVITY_BASE_URL", More::Noted),
            ("ANTIGRAVITY_BASE_URL_DAILY", More::Never(UNREAD)),
            ("ANTIGRAVITY_BASE_URL_AUTOPUSH", More::Never(UNREAD)),
        ],
    },
    Kind {
        id: "claude-kiro-oauth",
        here: Here::BySignIn { files: &["KIRO_OAUTH_CREDS_FILE_PATH"], inline: &["KIRO_OAUTH_CREDS_BASE64"] },
        more: &[
            ("KIRO_BASE_URL", More::Noted),
            ("KIRO_REFRESH_URL", More::Noted),
            ("KIRO_REFRESH_IDC_URL", More::Noted),
            ("KIRO_OAUTH_CREDS_DIR_PATH", More::Noted),
        ],
    },
    Kind {
        id: "openai-codex-oauth",
        here: Here::BySignIn { files: &["CODEX_OAUTH_CREDS_FILE_PATH"], inline: &[] },
        more: &[("CODEX_EMAIL", More::Noted), ("CODEX_BASE_URL", More::Noted)],
    },
    Kind {
        id: "openai-qwen-oauth",
        here: Here::BySignIn { files: &["QWEN_OAUTH_CREDS_FILE_PATH"], inline: &[] },
        more: &[("QWEN_BASE_URL", More::Noted), ("QWEN_OAUTH_BASE_URL", More::Noted)],
    },
    Kind {
        id: "openai-iflow",
        here: Here::BySignIn { files: &["IFLOW_TOKEN_FILE_PATH", "IFLOW_OAUTH_CREDS_FILE_PATH"], inline: &[] },
        more: &[("IFLOW_BASE_URL", More::Noted)],
    },
    Kind { id: "grok-web", here: Here::Never(COOKIES), more: GROK },
    Kind { id: "grok-custom", here: Here::Never(COOKIES), more: GROK },
];

const GROK: &[(&str, More)] = &[
    ("GROK_COOKIE_TOKEN", More::Never(COOKIES)),
    ("GROK_CF_CLEARANCE", More::Never(COOKIES)),
    ("GROK_USER_AGENT", More::Never(COOKIES)),
    ("GROK_BASE_URL", More::Never(COOKIES)),
];

/// The kind of a pool: its name alone, or with a suffix of the user's.
pub(crate) fn of_pool(pool: &str) -> Option<&'static Kind> {
    let fits = |kind: &&Kind| pool.strip_prefix(kind.id).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    KINDS.iter().filter(fits).max_by_key(|kind| kind.id.len())
}

/// The sections that hold accounts with labels.
pub(crate) fn lists() -> impl Iterator<Item = &'static str> {
    ["claude-api-key", "codex-api-key"].into_iter()
}

impl ByKey {
    /// The models of an account that names none.
    pub(crate) fn every_model(&self) -> Vec<Node> {
        self.patterns
            .iter()
            .map(|pattern| map([("name", Node::text(*pattern)), ("alias", Node::text(*pattern))]))
            .collect()
    }

    /// Whether the section is the one of OpenAI-compatible places.
    pub(crate) fn is_compatible(&self) -> bool {
        self.list == COMPATIBLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_belongs_to_its_kind_and_not_to_its_neighbour() {
        for (pool, kind) in [
            ("openai-custom", Some("openai-custom")),
            ("openai-custom-2", Some("openai-custom")),
            ("openai-customs", None),
            ("openaiResponses-custom-x", Some("openaiResponses-custom")),
            ("gemini-cli-oauth", Some("gemini-cli-oauth")),
            ("gemini", None),
        ] {
            assert_eq!(of_pool(pool).map(|kind| kind.id), kind, "{pool}");
        }
    }
}
