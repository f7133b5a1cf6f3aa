//! What the configuration decides, made ready for requests: accounts, model names, client keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use config::{AccountRules, Config, ErrorRule};
use dialect::ModelTraits;
use hub::Prompt;
use pool::{Account, AccountId, Accounts, Cooling, Room, Secret, Strategy};
use transport::{Deadlines, Site};
use upstreams::{AccountSpec, KINDS, Place, Upstream};

use crate::adjust;
use crate::admit::KeyTable;
use crate::allowance::Meters;
use crate::channels;
use crate::faults::proxy_setting;
use crate::glob::glob;
use crate::names::{Collector, Names, is_excluded};
use crate::payload::AllRules;

/// An immutable view of the configuration.
pub struct Snapshot {
    /// The configuration itself.
    pub config: Config,
    /// The client keys.
    pub(crate) keys: KeyTable,
    /// Deadlines of upstream calls, streamed and whole.
    pub(crate) deadlines: Deadlines,
    /// Where model names lead.
    pub(crate) names: Names,
    /// What the operator does to system prompts.
    pub(crate) prompt: Option<Arc<Prompt>>,
    /// All accounts, in the order of the configuration.
    pub(crate) accounts: Vec<Arc<Account>>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("models", &self.names.count()).finish_non_exhaustive()
    }
}

/// Why a snapshot could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotError(pub String);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SnapshotError {}

/// One account that can answer under a name, and what to ask it for.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) account: Arc<Account>,
    pub(crate) secret: Secret,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) site: Site,
    pub(crate) force_mapping: bool,
    /// The numbers of the provider ids of its place.
    pub(crate) providers: Arc<[u32]>,
    /// What a pattern's seat refuses of the names that fit the pattern.
    pub(crate) excluded: Vec<String>,
    /// The user's own rules on its errors.
    pub(crate) errors: Arc<[ErrorRule]>,
    /// Extra rounds that it may be asked in.
    pub(crate) retries: u32,
    prefix: Option<String>,
    /// The upstream's name; empty where it is the name that was asked for.
    model: Arc<str>,
    traits: Arc<ModelTraits>,
}

impl Seat {
    /// The upstream's name of the model; empty where it is the one that is asked for.
    pub(crate) fn upstream_name(&self) -> &str {
        &self.model
    }

    /// The upstream's name and the traits of the model, for a request that asked for `requested`.
    pub(crate) fn model<'a>(&'a self, requested: &'a str) -> (&'a str, Arc<ModelTraits>) {
        if self.model.is_empty() {
            let bare = self.bare(requested);
            return (bare, self.upstream.traits_of(bare));
        }
        (&self.model, Arc::clone(&self.traits))
    }

    /// Whether the upstream, too, calls the model by a client-facing name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.is_fixed() && *self.model == *self.bare(name)
    }

    /// Whether a pattern's seat does not serve a name that fits the pattern.
    pub(crate) fn refuses(&self, requested: &str) -> bool {
        let bare = self.bare(requested);
        self.excluded.iter().any(|pattern| glob(pattern, bare))
    }

    /// A name without the place's prefix, which is ours and not the upstream's.
    fn bare<'a>(&self, requested: &'a str) -> &'a str {
        let rest = self.prefix.as_ref().and_then(|prefix| requested.strip_prefix(prefix.as_str())?.strip_prefix('/'));
        rest.unwrap_or(requested)
    }

    /// As [`Seat::model`], without the traits.
    pub(crate) fn upstream_model<'a>(&'a self, requested: &'a str) -> &'a str {
        if self.is_fixed() { &self.model } else { self.bare(requested) }
    }

    /// As [`Seat::upstream_model`], to be kept.
    pub(crate) fn shared_model(&self, requested: &str) -> Arc<str> {
        if self.is_fixed() { Arc::clone(&self.model) } else { self.bare(requested).into() }
    }

    /// Whether it asks for one model, whatever name the request came by.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.model.is_empty()
    }
}

