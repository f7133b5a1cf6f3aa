//! What the configuration says of a whole channel of accounts at once: other names for its models, and which of them it
//! must not serve. A channel is the name of a kind of place.

use std::borrow::Cow;
use std::sync::Arc;

use config::{ChannelAlias, Config, ErrorRule};
use upstreams::{Model, Place};

use crate::glob::glob;
use crate::names::is_excluded;

/// What the errors of an account mean: as its entry says, then as its channel does.
pub(crate) fn errors(place: &Place, own: &Arc<[ErrorRule]>, config: &Config) -> Arc<[ErrorRule]> {
    match config.channel_errors.iter().find(|(channel, _)| channel == place.upstream.kind()) {
        None => Arc::clone(own),
        Some((_, rules)) => own.iter().chain(rules).cloned().collect(),
    }
}

/// Models of a place after all exclusions and its channel's aliases.
pub(crate) fn apply<'a>(place: &Place, models: &'a [Model], config: &Config) -> Vec<Cow<'a, Model>> {
    let excluded = excluded(place, config);
    let kept = models.iter().filter(|model| !is_excluded(model, &excluded)).map(Cow::Borrowed);
    match aliases(place, config) {
        None => kept.collect(),
        Some(aliases) => renamed(place, kept.collect(), &aliases, &excluded),
    }
}

/// Other names for the models of a place: its own, then those of its channel.
fn aliases<'a>(place: &'a Place, config: &'a Config) -> Option<Cow<'a, [ChannelAlias]>> {
    let of_channel = config.channel_aliases.iter().find(|(channel, _)| channel == place.upstream.kind());
    match (&place.aliases[..], of_channel) {
        ([], None) => None,
        ([], Some((_, aliases))) => Some(Cow::Borrowed(aliases)),
        (own, None) => Some(Cow::Borrowed(own)),
        (own, Some((_, aliases))) => Some(Cow::Owned([own, aliases].concat())),
    }
}

/// What a place must not serve, by its own word and by its channel's.
pub(crate) fn excluded(place: &Place, config: &Config) -> Vec<String> {
    let of_channel = config.channel_exclusions.iter().find(|(channel, _)| channel == place.upstream.kind());
    place.excluded.iter().chain(of_channel.into_iter().flat_map(|(_, patterns)| patterns)).cloned().collect()
}

/// What the pattern of a place must not take: what is excluded, and what its channel has given another name.
pub(crate) fn refused(place: &Place, config: &Config) -> Vec<String> {
    let aliases = aliases(place, config).unwrap_or_default();
    let mut refused = excluded(place, config);
    refused.extend(aliases.iter().filter(|alias| !alias.fork).map(|alias| alias.name.to_ascii_lowercase()));
    refused
}

/// Each model under its aliases, and under its own name unless every alias takes that away.
fn renamed<'a>(
    place: &Place,
    models: Vec<Cow<'a, Model>>,
    aliases: &[ChannelAlias],
    excluded: &[String],
) -> Vec<Cow<'a, Model>> {
    let mut renamed = Vec::with_capacity(models.len() + aliases.len());
    for alias in aliases {
        let named = models.iter().find(|model| model.alias.eq_ignore_ascii_case(&alias.name));
        let model = match named {
            Some(model) => Some(under(model, alias)),
            None if excluded.iter().any(|pattern| glob(pattern, &alias.name)) => None,
            None => of_pattern(place, &models, alias),
        };
        renamed.extend(model.map(Cow::Owned));
    }
    let taken = |model: &Model| {
        let mut own = aliases.iter().filter(|alias| alias.name.eq_ignore_ascii_case(&model.alias)).peekable();
        own.peek().is_some() && own.all(|alias| !alias.fork)
    };
    renamed.extend(models.into_iter().filter(|model| !taken(model)));
    renamed
}

fn under(model: &Model, alias: &ChannelAlias) -> Model {
    let mut model = model.clone();
    model.alias.clone_from(&alias.alias);
    model.force_mapping |= alias.force_mapping;
    if let Some(card) = &mut model.card {
        card.id.clone_from(&alias.alias);
        card.display_name = alias.display_name.clone().or(card.display_name.take());
    }
    model
}

/// A model that the place knows only by a pattern, under a name of its own.
fn of_pattern(place: &Place, models: &[Cow<'_, Model>], alias: &ChannelAlias) -> Option<Model> {
    let fits = |model: &&Cow<'_, Model>| model.alias.strip_suffix('*').is_some_and(|head| alias.name.starts_with(head));
    models.iter().find(fits)?;
    Some(Model::found(&alias.alias, &alias.name, alias.force_mapping, &*place.upstream, alias.display_name.clone()))
}
