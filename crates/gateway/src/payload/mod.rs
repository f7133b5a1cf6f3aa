//! Payload rules: what the operator sets in, or takes out of, the bodies that go to upstreams.
//!
//! Which rules a name can meet is found when a snapshot is built, so that a name without any costs nothing. The rest of
//! a rule's conditions is looked at for each request, and a body is changed by byte range, relayed or translated.

mod place;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use config::payload::{Action, ModelMatch, Path, Payload, Protocol, Rule, Setting};
use dialect::Dialect;
use dialect::splice::Pieces;
use http::HeaderMap;
use hub::{DialectId, split_suffix};

use crate::glob::glob;

/// The rules of a name, in the order in which they are applied.
pub(crate) type Rules = Vec<Arc<Rule>>;

/// All rules of a configuration.
#[derive(Debug, Default)]
pub(crate) struct AllRules(Rules);

/// What a rule's conditions are held against.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The model as the client wrote it, suffix included.
    pub(crate) written: &'a str,
    /// The model that was asked for.
    pub(crate) requested: &'a str,
    /// The upstream's name of it.
    pub(crate) model: &'a str,
    /// What the client speaks.
    pub(crate) client: DialectId,
    /// What the upstream speaks.
    pub(crate) wire: DialectId,
    /// The client's headers.
    pub(crate) headers: &'a HeaderMap,
}

impl AllRules {
    pub(crate) fn new(payload: &Payload) -> Self {
        Self(payload.rules.iter().cloned().map(Arc::new).collect())
    }

    /// The rules that a request under `name` may meet, where accounts know the model by one of `models`. A name that
    /// ends in `*` stands for many.
    pub(crate) fn of_name<'a>(&self, name: &'a str, models: impl Iterator<Item = &'a str>) -> Rules {
        if self.0.is_empty() {
            return Vec::new();
        }
        let names: Vec<&str> = models.chain([name]).collect();
        let known = |entry: &ModelMatch| {
            let plain = split_suffix(&entry.name).map_or(entry.name.as_str(), |(name, _)| name);
            let fits = |name: &&str| name.ends_with('*') || glob(&entry.name, name) || glob(plain, name);
            names.iter().any(fits)
        };
        self.0.iter().filter(|rule| rule.models.iter().any(known)).cloned().collect()
    }
}

/// Changes a body by the rules that fit; one that none fits is handed back as it came.
pub(crate) fn apply(rules: &[Arc<Rule>], ask: &Ask<'_>, body: Pieces) -> Pieces {
    let named: Vec<&Rule> =
        rules.iter().map(|rule| &**rule).filter(|rule| rule.models.iter().any(|it| ask.is(it))).collect();
    if named.is_empty() {
        return body;
    }
    let bytes = body.joined();
    let Ok(original) = str::from_utf8(&bytes) else { return bytes.into() };
    let mut changed = Changed { original, text: Cow::Borrowed(original), set: Vec::new() };
    for rule in named {
        if rule.models.iter().any(|it| ask.is(it) && holds(it, original)) {
            changed.by(&rule.action);
        }
    }
    match changed.text {
        Cow::Borrowed(_) => bytes.into(),
        Cow::Owned(text) => Bytes::from(text).into(),
    }
}

/// A body under change.
struct Changed<'a> {
    original: &'a str,
    text: Cow<'a, str>,
    /// Paths that a default was looked at for: the first rule wins.
    set: Vec<&'a Path>,
}

impl<'a> Changed<'a> {
    fn by(&mut self, action: &'a Action) {
        match action {
            Action::Default(settings) => settings.iter().for_each(|setting| self.default(setting)),
            Action::Override(settings) => {
                settings.iter().for_each(|it| self.becomes(place::set(&it.path, &self.text, &it.json)));
            }
            Action::Filter(paths) => paths.iter().for_each(|path| self.becomes(place::remove(path, &self.text))),
        }
    }

    fn default(&mut self, setting: &'a Setting) {
        if self.set.contains(&&setting.path) || place::exists(&setting.path, self.original) {
            return;
        }
        self.set.push(&setting.path);
        self.becomes(place::set(&setting.path, &self.text, &setting.json));
    }

    fn becomes(&mut self, text: Option<String>) {
        if let Some(text) = text {
            self.text = Cow::Owned(text);
        }
    }
}

impl Ask<'_> {
    /// Whether all holds that can be told without the body.
    fn is(&self, entry: &ModelMatch) -> bool {
        let names = [self.written, self.requested, self.model];
        let spoken = |wanted: Option<Protocol>, spoken| wanted.is_none_or(|protocol| speaks(protocol, spoken));
        names.iter().any(|name| glob(&entry.name, name))
            && spoken(entry.protocol, self.wire)
            && spoken(entry.from_protocol, self.client)
            && entry.headers.iter().all(|(name, pattern)| self.has_header(name, pattern))
    }

    fn has_header(&self, name: &str, pattern: &str) -> bool {
        let texts = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        texts.into_iter().any(|text| glob(pattern, text))
    }
}

