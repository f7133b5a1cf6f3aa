//! What is said of whole channels of accounts: other names for models, and models that are not served.

use super::{Item, Section, errors, provider};
use crate::checked::{ChannelAlias, ErrorRule};
use crate::report::Problems;
use crate::words;

/// The mappings of channels to lists below a key, channels in lower case and each once.
fn channels<'a>(root: &Section<'a>, key: &str, problems: &mut Problems) -> Vec<(String, Section<'a>, &'a str)> {
    let Some(item) = root.get(key) else { return Vec::new() };
    let section = Section::at(item.node, item.path.clone(), problems);
    let named = item.node.entries().iter().filter(|entry| !entry.value.is_null());
    named
        .map(|entry| {
            (entry.key.trim().to_ascii_lowercase(), Section { path: section.path.clone(), ..section }, &*entry.key)
        })
        .collect()
}

/// `oauth-excluded-models`.
pub(crate) fn exclusions(root: &Section<'_>, problems: &mut Problems) -> Vec<(String, Vec<String>)> {
    let found = channels(root, "oauth-excluded-models", problems);
    let lists = found.into_iter().map(|(channel, section, key)| (channel, provider::patterns(&section, key, problems)));
    lists.collect()
}

/// `oauth-request-scoped-errors`.
pub(crate) fn errors(root: &Section<'_>, problems: &mut Problems) -> Vec<(String, Vec<ErrorRule>)> {
    let found = channels(root, "oauth-request-scoped-errors", problems);
    found.into_iter().map(|(channel, section, key)| (channel, errors::rules(&section, key, problems))).collect()
}

/// `oauth-model-alias`.
pub(crate) fn aliases(root: &Section<'_>, problems: &mut Problems) -> Vec<(String, Vec<ChannelAlias>)> {
    let found = channels(root, "oauth-model-alias", problems);
    found.into_iter().map(|(channel, section, key)| (channel, list(&section, key, problems))).collect()
}

/// The aliases below a key.
pub(crate) fn list(section: &Section<'_>, key: &str, problems: &mut Problems) -> Vec<ChannelAlias> {
    let mut aliases: Vec<ChannelAlias> = Vec::new();
    for entry in section.sections(key, problems) {
        let (name, alias) = (entry.text("name", problems), entry.text("alias", problems));
        let flags = (entry.flag("fork", false, problems), entry.flag("force-mapping", false, problems));
        let display_name = entry.text("display-name", problems);
        let (Some(name), Some(alias)) = (name, alias) else {
            problems.warn(entry.span(), format!("`{}` needs both `name` and `alias`; ignored", entry.path()));
            continue;
        };
        if name.eq_ignore_ascii_case(&alias) {
            let message = format!("`{}` makes {} an alias of itself; ignored", entry.path(), words::key(&name));
            problems.warn(entry.get("alias").map(|item: Item<'_>| item.span()), message);
        } else if let Some(ring) = ring(&aliases, &name, &alias) {
            let message = format!("`{}` closes a circle of aliases: {ring}", entry.path());
            let help = "give each model one name that is no other model's";
            problems.error(entry.get("alias").map(|item: Item<'_>| item.span()), message).help(help);
        } else {
            let (fork, force_mapping) = flags;
            aliases.push(ChannelAlias { name, alias, fork, display_name, force_mapping });
        }
    }
    aliases
}

/// The way from an alias back to its own name, if there is one. Forks stay what they were and close no circle.
fn ring(aliases: &[ChannelAlias], name: &str, alias: &str) -> Option<String> {
    let mut way = vec![name.to_owned(), alias.to_owned()];
    while way.len() <= aliases.len() + 2 {
        let last = way.last()?;
        let next = aliases.iter().find(|earlier| !earlier.fork && earlier.name.eq_ignore_ascii_case(last))?;
        way.push(next.alias.clone());
        if next.alias.eq_ignore_ascii_case(name) {
            return Some(way.join(" -> "));
        }
    }
    None
}
