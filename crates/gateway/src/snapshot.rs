//! What the configuration decides, made ready for requests: accounts, model names, client keys.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use config::{AccountRules, Config};
use hub::Prompt;
use pool::{Account, AccountId, Accounts, Cooling, Room, Secret, Strategy, Vault};
use transport::{Deadlines, Site};
use upstreams::{AccountSpec, KINDS, Model, Place};

use crate::adjust;
use crate::admit::KeyTable;
use crate::allowance::Meters;
use crate::channels;
use crate::checkup::{self, Checkup};
use crate::fallback::Chains;
use crate::faults::proxy_setting;
use crate::files::{Purse, Purses, Shelved};
use crate::lists::{Learner, Lists, Menus};
use crate::names::{Collector, Names, is_excluded};
use crate::payload::AllRules;
use crate::quota::Gauged;
use crate::seats::{Guard, Member, Offer, Roster, Stretch};

/// An immutable view of the configuration.
pub struct Snapshot {
    /// The configuration, without the entries of places: accounts and names are what has become of them.
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
    /// Who is checked, and what it is asked then.
    pub(crate) checkups: Vec<Checkup>,
    /// Those whose models their own lists tell.
    pub(crate) learners: Vec<Learner>,
    /// Those whose places tell what is left of their credit.
    pub(crate) gauged: Vec<Gauged>,
    /// Those whose credentials are made anew, and how they are reached.
    pub(crate) purses: Vec<(Arc<Purse>, Site)>,
    /// The account files that it was made of.
    pub(crate) shelved: Arc<Shelved>,
}

/// What lives longer than a snapshot, and what it is made of besides the configuration.
pub(crate) struct Sources<'a> {
    pub(crate) accounts: &'a Accounts,
    pub(crate) meters: &'a Meters,
    pub(crate) lists: &'a Lists,
    pub(crate) purses: &'a Purses,
    pub(crate) shelved: &'a Arc<Shelved>,
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

impl Snapshot {
    /// Builds the view. Accounts keep what they have learned.
    pub(crate) fn build(
        mut config: Config,
        Sources { accounts, meters, lists, purses, shelved }: Sources<'_>,
    ) -> Result<Self, SnapshotError> {
        let prompt = config.system_prompt.as_ref().map(adjust::prompt).transpose().map_err(SnapshotError)?;
        let names = Collector::new(config.force_model_prefix, strategy(config.routing.strategy));
        let mut builder = Builder {
            config: &config,
            accounts,
            lists: config.model_refresh.map(|_| lists),
            names,
            members: Vec::new(),
            learners: Vec::new(),
            ids: Ids::default(),
            checkups: Vec::new(),
            purses,
            held: Vec::new(),
            vault: shelved.vault.as_ref(),
        };
        for place in places(&config, shelved) {
            builder.place(&place)?;
        }
        let (keys, reaches) = KeyTable::new(&config.client_keys, &builder.names.providers, meters);
        checkup::look_at_kinds(&config, &builder.names.providers);
        let Builder { names, members, learners, checkups, held, .. } = builder;
        let accounts = members.iter().map(|member| Arc::clone(&member.account)).collect();
        let told = members.iter().filter(|_| config.quota_reading.is_some());
        let gauged = told.filter_map(Gauged::of).collect();
        let names = names.finish(Roster::new(members), Chains::new(&config), reaches, &AllRules::new(&config.payload));
        config.drop_places();
        Ok(Self {
            keys,
            deadlines: Deadlines {
                connect: config.deadlines.connect,
                first_byte: Some(config.deadlines.first_byte),
                idle: config.deadlines.idle,
            },
            names,
            prompt: prompt.map(Arc::new),
            accounts,
            checkups,
            learners,
            gauged,
            purses: held,
            shelved: Arc::clone(shelved),
            config,
        })
    }

    /// How many names can be called.
    pub fn model_count(&self) -> usize {
        self.names.count()
    }
}

/// Makes members of accounts, and seats of what they serve.
struct Builder<'a> {
    config: &'a Config,
    accounts: &'a Accounts,
    lists: Option<&'a Lists>,
    names: Collector,
    members: Vec<Member>,
    learners: Vec<Learner>,
    ids: Ids,
    checkups: Vec<Checkup>,
    purses: &'a Purses,
    /// Those that were given out.
    held: Vec<(Arc<Purse>, Site)>,
    vault: Option<&'a Arc<dyn Vault>>,
}

