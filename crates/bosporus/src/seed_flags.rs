//! Start parameters of AIClient-2-API and CLIProxyAPI, so that their unit files and compose files work here: each sets
//! what it means, or says why it does not. They are taken out of the command line before our own are read, so that
//! `--help` shows only ours; docs/configuration.md lists them, and a test compares the two.

use std::ffi::OsString;
use std::path::PathBuf;

use import::PoolFiles;

/// One start parameter.
#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    takes: Takes,
    does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
}

/// What a start parameter means here.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Its value becomes this setting.
    Set(&'static str),
    /// The opposite of its value becomes this setting.
    SetOpposite(&'static str),
    /// This setting is on.
    TurnOn(&'static str),
    /// Key or address of an account of its own, in this section.
    Account(Provider, Part),
    /// Whether accounts are checked by a timetable, or how often.
    Check(Timetable),
    /// A file whose accounts or models are used.
    File(Holds),
    /// A file that becomes an account file.
    Bring,
    /// The prefix of what is brought.
    BringPrefix,
    /// Our own parameter of the same meaning.
    Same(&'static str),
    /// Nothing yet, or never, for this reason.
    Nothing(&'static str),
    /// It asks for something else than serving that is not done; serving would be a surprise.
    Refuse(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    OpenAi,
    Claude,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Pools,
    Models,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timetable {
    Enabled,
    Interval,
}

/// What was found on the command line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Settings, as names and values for the configuration.
    pub(crate) settings: Vec<(String, String)>,
    /// Files whose accounts and models are used.
    pub(crate) files: PoolFiles,
    /// A file that becomes an account file, instead of serving.
    pub(crate) brought: Option<Brought>,
    /// What to tell about parameters without effect.
    pub(crate) notes: Vec<String>,
}

/// A key file that is to become an account file, and the prefix of its models.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) file: PathBuf,
    pub(crate) prefix: Option<String>,
}

const fn flag(name: &'static str, takes: Takes, does: Does) -> Flag {
    Flag { name, takes, does }
}

const LATER_LOGIN: &str = "signing in is not there yet; accounts come from keys in the file";
const OWN_REFRESH: &str = "tokens are refreshed ahead of their end without a timetable";
const OWN_COOLING: &str = "the length follows the provider's own hint, or grows with each failure";
const LATER_PANEL: &str = "the panel with its sign-in is not there yet";
const LATER_LOG: &str = "requests are not logged with their content yet";
const NO_HOME: &str = "there is no Home control plane here, by design";

/// All of them, AIClient-2-API's first. `--host` and `--port` are ours, too.
pub(crate) const FLAGS: &[Flag] = &[
    flag("--api-key", Takes::Value, Does::Set("api-keys")),
    flag(
        "--model-provider",
        Takes::Value,
        Does::Nothing(
            "every provider of the file serves; a path such as /claude/v1/messages or the header Model-Provider picks one",
        ),
    ),
    flag("--system-prompt-file", Takes::Value, Does::Set("system-prompt.file")),
    flag("--system-prompt-mode", Takes::Value, Does::Set("system-prompt.mode")),
    flag("--log-prompts", Takes::Value, Does::Nothing(LATER_LOG)),
    flag("--prompt-log-base-name", Takes::Value, Does::Nothing(LATER_LOG)),
    flag("--request-max-retries", Takes::Value, Does::Set("request-retry")),
    flag("--request-base-delay", Takes::Value, Does::Nothing("another account is tried at once, without a pause")),
    flag("--cron-near-minutes", Takes::Value, Does::Nothing(OWN_REFRESH)),
    flag("--cron-refresh-token", Takes::Value, Does::Nothing(OWN_REFRESH)),
    flag("--provider-pools-file", Takes::Value, Does::File(Holds::Pools)),
    flag("--custom-models-file", Takes::Value, Does::File(Holds::Models)),
    flag("--max-error-count", Takes::Value, Does::Nothing("an account that fails is benched for a time, not for good")),
    flag("--rate-limit-cooldown-enabled", Takes::Value, Does::SetOpposite("disable-cooling")),
    flag("--rate-limit-cooldown-ms", Takes::Value, Does::Nothing(OWN_COOLING)),
    flag("--rate-limit-cooldown-jitter-ms", Takes::Value, Does::Nothing(OWN_COOLING)),
    flag("--rate-limit-cooldown-max-ms", Takes::Value, Does::Nothing(OWN_COOLING)),
    flag("--scheduled-health-check-enabled", Takes::Value, Does::Check(Timetable::Enabled)),
    flag("--scheduled-health-check-interval", Takes::Value, Does::Check(Timetable::Interval)),
    flag("--login-max-attempts", Takes::Value, Does::Nothing(LATER_PANEL)),
    flag("--login-lockout-duration", Takes::Value, Does::Nothing(LATER_PANEL)),
    flag("--login-min-interval", Takes::Value, Does::Nothing(LATER_PANEL)),
    flag("--trust-proxy", Takes::Value, Does::Nothing("forwarded headers decide nothing yet")),
    flag("--trusted-proxy-ips", Takes::Value, Does::Nothing("forwarded headers decide nothing yet")),
    flag("--no-ui", Takes::Nothing, Does::TurnOn("remote-management.disable-control-panel")),
    flag("--ui", Takes::Value, Does::SetOpposite("remote-management.disable-control-panel")),
    flag("--openai-api-key", Takes::Value, Does::Account(Provider::OpenAi, Part::Key)),
    flag("--openai-base-url", Takes::Value, Does::Account(Provider::OpenAi, Part::Address)),
    flag("--claude-api-key", Takes::Value, Does::Account(Provider::Claude, Part::Key)),
    flag("--claude-base-url", Takes::Value, Does::Account(Provider::Claude, Part::Address)),
    flag("--gemini-oauth-creds-base64", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--gemini-oauth-creds-file", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--project-id", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--kiro-oauth-creds-base64", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--kiro-oauth-creds-file", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--qwen-oauth-creds-file", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("--dev", Takes::Nothing, Does::Nothing("there is no developer's mode; `--set debug=true` logs more")),
    flag("-config", Takes::Value, Does::Same("--config")),
    flag("-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-codex-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-codex-device-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-claude-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-antigravity-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-kimi-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-xai-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-qwen-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-iflow-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-iflow-cookie", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-copilot-login", Takes::Nothing, Does::Refuse(LATER_LOGIN)),
    flag("-project_id", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("-no-browser", Takes::Nothing, Does::Nothing(LATER_LOGIN)),
    flag("-oauth-callback-port", Takes::Value, Does::Nothing(LATER_LOGIN)),
    flag("-vertex-import", Takes::Value, Does::Bring),
    flag("-vertex-import-prefix", Takes::Value, Does::BringPrefix),
    flag("-password", Takes::Value, Does::Set("remote-management.secret-key")),
    flag("-home-jwt", Takes::Value, Does::Nothing(NO_HOME)),
    flag("-home-disable-cluster-discovery", Takes::Nothing, Does::Nothing(NO_HOME)),
    flag("-tui", Takes::Nothing, Does::Refuse("there is no terminal interface")),
    flag("-standalone", Takes::Nothing, Does::Refuse("there is no terminal interface")),
    flag(
        "-local-model",
        Takes::Nothing,
        Does::Nothing("no catalogue of models is fetched that the file does not name"),
    ),
];

/// What takes more than one parameter to say.
#[derive(Debug, Default)]
struct Parts {
    accounts: Vec<(Provider, Part, String)>,
    checks: Option<String>,
    prefix: Option<String>,
    interval: Option<String>,
}

impl Parts {
    /// How often accounts are checked: every ten minutes where nothing is said, and not more often than each minute.
    fn timetable(&self, found: &mut Found) -> Result<(), String> {
        let on = match self.checks.as_deref() {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => return Err("--scheduled-health-check-enabled is `true` or `false`".to_owned()),
        };
        let millis: u64 = match self.interval.as_deref().map(str::parse) {
            None => 600_000,
            Some(Ok(millis)) => millis,
            Some(Err(_)) => return Err("--scheduled-health-check-interval is a number of milliseconds".to_owned()),
        };
        if on {
            let seconds = (millis / 1000).max(60);
            found.settings.push(("--health-check.interval".to_owned(), format!("{seconds}s")));
        } else if self.checks.is_some() {
            found.settings.push(("--health-check.interval".to_owned(), "0".to_owned()));
        } else if self.interval.is_some() {
            let note =
                "--scheduled-health-check-interval has no effect: --scheduled-health-check-enabled is not `true`";
            found.notes.push(note.to_owned());
        }
        Ok(())
    }
}

/// Takes the seeds' parameters out of a command line, the program's name included.
///
/// # Errors
/// When one of them lacks its value, or asks for what is not done.
pub(crate) fn split(line: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Found), String> {
    let mut rest = Vec::new();
    let mut found = Found::default();
    let mut parts = Parts::default();
    let mut line = line.into_iter();
    rest.extend(line.next());
    while let Some(word) = line.next() {
        let Some((flag, joined)) = word.to_str().and_then(recognise) else {
            let last = word == "--";
            rest.push(word);
            if last {
                break;
            }
            continue;
        };
        let value = match (flag.takes, joined) {
            (Takes::Value, None) => {
                let next = line.next().and_then(|next| next.into_string().ok());
                next.ok_or_else(|| format!("{} needs a value", flag.name))?
            }
            (_, joined) => joined.unwrap_or_default(),
        };
        flag.apply(value, &mut rest, &mut found, &mut parts)?;
    }
    rest.extend(line);
    found.settings.extend(entries(&parts.accounts)?);
    parts.timetable(&mut found)?;
    match (&mut found.brought, parts.prefix) {
        (Some(brought), prefix) => brought.prefix = prefix,
        (None, Some(_)) => {
            let note = "-vertex-import-prefix has no effect: -vertex-import is missing";
            found.notes.push(note.to_owned());
        }
        (None, None) => (),
    }
    Ok((rest, found))
}

/// The flag that a word is, and the value that is joined to it. Go's flags have one dash or two.
fn recognise(word: &str) -> Option<(&'static Flag, Option<String>)> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, None),
    };
    let known = |flag: &&Flag| flag.name == name || (flag.is_go() && name.strip_prefix('-') == Some(flag.name));
    // `--config` is ours.
    FLAGS.iter().find(known).filter(|_| name != "--config").map(|flag| (flag, value))
}

impl Flag {
    fn is_go(&self) -> bool {
        !self.name.starts_with("--")
    }

    fn apply(
        &self,
        value: String,
        rest: &mut Vec<OsString>,
        found: &mut Found,
        parts: &mut Parts,
    ) -> Result<(), String> {
        let mut set = |path: &str, value: String| found.settings.push((format!("--{path}"), value));
        match self.does {
            Does::Set(path) => set(path, value),
            Does::SetOpposite(path) => match value.as_str() {
                "true" => set(path, "false".to_owned()),
                "false" => set(path, "true".to_owned()),
                _ => return Err(format!("{} is `true` or `false`", self.name)),
            },
            Does::TurnOn(path) => set(path, "true".to_owned()),
            Does::Account(provider, part) => parts.accounts.push((provider, part, value)),
            Does::Check(Timetable::Enabled) => parts.checks = Some(value),
            Does::Check(Timetable::Interval) => parts.interval = Some(value),
            Does::File(Holds::Pools) => found.files.pools = Some(value.into()),
            Does::File(Holds::Models) => found.files.models = Some(value.into()),
            Does::Bring => found.brought = Some(Brought { file: value.into(), prefix: None }),
            Does::BringPrefix => parts.prefix = Some(value),
            Does::Same(ours) => rest.extend([ours.into(), value.into()]),
            Does::Nothing(why) => found.notes.push(format!("{} has no effect: {why}", self.name)),
            Does::Refuse(why) => return Err(format!("{}: {why}", self.name)),
        }
        Ok(())
    }
}

/// Accounts that the parameters describe, each as one more entry of its section. JSON is YAML.
fn entries(accounts: &[(Provider, Part, String)]) -> Result<Vec<(String, String)>, String> {
    let part = |provider, part| {
        let of = accounts.iter().rfind(|(p, q, _)| (*p, *q) == (provider, part));
        of.map(|(_, _, value)| config::quoted(value))
    };
    let mut entries = Vec::new();
    match (part(Provider::OpenAi, Part::Key), part(Provider::OpenAi, Part::Address)) {
        (None, None) => {}
        (None, Some(_)) => return Err("--openai-base-url needs --openai-api-key".to_owned()),
        (Some(key), address) => {
            let address = address.unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
            let entry = format!(
                "{{name: openai, base-url: {address}, api-key-entries: [{{api-key: {key}}}], models: [{{name: '*', alias: '*'}}]}}"
            );
            entries.push(("--openai-compatibility.+".to_owned(), entry));
        }
    }
    match (part(Provider::Claude, Part::Key), part(Provider::Claude, Part::Address)) {
        (None, None) => {}
        (None, Some(_)) => return Err("--claude-base-url needs --claude-api-key".to_owned()),
        (Some(key), address) => {
            let address = address.map(|address| format!(", base-url: {address}")).unwrap_or_default();
            entries.push(("--claude-api-key.+".to_owned(), format!("{{api-key: {key}{address}}}")));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<(Vec<String>, Found), String> {
        let words = std::iter::once("bosporus").chain(text.split_whitespace()).map(OsString::from);
        let (rest, found) = split(words)?;
        Ok((rest[1..].iter().map(|word| word.to_str().unwrap().to_owned()).collect(), found))
    }

    fn settings(text: &str) -> Vec<(String, String)> {
        let (rest, found) = line(text).unwrap();
        assert!(rest.is_empty() && found.notes.is_empty(), "{rest:?} {found:?}");
        found.settings
    }

    #[test]
    fn what_has_a_meaning_sets_it() {
        for (text, path, value) in [
            ("--api-key abc", "--api-keys", "abc"),
            ("--request-max-retries=4", "--request-retry", "4"),
            ("--rate-limit-cooldown-enabled false", "--disable-cooling", "true"),
            ("--ui false", "--remote-management.disable-control-panel", "true"),
            ("--no-ui", "--remote-management.disable-control-panel", "true"),
            ("--scheduled-health-check-enabled true", "--health-check.interval", "600s"),
            ("--scheduled-health-check-enabled=false", "--health-check.interval", "0"),
            ("-password x=y", "--remote-management.secret-key", "x=y"),
            ("--password=x=y", "--remote-management.secret-key", "x=y"),
        ] {
            assert_eq!(settings(text), [(path.to_owned(), value.to_owned())], "{text}");
        }
    }

    #[test]
    fn ours_are_left_alone() {
        let (rest, found) = line("--port 1 -config a.yaml check --host=b --config c -- --api-key d").unwrap();
        assert_eq!(rest.join(" "), "--port 1 --config a.yaml check --host=b --config c -- --api-key d");
        assert_eq!(found, Found::default());
    }

    #[test]
    fn nothing_is_ignored_in_silence() {
        for flag in FLAGS {
            let number = matches!(flag.does, Does::Check(Timetable::Interval));
            let value = match flag.takes {
                Takes::Value if number => " 60000",
                Takes::Value => " true",
                Takes::Nothing => "",
            };
            let address = matches!(flag.does, Does::Account(_, Part::Address));
            match line(&format!("{}{value}", flag.name)) {
                Ok((rest, found)) => {
                    assert!(
                        !rest.is_empty()
                            || found.settings.len()
                                + found.notes.len()
                                + found.files.all().count()
                                + usize::from(found.brought.is_some())
                                == 1,
                        "{}",
                        flag.name
                    );
                }
                Err(why) => assert!(why.contains(flag.name.trim_start_matches('-')) || address, "{why}"),
            }
        }
        assert_eq!(line("--api-key").unwrap_err(), "--api-key needs a value");
        assert_eq!(line("--ui maybe").unwrap_err(), "--ui is `true` or `false`");
        assert!(line("--scheduled-health-check-interval soon").unwrap_err().contains("milliseconds"));
        assert!(line("--scheduled-health-check-enabled 1").unwrap_err().contains("`true` or `false`"));
        let both = settings("--scheduled-health-check-interval 90500 --scheduled-health-check-enabled true");
        assert_eq!(both, [("--health-check.interval".to_owned(), "90s".to_owned())]);
        let files = line("--provider-pools-file a.json --custom-models-file=b.json").unwrap().1.files;
        assert_eq!(files, PoolFiles { pools: Some("a.json".into()), models: Some("b.json".into()) });
        let brought = line("-vertex-import-prefix team --vertex-import=a.json").unwrap().1.brought;
        assert_eq!(brought, Some(Brought { file: "a.json".into(), prefix: Some("team".to_owned()) }));
        assert!(line("-claude-login").unwrap_err().contains("not there yet"));
    }

    /// Every setting that a parameter names exists, and its entries are good ones.
    #[test]
    fn the_configuration_takes_them() {
        let text = "--api-key abcdefghijklmnop --system-prompt-mode append --request-max-retries 4 --ui true \
            --rate-limit-cooldown-enabled true --scheduled-health-check-enabled true -password it's#secret --openai-api-key a'b\"c: --claude-api-key k \
            --claude-base-url https://claude.example";
        let file = "claude-api-key: [{api-key: first}]";
        let (config, report) = config::parse(file, "config.yaml", &settings(text));
        assert!(report.warnings.is_empty(), "{report}");
        let config = config.unwrap_or_else(|| panic!("{report}"));
        assert_eq!(config.client_keys[0].key.plain().map(config::Secret::expose), Some("abcdefghijklmnop"));
        assert_eq!(config.request_retry, 4);
        assert_eq!(config.compat[0].keys[0].key.expose(), "a'b\"c:");
        assert_eq!(config.compat[0].base_url.as_str(), "https://api.openai.com/v1");
        let claude: Vec<_> = config.keyed("claude-api-key").iter().map(|entry| entry.key.expose()).collect();
        assert_eq!(claude, ["first", "k"]);
    }

    #[test]
    fn the_documentation_lists_them() {
        let docs = include_str!("../../../docs/configuration.md");
        let listed: Vec<_> = docs
            .lines()
            .skip_while(|line| !line.starts_with("## Start parameters of other programs"))
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .filter(|line| line.starts_with("| `-"))
            .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(','))
            .map(|name| name.trim().trim_matches('`'))
            .collect();
        let known: Vec<_> = FLAGS.iter().map(|flag| flag.name).collect();
        assert_eq!(listed, known);
    }
}
