//! What lives as long as the process: the current snapshot, what accounts have learned, and the cap on requests.

use std::sync::{Arc, Mutex, PoisonError};

use config::Config;
use pool::{Accounts, Affinity};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use transport::{Cap, Client};

use crate::allowance::Meters;
use crate::changes::Changes;
use crate::checkup::Journal;
use crate::current::{Current, Turn};
use crate::files::{Purses, Shelved};
use crate::hedge::Hedges;
use crate::kept::Store;
use crate::lacking::Lacking;
use crate::lists::Lists;
use crate::management::{Management, Order};
use crate::proofs::Proofs;
use crate::routes::Routes;
use crate::snapshot::{Snapshot, SnapshotError, Sources};
use crate::turns::Turns;

/// The process-wide state. Shared by all workers; nothing in it is locked across an await.
#[derive(Debug)]
pub struct App {
    /// The snapshot in force, and the configuration as it came, where lists of models may make another of it.
    current: Current<Snapshot, Option<Config>>,
    pub(crate) accounts: Accounts,
    /// What limited client keys have used.
    meters: Meters,
    /// Which account conversations were with.
    pub(crate) affinity: Affinity,
    in_flight: Cap,
    pub(crate) routes: Routes,
    /// Answers that later requests may name.
    pub(crate) kept: Store,
    /// What clients lose of answers and would have to send back.
    pub(crate) proofs: Proofs,
    /// Who gave the marks of turns.
    pub(crate) turns: Turns,
    /// Second accounts for slow requests.
    pub(crate) hedges: Hedges,
    /// Told of each new snapshot.
    reloads: Notify,
    /// Told when the folder of accounts is another one.
    moves: Notify,
    pub(crate) management: Management,
    /// When accounts were checked.
    pub(crate) checks: Journal,
    /// What upstreams' own lists of models told.
    pub(crate) lists: Lists,
    /// Which places lack which calls.
    pub(crate) lacking: Lacking,
    /// Credentials that are made anew.
    pub(crate) purses: Purses,
    /// The account files that the next snapshot is made of.
    shelved: Mutex<Arc<Shelved>>,
}

impl App {
    /// Builds the state from a checked configuration.
    ///
    /// # Errors
    /// When a place cannot be built from it.
    pub fn new(config: Config) -> Result<Self, SnapshotError> {
        Self::with_lists(config, Lists::default())
    }

    /// The same, with the upstreams' lists of models as an earlier run knew them.
    ///
    /// # Errors
    /// When a place cannot be built from it.
    pub fn with_lists(config: Config, lists: Lists) -> Result<Self, SnapshotError> {
        Self::with_files(config, lists, Shelved::default())
    }

    /// The same, with accounts that come from files.
    ///
    /// # Errors
    /// When a place cannot be built from it.
    pub fn with_files(config: Config, lists: Lists, shelved: Shelved) -> Result<Self, SnapshotError> {
        let accounts = Accounts::default();
        let in_flight = Cap::new(config.limits.in_flight);
        let meters = Meters::default();
        let origin = kept(&config);
        let (purses, shelved) = (Purses::default(), Arc::new(shelved));
        let sources =
            Sources { accounts: &accounts, meters: &meters, lists: &lists, purses: &purses, shelved: &shelved };
        let snapshot = Snapshot::build(config, sources)?;
        Ok(Self {
            current: Current::new(snapshot, origin),
            accounts,
            meters,
            affinity: Affinity::default(),
            in_flight,
            routes: Routes::new(),
            kept: Store::default(),
            proofs: Proofs::default(),
            turns: Turns::default(),
            hedges: Hedges::default(),
            reloads: Notify::new(),
            moves: Notify::new(),
            management: Management::default(),
            checks: Journal::default(),
            lists,
            lacking: Lacking::default(),
            purses,
            shelved: Mutex::new(shelved),
        })
    }

    /// Swaps the configuration and tells what changed. Requests under way finish on the old one.
    ///
    /// # Errors
    /// When a place cannot be built from it; the old one stays.
    pub fn reload(&self, config: Config) -> Result<Changes, SnapshotError> {
        let mut turn = self.current.turn();
        let kept = kept(&config);
        let changes = self.swap(&turn, config)?;
        *turn.source = kept;
        self.lists.look_again();
        Ok(changes)
    }

    /// The same for a configuration that is still the same, after lists of models have changed.
    pub(crate) fn relearn(&self) -> Result<Changes, SnapshotError> {
        let turn = self.current.turn();
        turn.source.clone().map_or(Ok(Changes::default()), |config| self.swap(&turn, config))
    }

    fn swap(&self, turn: &Turn<'_, Snapshot, Option<Config>>, config: Config) -> Result<Changes, SnapshotError> {
        let shelved = Arc::clone(&self.shelved.lock().unwrap_or_else(PoisonError::into_inner));
        let (accounts, meters) = (&self.accounts, &self.meters);
        let sources = Sources { accounts, meters, lists: &self.lists, purses: &self.purses, shelved: &shelved };
        let mut snapshot = Snapshot::build(config, sources)?;
        snapshot.names.scatter();
        let snapshot = Arc::new(snapshot);
        let old = turn.put(Arc::clone(&snapshot));
        self.in_flight.resize(snapshot.config.limits.in_flight);
        self.accounts.prune();
        self.reloads.notify_one();
        if old.config.auth_dir != snapshot.config.auth_dir {
            self.moves.notify_one();
        }
        Ok(Changes::between(&old, &snapshot))
    }

    /// Waits until the folder of accounts is another one. One waits at a time.
    pub(crate) async fn moved(&self) {
        self.moves.notified().await;
    }

    /// Takes other account files, for the next reload.
    pub fn shelve(&self, shelved: Shelved) {
        *self.shelved.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shelved);
    }

    /// Waits for renewals of credentials under way, so that the end of the program loses none.
    pub async fn finish_renewals(&self) {
        self.purses.finish().await;
    }

    /// Waits for the next new snapshot, or the last one that nobody has waited for. One waits at a time.
    pub(crate) async fn reloaded(&self) {
        self.reloads.notified().await;
    }

    /// The current snapshot. A request loads it once and uses only that.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load()
    }

    /// Tells where the configuration in force can be read again, for explanations. The first one stays.
    pub fn explain_by(&self, source: impl Fn() -> Option<Config> + Send + Sync + 'static) {
        self.management.source.set(Box::new(source));
    }

    /// What management asks of the program from now on, for the one who carries it out; a second one gets nothing.
    pub fn orders(&self) -> mpsc::Receiver<Order> {
        self.management.orders.receive()
    }

    /// Takes up the monthly counts of client keys that an earlier run wrote down, and tells how many lines made no sense.
    pub fn restore_key_use(&self, text: &str) -> usize {
        self.meters.months.restore(text)
    }

    /// The monthly counts of client keys, to be written down; `None` when nothing has changed since the last time and
    /// what was written then is not `lost`, or when there are none.
    pub fn key_use_to_keep(&self, lost: bool) -> Option<String> {
        self.meters.months.to_keep(std::time::SystemTime::now(), lost)
    }

    /// A place for one more request; `None` when the gateway is full.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.in_flight.try_acquire()
    }
}

/// The configuration with its places, which a snapshot drops, where some account's models are learned.
fn kept(config: &Config) -> Option<Config> {
    config.learns_models().then(|| config.clone())
}

/// One worker thread's share: the state and its own upstream connections.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(crate) app: Arc<App>,
    pub(crate) client: Client,
}

impl Worker {
    /// A worker.
    pub fn new(app: Arc<App>, client: Client) -> Self {
        Self { app, client }
    }
}