impl Snapshot {
    /// Builds the view. Accounts keep what they have learned.
    pub(crate) fn build(config: Config, accounts: &Accounts, meters: &Meters) -> Result<Self, SnapshotError> {
        let prompt = config.system_prompt.as_ref().map(adjust::prompt).transpose().map_err(SnapshotError)?;
        let names = Collector::new(config.force_model_prefix, strategy(config.routing.strategy));
        let mut builder = Builder { config: &config, accounts, names, all: Vec::new(), ids: HashMap::new() };
        for kind in KINDS {
            for place in (kind.build)(&config) {
                builder.place(&place)?;
            }
        }
        let (keys, reaches) = KeyTable::new(&config.client_keys, &builder.names.providers, meters);
        let Builder { names, all: accounts, .. } = builder;
        let names = names.finish(reaches, &AllRules::new(&config.payload));
        Ok(Self {
            keys,
            deadlines: Deadlines {
                connect: config.deadlines.connect,
                first_byte: config.deadlines.first_byte,
                idle: config.deadlines.idle,
            },
            names,
            prompt: prompt.map(Arc::new),
            accounts,
            config,
        })
    }

    /// How many names can be called.
    pub fn model_count(&self) -> usize {
        self.names.count()
    }
}

/// Makes seats of places.
struct Builder<'a> {
    config: &'a Config,
    accounts: &'a Accounts,
    names: Collector,
    all: Vec<Arc<Account>>,
    /// How often each id was seen.
    ids: HashMap<String, u32>,
}

impl Builder<'_> {
    fn place(&mut self, place: &Place) -> Result<(), SnapshotError> {
        let retries = place.request_retry.unwrap_or(self.config.request_retry);
        let providers = self.names.providers.enter(place);
        let models = channels::apply(place, self.config);
        for spec in &place.accounts {
            let id = self.id(spec);
            let (account, site, secret) = self.account(id, place, spec)?;
            self.all.push(Arc::clone(&account));
            for model in models.iter().filter(|model| !is_excluded(model, &spec.excluded)) {
                let is_pattern = model.alias.ends_with('*');
                let excluded = || [&spec.excluded[..], &channels::refused(place, self.config)].concat();
                let seat = Arc::new(Seat {
                    account: Arc::clone(&account),
                    secret: secret.clone(),
                    upstream: Arc::clone(&place.upstream),
                    site: site.clone(),
                    force_mapping: model.force_mapping,
                    providers: Arc::clone(&providers),
                    excluded: if is_pattern { excluded() } else { Vec::new() },
                    errors: Arc::clone(&spec.rules.errors),
                    retries,
                    prefix: place.prefix.clone(),
                    model: if is_pattern { Arc::default() } else { model.name.as_str().into() },
                    traits: Arc::clone(&model.traits),
                });
                self.names.add(place, model, &seat);
            }
        }
        Ok(())
    }

    /// The account's own id; a further account that would have the same is counted.
    fn id(&mut self, spec: &AccountSpec) -> AccountId {
        let seen = self.ids.entry(spec.id.clone()).or_insert(0);
        *seen += 1;
        if *seen == 1 { AccountId::new(&spec.id) } else { AccountId::new(&format!("{}-{seen}", spec.id)) }
    }

    fn account(
        &self,
        id: AccountId,
        place: &Place,
        spec: &AccountSpec,
    ) -> Result<(Arc<Account>, Site, Secret), SnapshotError> {
        let proxy = proxy_setting(&spec.proxy, &self.config.proxy)
            .map_err(|why| SnapshotError(format!("{}: {why}", spec.label)))?;
        let site = Site::new(id.shared()).with_proxy(proxy);
        let account = Account {
            activity: self.accounts.activity_with(&id, &spec.secret),
            id,
            label: spec.label.clone(),
            priority: spec.priority,
            weight: spec.weight,
            cooling: self.cooling(&spec.rules),
            room: self.room(&spec.rules),
            // Another way there is another site, as far as being reached goes.
            site: place.upstream.origin().map(|origin| self.accounts.site(&format!("{origin} {:?}", spec.proxy))),
        };
        Ok((Arc::new(account), site, spec.secret.clone()))
    }

    fn cooling(&self, rules: &AccountRules) -> Cooling {
        let off = rules.disable_cooling.unwrap_or(self.config.disable_cooling);
        Cooling { on: !off, transient: self.config.transient_error_cooldown }
    }

    fn room(&self, rules: &AccountRules) -> Room {
        let all = &self.config.concurrency;
        Room { calls: rules.calls.unwrap_or(all.calls), queue: rules.queue.unwrap_or(all.queue) }
    }
}

fn strategy(configured: config::Strategy) -> Strategy {
    match configured {
        config::Strategy::RoundRobin => Strategy::RoundRobin,
        config::Strategy::WeightedRoundRobin => Strategy::WeightedRoundRobin,
        config::Strategy::FillFirst => Strategy::FillFirst,
        config::Strategy::LeastUsed => Strategy::LeastUsed,
        config::Strategy::Latency => Strategy::Latency,
    }
}