/// All places: those of the configuration, then those of account files, kind by kind.
pub(crate) fn places(config: &Config, shelved: &Shelved) -> impl Iterator<Item = Place> {
    KINDS.iter().flat_map(move |kind| (kind.build)(config).into_iter().chain(shelved.places(kind)))
}

/// Gives accounts their own ids, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// How often each was seen.
    seen: HashMap<String, u32>,
}

impl Ids {
    /// The account's own id; a further account that would have the same is counted.
    pub(crate) fn of(&mut self, spec: &AccountSpec) -> AccountId {
        let seen = self.seen.entry(spec.id.clone()).or_insert(0);
        *seen += 1;
        if *seen == 1 { AccountId::new(&spec.id) } else { AccountId::new(&format!("{}-{seen}", spec.id)) }
    }
}

impl Builder<'_> {
    fn place(&mut self, place: &Place) -> Result<(), SnapshotError> {
        let menus = Menus::new(place, self.lists);
        let sets: Vec<_> = menus.sets(place).map(|models| self.served(place, models)).collect();
        let refused = channels::refused(place, self.config);
        let providers = self.names.providers.enter(place);
        // Neighbours that serve the same are one stretch.
        let specs: Vec<_> = place.accounts.iter().enumerate().map(|(at, spec)| (menus.set_of(at), spec)).collect();
        let weighs = self.config.routing.strategy == config::Strategy::WeightedRoundRobin;
        let takes_turns = |spec: &AccountSpec| !weighs || spec.weight > 0;
        let alike = |a: &AccountSpec, b: &AccountSpec| a.excluded == b.excluded && takes_turns(a) == takes_turns(b);
        for specs in specs.chunk_by(|(set, a), (other, b)| set == other && alike(a, b)) {
            let from = self.next();
            let (set, first) = specs[0];
            let (models, offers) = &sets[set];
            let excluded = [&first.excluded[..], &refused].concat();
            let guard = self.names.alike.guard(Guard { prefix: place.prefix.clone(), excluded });
            for (_, spec) in specs {
                let member = self.member(place, spec, &guard, &providers)?;
                self.checkups.extend(Checkup::of(self.config, &self.names.providers, spec, models, &member));
                self.learners.extend(self.lists.and_then(|_| Learner::of(place, spec, &member.site)));
                self.members.push(member);
            }
            let members = from..self.next();
            let has = |model: &Model| takes_turns(first) && !is_excluded(model, &first.excluded);
            let served = models.iter().zip(offers).filter(|(model, _)| has(model));
            for (model, offer) in served {
                self.names.add(place, model, &Stretch { members: members.clone(), offer: Arc::clone(offer) });
            }
        }
        Ok(())
    }

    /// Models of a place after what the configuration says of them, and what its accounts are asked for.
    fn served<'b>(&mut self, place: &Place, models: &'b [Model]) -> (Vec<Cow<'b, Model>>, Vec<Arc<Offer>>) {
        let models = channels::apply(place, models, self.config);
        let offers = models.iter().map(|model| self.names.alike.offer(Offer::new(model, &*place.upstream)));
        let offers = offers.collect();
        (models, offers)
    }

    fn next(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    fn member(
        &mut self,
        place: &Place,
        spec: &AccountSpec,
        guard: &Arc<Guard>,
        providers: &Arc<[u32]>,
    ) -> Result<Member, SnapshotError> {
        let id = self.ids.of(spec);
        let (account, site, secret) = self.account(id, place, spec)?;
        let purse = spec.renewable.as_ref().map(|it| self.purses.of(&account.id, it, self.vault));
        self.held.extend(purse.iter().map(|purse| (Arc::clone(purse), site.clone())));
        Ok(Member {
            account,
            secret,
            purse,
            upstream: Arc::clone(&place.upstream),
            site,
            providers: Arc::clone(providers),
            errors: channels::errors(place, &spec.rules.errors, self.config),
            retries: place.request_retry.unwrap_or(self.config.request_retry),
            guard: Arc::clone(guard),
        })
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
            activity: self.accounts.activity_with(&id, spec.renewable.as_ref().map_or(&spec.secret, |it| &it.print)),
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
