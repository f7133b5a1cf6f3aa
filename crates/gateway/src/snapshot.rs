//! What the configuration decides, made ready for requests: accounts, model names, client keys.

use std::fmt;
use std::sync::Arc;

use config::Config;
use dialect::ModelTraits;
use pool::{Account, AccountId, Accounts, Candidate, RoundRobin, Secret, Strategy};
use transport::{Deadlines, Site};
use upstreams::{AccountSpec, KINDS, Place, Upstream};

use crate::admit::KeyTable;
use crate::channels;
use crate::faults::proxy_setting;
use crate::glob::glob;
use crate::names::{Collector, Names, is_excluded};

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

/// Where a model name leads.
#[derive(Debug)]
pub(crate) struct ModelRoute {
    /// Who may answer, dearest priority first.
    pub(crate) seats: Vec<Arc<Seat>>,
    /// The same seats as a strategy sees them, one run of equal priority after the other.
    pub(crate) tiers: Vec<Tier>,
    /// How one is chosen.
    pub(crate) strategy: Box<dyn Strategy>,
    /// Extra rounds after the first.
    pub(crate) retries: u32,
}

impl ModelRoute {
    pub(crate) fn new(mut seats: Vec<Arc<Seat>>, retries: u32) -> Self {
        seats.sort_by_key(|seat| std::cmp::Reverse(seat.account.priority));
        let mut tiers = Vec::new();
        for run in seats.chunk_by(|a, b| a.account.priority == b.account.priority) {
            let first = tiers.last().map_or(0, Tier::end);
            let candidates = run.iter().map(|seat| Candidate { account: Arc::clone(&seat.account) }).collect();
            tiers.push(Tier { first, candidates });
        }
        Self { seats, tiers, strategy: Box::new(RoundRobin::default()), retries }
    }

    /// The same with some of the seats; `None` when none is left.
    pub(crate) fn narrowed(&self, keep: impl Fn(&Seat) -> bool) -> Option<Self> {
        let seats: Vec<_> = self.seats.iter().filter(|seat| keep(seat)).map(Arc::clone).collect();
        (!seats.is_empty()).then(|| Self::new(seats, self.retries))
    }
}

/// Seats of one priority, made ready so that no request has to go through all of them.
#[derive(Debug)]
pub(crate) struct Tier {
    /// The place of the first among all seats of the route.
    pub(crate) first: usize,
    /// The candidates, in the order of the seats.
    pub(crate) candidates: Vec<Candidate>,
}

impl Tier {
    /// The place after the last one.
    pub(crate) fn end(&self) -> usize {
        self.first + self.candidates.len()
    }
}

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
    prefix: Option<String>,
    model: String,
    traits: Arc<ModelTraits>,
}

impl Seat {
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
        !self.model.is_empty() && self.model == self.bare(name)
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
}

impl Snapshot {
    /// Builds the view. Accounts keep what they have learned.
    pub(crate) fn build(config: Config, accounts: &Accounts) -> Result<Self, SnapshotError> {
        let mut builder = Builder { config: &config, accounts, names: Collector::new(config.force_model_prefix) };
        for kind in KINDS {
            for place in (kind.build)(&config) {
                builder.place(&place)?;
            }
        }
        let names = builder.names.finish(Vec::new());
        Ok(Self {
            keys: KeyTable::new(&config.client_keys),
            deadlines: Deadlines {
                connect: config.deadlines.connect,
                first_byte: config.deadlines.first_byte,
                idle: config.deadlines.idle,
            },
            names,
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
}

impl Builder<'_> {
    fn place(&mut self, place: &Place) -> Result<(), SnapshotError> {
        let retries = place.request_retry.unwrap_or(self.config.request_retry);
        let providers = self.names.providers.enter(place);
        let models = channels::apply(place, self.config);
        for spec in &place.accounts {
            let (account, site, secret) = self.account(spec)?;
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
                    prefix: place.prefix.clone(),
                    model: if is_pattern { String::new() } else { model.name.clone() },
                    traits: Arc::clone(&model.traits),
                });
                self.names.add(place, model, &seat, retries);
            }
        }
        Ok(())
    }

    fn account(&self, spec: &AccountSpec) -> Result<(Arc<Account>, Site, Secret), SnapshotError> {
        let id = AccountId::new(&spec.id);
        let proxy = proxy_setting(&spec.proxy, &self.config.proxy)
            .map_err(|why| SnapshotError(format!("{}: {why}", spec.label)))?;
        let site = Site::new(id.shared()).with_proxy(proxy);
        let activity = self.accounts.activity(&id);
        let account = Account { id, label: spec.label.clone(), priority: spec.priority, weight: spec.weight, activity };
        Ok((Arc::new(account), site, spec.secret.clone()))
    }
}
