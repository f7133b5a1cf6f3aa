//! Accounts that do not serve a model and would, if something did not keep them from it. Found by lifting what does:
//! the key's limits, the named provider, exclusions, `disabled`, weights of 0; whoever comes in with one of them was out
//! because of it. So the rules stand in one place, where they decide.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use config::Config;
use pool::{Account, AccountId, Accounts};

use super::told::{Hindrance, LeftOut};
use crate::allowance::Meters;
use crate::app::App;
use crate::channels;
use crate::files::{Purses, Shelved};
use crate::glob::glob;
use crate::scope::Scope;
use crate::seats::{Seat, Seats};
use crate::snapshot::{Ids, Snapshot, Sources, places};

/// Accounts that are told of one by one.
const SHOWN: usize = 1000;

/// Who is left out, and how many accounts do not have the model at all.
pub(super) fn all(
    app: &App,
    snapshot: &Snapshot,
    (scope, model): (Scope, &str),
    here: Option<&Seats>,
) -> (Vec<LeftOut>, usize) {
    let mut search = Search::default();
    here.into_iter().flat_map(Seats::iter).for_each(|seat| _ = search.known.insert(seat.account.id.clone()));
    for (scope, why) in
        [(scope.of_anybody(), Hindrance::Key), (scope.of_anybody().of_every_provider(), Hindrance::Provider)]
    {
        let route = snapshot.names.resolve(scope, model);
        search.add(route.as_ref().map(|route| &route.seats), |_| why.clone());
    }
    if let Some(config) = app.management.source.read() {
        search.add_hindered(app, snapshot, &config, model);
    }
    let has = |account: &&Arc<Account>| !search.known.contains(&account.id);
    let elsewhere = snapshot.accounts.iter().filter(has).count();
    search.found.truncate(SHOWN);
    (search.found, elsewhere)
}

#[derive(Default)]
struct Search {
    /// Accounts that something was said of.
    known: BTreeSet<AccountId>,
    found: Vec<LeftOut>,
}

impl Search {
    fn add(&mut self, seats: Option<&Seats>, why: impl Fn(Seat<'_>) -> Hindrance) {
        for seat in seats.into_iter().flat_map(Seats::iter) {
            if self.known.insert(seat.account.id.clone()) {
                self.found.push(LeftOut {
                    account: seat.account.id.as_str().to_owned(),
                    label: seat.account.label.clone(),
                    kind: seat.upstream.kind().to_owned(),
                    why: why(seat),
                });
            }
        }
    }

    /// Those who come in when nothing is excluded and nobody disabled. What is built for that shares
    /// nothing with what serves but the lists of models that were learned.
    fn add_hindered(&mut self, app: &App, snapshot: &Snapshot, config: &Config, model: &str) {
        let (accounts, meters) = (Accounts::default(), Meters::default());
        let (purses, shelved) = (Purses::default(), Arc::new(snapshot.shelved.unhindered()));
        let sources =
            Sources { accounts: &accounts, meters: &meters, lists: &app.lists, purses: &purses, shelved: &shelved };
        let Ok(free) = Snapshot::build(config.unhindered(), sources) else { return };
        let route = free.names.resolve(Scope::default(), model);
        let (patterns, enabled) = (patterns(config, &snapshot.shelved), ids(snapshot));
        let weightless = weightless(snapshot);
        self.add(route.as_ref().map(|route| &route.seats), |seat| match patterns.get(&seat.account.id) {
            _ if weightless.contains(&seat.account.id) => Hindrance::Weight,
            Some(patterns) if enabled.contains(&seat.account.id) => {
                let names = [seat.guard.bare(model), seat.upstream_model(model)];
                let pattern = patterns.iter().find(|pattern| names.iter().any(|name| glob(pattern, name)));
                Hindrance::Excluded { pattern: pattern.cloned() }
            }
            _ => Hindrance::Disabled,
        });
    }
}

fn ids(snapshot: &Snapshot) -> BTreeSet<AccountId> {
    snapshot.accounts.iter().map(|account| account.id.clone()).collect()
}

/// Those that get no turns.
fn weightless(snapshot: &Snapshot) -> BTreeSet<AccountId> {
    if snapshot.config.routing.strategy != config::Strategy::WeightedRoundRobin {
        return BTreeSet::new();
    }
    let without = |account: &&Arc<Account>| account.weight == 0;
    snapshot.accounts.iter().filter(without).map(|account| account.id.clone()).collect()
}

/// What each account must not serve.
fn patterns(config: &Config, shelved: &Shelved) -> HashMap<AccountId, Vec<String>> {
    let mut ids = Ids::default();
    let mut all = HashMap::new();
    for place in places(config, shelved) {
        let common = channels::excluded(&place, config);
        for spec in &place.accounts {
            all.insert(ids.of(spec), [&common[..], &spec.excluded].concat());
        }
    }
    all
}
