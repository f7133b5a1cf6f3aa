//! Where a request may go when nobody on its first route answers: other providers of the same model, then other models.
//! A name that stands only at the head of a chain stands in for the first of those behind it that somebody serves.

use std::collections::HashMap;

use config::Config;
use dialect::ModelCard;
use hub::{Blame, Fault, FaultKind};
use upstreams::Model;

use crate::names::{Found, Names};
use crate::scope::Scope;

/// What takes the place of what, as the configuration says.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    models: HashMap<String, Vec<String>>,
    providers: Vec<(String, Vec<String>)>,
    /// A model that has reached its limit has its previews in its place.
    previews: bool,
}

/// Another way: what is asked there, and within which scope.
pub(crate) type Way = (Scope, String);

/// Whether a fault is one that others may do better. A request's own is not.
pub(crate) fn may_help(fault: &Fault) -> bool {
    fault.blame != Blame::Request && fault.kind != FaultKind::Internal
}

/// Whether somebody has asked for as much as may be had.
pub(crate) fn is_limit(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::RateLimited | FaultKind::QuotaExhausted)
}

impl Chains {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            models: config.fallback.iter().cloned().collect(),
            providers: config.provider_fallback.clone(),
            previews: config.quota_exceeded.switch_to_preview,
        }
    }

    /// Whether there may be other ways after a fault.
    pub(crate) fn go_on_after(&self, fault: &Fault) -> bool {
        may_help(fault) && (!self.is_empty() || self.lead_to_previews(fault))
    }

    fn lead_to_previews(&self, fault: &Fault) -> bool {
        self.previews && is_limit(fault)
    }

    /// Whether nothing takes the place of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.models.is_empty() && self.providers.is_empty()
    }

    /// The names that chains begin with.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    fn begins_with(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }
}

impl Names {
    /// The further ways of a request, in order: those of the provider that it is bound to, then those of the model.
    pub(crate) fn ways<'a>(&'a self, scope: Scope, model: &'a str) -> impl Iterator<Item = Way> + 'a {
        let chains = &self.chains;
        let anywhere = scope.of_every_provider();
        let bound = move |id: &str| scope.is_bound_to(self.providers.find(id));
        let providers = chains.providers.iter().filter(move |(id, _)| bound(id)).flat_map(|(_, next)| next);
        let elsewhere = providers.filter_map(move |id| Some((self.providers.narrow(anywhere, id)?, model.to_owned())));
        let others = chains.models.get(model).into_iter().flatten();
        elsewhere.chain(others.map(move |name| self.read_step(anywhere, name)))
    }

    /// The further ways of a request that ended in a fault.
    pub(crate) fn ways_after<'a>(
        &'a self,
        fault: &Fault,
        scope: Scope,
        model: &'a str,
    ) -> impl Iterator<Item = Way> + 'a {
        let previews = if self.chains.lead_to_previews(fault) { self.previews_of(scope, model) } else { Vec::new() };
        previews.into_iter().map(move |name| (scope, name)).chain(self.ways(scope, model))
    }

    /// The previews of a model that are served within a scope, the newest first: its name with `-preview` behind it, and
    /// perhaps a date. Other words make another model of it.
    fn previews_of(&self, scope: Scope, model: &str) -> Vec<String> {
        let is_preview = |name: &&str| {
            let rest = name.strip_prefix(model).and_then(|rest| rest.strip_prefix("-preview"));
            rest.is_some_and(|date| date.chars().all(|c| c.is_ascii_digit() || c == '-'))
        };
        let mut names: Vec<_> = self.all().into_iter().filter(is_preview).map(str::to_owned).collect();
        names.retain(|name| self.serves_exactly(name) && self.resolve(scope, name).is_some());
        // A name without a date follows the newest.
        names.sort_unstable_by_key(|name| (name.ends_with("-preview"), name.clone()));
        names.reverse();
        names
    }

    /// A step of a chain: `provider:model` where that is no model itself. Who asks does not matter.
    pub(crate) fn read_step(&self, scope: Scope, step: &str) -> Way {
        let whole = || (scope, step.to_owned());
        if self.serves_exactly(step) {
            return whole();
        }
        let named = step.split_once(':').and_then(|(id, name)| Some((self.providers.narrow(scope, id)?, name)));
        let named = named.filter(|(scope, name)| self.resolve(*scope, name).is_some());
        named.map_or_else(whole, |(scope, name)| (scope, name.to_owned()))
    }

    /// The way that takes the place of a name which nobody serves within a scope; `None` where nothing does, or where
    /// the name is not the caller's to ask for.
    pub(crate) fn stand_in(&self, scope: Scope, model: &str) -> Option<(Way, Found<'_>)> {
        if self.chains.is_empty() || self.is_forbidden(scope, model) {
            return None;
        }
        self.ways(scope, model).find_map(|way| {
            let found = self.resolve(way.0, &way.1)?;
            Some((way, found))
        })
    }

    /// Where a request for a name would begin: on its own route, else on that of the first which stands in for it.
    ///
    /// # Errors
    /// When the name leads nowhere.
    pub(crate) fn first_way(&self, scope: Scope, model: &str) -> Result<(Way, Found<'_>), Fault> {
        match self.resolve(scope, model) {
            Some(found) => Ok(((scope, model.to_owned()), found)),
            None => self.stand_in(scope, model).ok_or_else(|| self.missing(scope, model)),
        }
    }

    /// Whether a request for a name is answered by somebody, be it in its place.
    pub(crate) fn answers(&self, scope: Scope, model: &str) -> bool {
        self.resolve(scope, model).is_some() || self.stand_in(scope, model).is_some()
    }

    /// The name for which something stands in, for one as a client wrote it; `forms` are the ways to read that.
    pub(crate) fn read_stand_in<'a>(
        &self,
        scope: Scope,
        mut forms: impl Iterator<Item = (Scope, &'a str)>,
        model: &'a str,
    ) -> Option<(Scope, &'a str)> {
        if self.chains.is_empty() {
            return None;
        }
        if self.chains.begins_with(model) {
            return Some((scope, model));
        }
        forms.find(|(scope, name)| self.stand_in(*scope, name).is_some())
    }

    /// What lists say of a name that is not served itself within a scope: what the first one says that stands in for it.
    pub(crate) fn stand_in_card(&self, scope: Scope, model: &str) -> Option<ModelCard> {
        let ((_, name), found) = match self.resolve(scope, model) {
            // By a pattern, of which lists know nothing: only a chain makes a name of it.
            Some(found) if self.chains.begins_with(model) => ((scope, model.to_owned()), found),
            Some(_) => return None,
            None => self.stand_in(scope, model)?,
        };
        let known = self.card(&name).cloned().or_else(|| {
            let seat = found.seats.first()?;
            Model::found(model, seat.upstream_model(&name), false, &*seat.upstream, None).card
        });
        Some(ModelCard { id: model.to_owned(), ..known? })
    }
}
