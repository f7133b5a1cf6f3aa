//! The credential of an account that is made anew again and again. It outlives snapshots, so that a reload asks nobody
//! for another one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use hub::{Blame, Fault, FaultKind};
use pool::{AccountId, Authority, Document, Secret, Token, Vault};
use tokio::sync::Notify;
use tokio::time::timeout;
use transport::tasks::Tasks;
use transport::{Client, Site};
use upstreams::Renewable;

use super::renew::{Cause, renew};

/// How long a request waits for a credential.
const PATIENCE: Duration = Duration::from_secs(45);
/// For renewals under way when the program ends.
const FAREWELL: Duration = Duration::from_secs(10);

/// The credential of an account, and what makes the next one.
#[derive(Debug)]
pub(crate) struct Purse {
    pub(crate) id: AccountId,
    pub(super) token: Token,
    pub(super) authority: &'static dyn Authority,
    pub(super) vault: Option<Arc<dyn Vault>>,
    print: Secret,
    document: Mutex<Document>,
    desk: Arc<Desk>,
}

/// All purses, and who owns the renewals under way.
#[derive(Debug, Default)]
pub(crate) struct Purses {
    known: Mutex<HashMap<AccountId, Weak<Purse>>>,
    desk: Arc<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    tasks: Tasks,
    /// Told of each new credential.
    changed: Notify,
}

impl Purses {
    /// The purse of an account: the one that it has, while the same thing opens it.
    pub(crate) fn of(&self, id: &AccountId, renewable: &Renewable, vault: Option<&Arc<dyn Vault>>) -> Arc<Purse> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |purse: &Arc<Purse>| purse.print == renewable.print && same_vault(purse.vault.as_ref(), vault);
        if let Some(purse) = known.get(id).and_then(Weak::upgrade).filter(same) {
            purse.take_document(&renewable.document);
            return purse;
        }
        let purse = Arc::new(Purse {
            id: id.clone(),
            token: Token::new(renewable.authority.at_hand(&renewable.document)),
            authority: renewable.authority,
            vault: vault.cloned(),
            print: renewable.print.clone(),
            document: Mutex::new(renewable.document.clone()),
            desk: Arc::clone(&self.desk),
        });
        known.retain(|_, purse| purse.strong_count() > 0);
        known.insert(id.clone(), Arc::downgrade(&purse));
        self.desk.changed.notify_one();
        purse
    }

    /// Waits for a new credential, or an account of another one. One waits at a time.
    pub(super) async fn changed(&self) {
        self.desk.changed.notified().await;
    }

    /// Waits for renewals under way, so that none is lost.
    pub(crate) async fn finish(&self) {
        // What takes longer ends with its runtime.
        _ = timeout(FAREWELL, self.desk.tasks.idle()).await;
    }
}

fn same_vault(one: Option<&Arc<dyn Vault>>, other: Option<&Arc<dyn Vault>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl Purse {
    /// The credential. One that is at hand costs a short lock; else all that ask wait for one renewal, which goes on
    /// when they hang up.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn secret(self: &Arc<Self>, client: &Client, site: &Site) -> Result<Secret, Fault> {
        if let Some(at_hand) = self.token.at_hand(SystemTime::now()) {
            return at_hand;
        }
        match timeout(PATIENCE, self.renewed(Cause::Needed, client, site)).await {
            Ok(Some(renewal)) => renewal,
            Ok(None) => Err(of_account(FaultKind::Unavailable, "the gateway is about to end")),
            Err(_) => {
                Err(of_account(FaultKind::UpstreamTimeout, "the account's credential could not be renewed in time"))
            }
        }
    }

    /// A renewal, if none is under way.
    pub(super) async fn renewed(self: &Arc<Self>, cause: Cause, client: &Client, site: &Site) -> Option<pool::Renewal> {
        let start = |lead: pool::Renewing| {
            let (purse, client, site) = (Arc::clone(self), client.clone(), site.clone());
            self.desk.tasks.spawn(async move {
                let renewal = renew(&purse, cause, &client, &site).await;
                lead.land(renewal);
                purse.desk.changed.notify_one();
            });
        };
        self.token.renewed(start).await
    }

    /// The upstream has refused a credential that was not at its end.
    pub(crate) fn reject(&self, refused: &Secret) {
        self.token.reject(refused);
    }

    /// Somebody believes that the account is well again; whether that was in doubt.
    pub(crate) fn revive(&self) -> bool {
        self.token.revive()
    }

    /// Why there will be no credential until the document changes.
    pub(crate) fn ended(&self) -> Option<Fault> {
        self.token.ended()
    }

    /// The newest document that is known.
    pub(super) fn document(&self) -> Document {
        self.lock().clone()
    }

    /// Takes over what the store holds; whether that is something new. A renewal of ours that came back by the watch is
    /// not.
    pub(super) fn take_document(&self, document: &Document) -> bool {
        {
            let mut held = self.lock();
            if *held == *document {
                return false;
            }
            *held = document.clone();
        }
        self.token.revive();
        if let Some(credential) = self.authority.at_hand(document) {
            self.token.put(credential);
        }
        true
    }

    /// Keeps what a renewal has made of the document.
    pub(super) fn keep_document(&self, text: &Secret) {
        self.lock().text = text.clone();
    }

    /// When it is renewed without anybody waiting for it; never where nobody uses it and nothing is lost by that.
    pub(super) fn due(&self) -> Option<SystemTime> {
        let (end, used) = self.token.end_of_use()?;
        let wanted = used || self.authority.rewrites();
        let lead = self.authority.lead().mul_f64(1.0 + self.share() / 2.0);
        wanted.then(|| end.checked_sub(lead).unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// A number in `0.0..1.0` that is the account's own, so that not all are renewed at once.
    fn share(&self) -> f64 {
        let mut hasher = DefaultHasher::new();
        self.id.hash(&mut hasher);
        f64::from(u16::try_from(hasher.finish() >> 48).unwrap_or_default()) / f64::from(u16::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Document> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault of the account's own: another one may do better.
pub(super) fn of_account(kind: FaultKind, message: &'static str) -> Fault {
    Fault { blame: Blame::Account, ..Fault::new(kind, message) }
}