/// Whether the body is one that the entry wants.
fn holds(entry: &ModelMatch, body: &str) -> bool {
    let same =
        |setting: &Setting| place::values(&setting.path, body).iter().any(|found| place::same(found, &setting.json));
    entry.matches.iter().all(same)
        && !entry.not_matches.iter().any(same)
        && entry.exists.iter().all(|path| place::exists(path, body))
        && !entry.not_exists.iter().any(|path| place::exists(path, body))
}

/// Whether a language is the one that a configuration means: itself, or one whose requests come in by its routes.
fn speaks(protocol: Protocol, spoken: DialectId) -> bool {
    let known = |dialect: &&&Dialect| dialect.word == protocol.0;
    dialects::ALL.iter().find(known).is_some_and(|dialect| {
        dialect.id == spoken || dialect.routes.iter().any(|route| route.client.dialect() == spoken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(yaml: &str) -> AllRules {
        let (config, report) = config::parse(&format!("api-keys: [0123456789abcdef]\npayload:\n{yaml}"), "c.yaml", &[]);
        AllRules::new(&config.unwrap_or_else(|| panic!("{report}")).payload)
    }

    fn dialect(word: &str) -> DialectId {
        dialects::ALL.iter().find(|dialect| dialect.word == word).unwrap().id
    }

    fn changed(all: &AllRules, model: &str, wire: &str, body: &'static str) -> String {
        let headers =
            [("x-team", "blue")].into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        let (client, wire) = (dialect("openai"), dialect(wire));
        let ask = Ask { written: model, requested: model, model, client, wire, headers: &headers };
        let rules = all.of_name(model, std::iter::once(model));
        let out = apply(&rules, &ask, Bytes::from_static(body.as_bytes()).into()).joined();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn every_word_of_a_configuration_is_a_language_of_the_registry() {
        let known = || config::payload::PROTOCOLS.iter().filter_map(|(_, protocol)| *protocol);
        for protocol in known() {
            assert!(dialects::ALL.iter().any(|dialect| dialect.word == protocol.0), "{protocol:?}");
        }
        for dialect in dialects::ALL {
            assert!(known().any(|protocol| dialect.word == protocol.0), "{dialect:?}");
        }
    }

    #[test]
    fn sections_are_applied_in_their_order() {
        let all = rules(
            r#"
      filter:
        - models: [{name: "m*"}]
          params: [drop, over]
      override:
        - models: [{name: "m*"}]
          params: {over: 2, a.b: [1.50, x, null]}
      default-raw:
        - models: [{name: "m*"}]
          params: {new: '{"raw":1e2}', set: "9"}
      default:
        - models: [{name: "m*"}]
          params: {new: first, has: 1}
    "#,
        );
        let out = changed(&all, "m1", "openai", r#"{"has":0, "drop":1,"over":1}"#);
        assert_eq!(out, r#"{"a":{"b":[1.50,"x",null]},"set":9,"new":"first","has":0}"#);
        assert_eq!(changed(&all, "other", "openai", r#"{"has":0}"#), r#"{"has":0}"#);
        assert!(all.of_name("other", std::iter::empty()).is_empty(), "what no rule names costs nothing");
    }

    #[test]
    fn every_condition_must_hold() {
        let body = r#"{"tools":[{"type":"a"}],"n":1.0,"z":null}"#;
        for (condition, applies) in [
            ("", true),
            ("protocol: openai", true),
            ("protocol: claude", false),
            ("from-protocol: openai", true),
            ("from-protocol: gemini", false),
            ("headers: {X-Team: b*}", true),
            ("headers: {X-Team: r*}", false),
            ("headers: {X-None: \"*\"}", false),
            ("match: [{\"tools.#.type\": a}]", true),
            ("match: [{\"tools.#.type\": b}]", false),
            ("match: [{n: 1}]", true),
            ("not-match: [{n: 1}]", false),
            ("not-match: [{n: 2}]", true),
            ("exist: [tools]", true),
            ("exist: [z]", false),
            ("not-exist: [z]", true),
            ("not-exist: [tools.0]", false),
        ] {
            let all =
                rules(&format!("  override:\n    - models: [{{name: \"M\", {condition}}}]\n      params: {{k: 1}}\n"));
            assert_eq!(changed(&all, "m", "openai", body).contains("\"k\":1"), applies, "{condition}");
        }
    }

    #[test]
    fn a_pattern_of_names_keeps_every_rule_within_reach() {
        let all = rules("  filter: [{models: [{name: gpt-5}], params: [a]}]\n");
        assert_eq!(all.of_name("g*", std::iter::once("")).len(), 1);
        assert_eq!(all.of_name("alias", std::iter::once("GPT-5")).len(), 1);
        let suffix = rules("  filter: [{models: [{name: gpt-5(high)}], params: [a]}]\n");
        assert_eq!(suffix.of_name("gpt-5", std::iter::empty()).len(), 1);
        assert_eq!(changed(&suffix, "gpt-5(high)", "openai", r#"{"a":1}"#), "{}");
    }
}
