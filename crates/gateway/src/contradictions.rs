//! What a configuration says that cannot come true, though every line of it is right: it shows only when names lead
//! somewhere. Told at the start, at each reload and by `bosporus check`; nothing is refused for it, for what is missing
//! may be added next.

use crate::glob::glob;
use crate::scope::{Known, Scope};
use crate::snapshot::Snapshot;

/// Findings that are told one by one.
const MOST: usize = 50;

impl Snapshot {
    /// What cannot come true, in words.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = self.fallbacks().chain(self.provider_fallbacks()).chain(self.keys()).collect();
        if found.len() > MOST {
            let more = found.len() - MOST;
            found.truncate(MOST);
            found.push(format!("and {more} more of this sort"));
        }
        found
    }

    fn fallbacks(&self) -> impl Iterator<Item = String> {
        self.config.fallback.iter().flat_map(|(model, next)| {
            let missing = next.iter().filter(|next| !self.serves(next));
            missing.map(move |next| format!("`fallback.{model}` leads to `{next}`, which no account serves"))
        })
    }

    fn serves(&self, model: &str) -> bool {
        let (scope, name) = self.names.read_step(Scope::default(), model);
        self.names.resolve(scope, &name).is_some()
    }

    fn provider_fallbacks(&self) -> impl Iterator<Item = String> {
        let unknown = |id: &String| !matches!(self.names.providers.find(id), Known::Here(_));
        self.config.provider_fallback.iter().flat_map(move |(id, next)| {
            let missing = std::iter::once(id).chain(next).filter(move |id| unknown(id));
            missing.map(move |missing| format!("`provider-fallback.{id}`: no account is of the provider `{missing}`"))
        })
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        self.config.client_keys.iter().flat_map(|key| {
            let accounts = key.limits.iter().flat_map(|limits| &limits.accounts);
            let nobody = accounts.filter(|pattern| !self.names_an_account(pattern));
            nobody.map(|pattern| {
                format!("the client key `{}` is allowed accounts `{pattern}`, and there is none", key.label)
            })
        })
    }

    fn names_an_account(&self, pattern: &str) -> bool {
        self.accounts.iter().any(|account| glob(pattern, account.id.as_str()) || glob(pattern, &account.label))
    }
}

#[cfg(test)]
mod tests {
    use crate::App;

    fn told(text: &str) -> Vec<String> {
        let (config, report) = config::parse(text, "config.yaml", &[]);
        App::new(config.unwrap_or_else(|| panic!("{report}"))).unwrap().snapshot().contradictions()
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let text = "
api-keys: [0123456789abcdef]
client-keys: [{key: 0123456789abcdeg, label: bob, accounts: ['place#1', 'gone*']}]
openai-compatibility:
  - {name: place, base-url: 'http://a.example', models: [{name: one}, {name: two}, {name: 'x-*'}]}
fallback: {one: [two, three, 'place:two', 'nowhere:two', x-anything], four: [one]}
provider-fallback: {place: [openai, claude], lost: [place]}
";
        assert_eq!(
            told(text),
            [
                "`fallback.one` leads to `three`, which no account serves",
                "`fallback.one` leads to `nowhere:two`, which no account serves",
                "`fallback.four` leads to `three`, which no account serves",
                "`fallback.four` leads to `nowhere:two`, which no account serves",
                "`provider-fallback.place`: no account is of the provider `claude`",
                "`provider-fallback.lost`: no account is of the provider `lost`",
                "`provider-fallback.lost`: no account is of the provider `claude`",
                "the client key `bob` is allowed accounts `gone*`, and there is none",
            ]
        );
    }

    #[test]
    fn what_is_whole_is_not_spoken_of() {
        let text = "
api-keys: [0123456789abcdef]
openai-compatibility:
  - {name: place, base-url: 'http://a.example', models: [{name: one}, {name: two}]}
fallback: {one: [two]}
provider-fallback: {place: [openai]}
";
        assert_eq!(told(text), Vec::<String>::new());
        let many: Vec<_> = (0..99).map(|number| format!("m{number}: [one]")).collect();
        let many = format!("demo: true\napi-keys: [0123456789abcdef]\nfallback: {{{}}}\n", many.join(", "));
        assert_eq!(told(&many).len(), super::MOST + 1);
    }
}
