//! What was last read from a store of accounts. A document that is damaged, or only half written, changes nothing:
//! the account that was read from it before stays until the document is whole again, or gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use pool::{Listed, Secret, Vault};
use upstreams::{AccountFile, FileRead, Kind, Place};

/// Most accounts of one store.
const MOST: usize = 10_000;
/// Looks at a document that is other trouble each time, before it is told that it is not used.
const DOUBTS: u8 = 10;

/// A store under watch.
#[derive(Debug)]
pub struct Shelf {
    vault: Arc<dyn Vault>,
    slots: BTreeMap<String, Slot>,
    /// What was told of the store itself.
    whole: Option<String>,
}

/// What is known of a document.
#[derive(Debug, Default)]
struct Slot {
    mark: Option<u64>,
    /// What was read last, usable or not.
    text: Option<Secret>,
    account: Option<Arc<AccountFile>>,
    /// Why what was read last is not used.
    trouble: Option<String>,
    /// Looks at trouble that may be over in a moment.
    doubts: u8,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Something is wrong; else it is only worth knowing.
    pub is_trouble: bool,
    /// What.
    pub text: String,
}

/// What a look led to.
#[derive(Debug, Default)]
pub struct Looked {
    /// Accounts are others than before.
    pub changed: bool,
    /// There is trouble that may be over in a moment: look again soon.
    pub doubtful: bool,
    /// What is to be told.
    pub remarks: Vec<Remark>,
}

/// A document that is not used as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
    /// The account that was read from it before is still in use.
    pub in_use: bool,
}

/// The accounts of a store, for a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Shelved {
    pub(crate) accounts: Vec<Arc<AccountFile>>,
    pub(crate) unread: Vec<Unread>,
    pub(crate) vault: Option<Arc<dyn Vault>>,
}

impl Shelf {
    /// Nothing is read yet.
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault, slots: BTreeMap::new(), whole: None }
    }

    /// Reads all that has changed. `patient` keeps trouble to itself that is seen for the first time.
    pub fn look(&mut self, patient: bool) -> Looked {
        let mut looked = Looked::default();
        let mut listed = match self.vault.list() {
            Ok(listed) => listed,
            Err(why) => {
                // Nobody knows what is there: all stays as it was.
                self.tell_of_all(Some(why.0), &mut looked);
                return looked;
            }
        };
        let over = listed.len().saturating_sub(MOST);
        listed.truncate(MOST);
        self.tell_of_all((over > 0).then(|| format!("there are {over} more files than are read")), &mut looked);
        self.drop_gone(&listed, &mut looked);
        for document in listed {
            self.look_at(document, patient, &mut looked);
        }
        looked
    }

    /// The accounts now.
    pub fn shelved(&self) -> Shelved {
        let unread = self.slots.iter().filter_map(|(name, slot)| {
            Some(Unread { name: name.clone(), why: slot.trouble.clone()?, in_use: slot.account.is_some() })
        });
        Shelved {
            accounts: self.slots.values().filter_map(|slot| slot.account.clone()).collect(),
            unread: unread.collect(),
            vault: Some(Arc::clone(&self.vault)),
        }
    }

    fn tell_of_all(&mut self, now: Option<String>, looked: &mut Looked) {
        if let Some(why) = now.as_ref().filter(|_| now != self.whole) {
            looked.remarks.push(Remark { is_trouble: true, text: why.clone() });
        }
        self.whole = now;
    }

    fn drop_gone(&mut self, listed: &[Listed], looked: &mut Looked) {
        let there = |name: &str| listed.binary_search_by(|document| document.name.as_str().cmp(name)).is_ok();
        self.slots.retain(|name, slot| {
            let stays = there(name);
            if !stays && slot.account.is_some() {
                looked.changed = true;
                looked.remarks.push(Remark { is_trouble: false, text: format!("{name}: the file is gone") });
            }
            stays
        });
    }

    fn look_at(&mut self, document: Listed, patient: bool, looked: &mut Looked) {
        let Listed { name, mark } = document;
        let slot = self.slots.entry(name.clone()).or_default();
        if mark.is_some() && mark == slot.mark && slot.doubts == 0 {
            return;
        }
        slot.mark = mark;
        let (read, same) = match self.vault.read(&name) {
            // Gone since it was listed: the next look says so.
            Ok(None) => return,
            Ok(Some(text)) => {
                let same = slot.text.as_ref() == Some(&text);
                if same && slot.doubts == 0 {
                    return;
                }
                let read = AccountFile::read(&name, &text);
                slot.text = Some(text);
                (read, same)
            }
            Err(why) => {
                let same = slot.text.take().is_none() && slot.doubts > 0;
                (Err(why.0), same)
            }
        };
        let patient = patient && !same && slot.doubts < DOUBTS;
        slot.take(&name, read, patient, looked);
    }
}

impl Slot {
    fn take(&mut self, name: &str, read: Result<FileRead, String>, patient: bool, looked: &mut Looked) {
        match read {
            Ok(FileRead::Account(account, odd)) => {
                let again = self.trouble.is_some();
                (self.trouble, self.doubts) = (None, 0);
                let known = self.account.as_ref().is_some_and(|known| known.document == account.document);
                if !known {
                    let what = if self.account.is_some() { "read anew" } else { "read" };
                    looked.remarks.push(Remark { is_trouble: false, text: format!("{name}: the account is {what}") });
                    looked.changed = true;
                    self.account = Some(Arc::from(account));
                } else if again {
                    looked.remarks.push(Remark { is_trouble: false, text: format!("{name}: the file is whole again") });
                    looked.changed = true;
                }
                let odd = odd.into_iter().map(|odd| Remark { is_trouble: true, text: format!("{name}: {odd}") });
                looked.remarks.extend(odd.filter(|_| !known));
            }
            Ok(FileRead::Foreign(why)) => {
                looked.changed |= self.account.take().is_some() || self.trouble.is_some();
                self.doubts = 0;
                if self.trouble.as_ref() != Some(&why) {
                    looked.remarks.push(Remark { is_trouble: false, text: format!("{name}: {why}") });
                    looked.changed = true;
                    self.trouble = Some(why);
                }
            }
            Err(_) if patient => {
                self.doubts += 1;
                looked.doubtful = true;
            }
            Err(why) => {
                self.doubts = 0;
                if self.trouble.as_ref() != Some(&why) {
                    let then = if self.account.is_some() { "the account stays as it was" } else { "it is not used" };
                    looked.remarks.push(Remark { is_trouble: true, text: format!("{name}: {why}; {then}") });
                    looked.changed = true;
                    self.trouble = Some(why);
                }
            }
        }
    }
}

impl Shelved {
    /// The places of a kind's accounts.
    pub(crate) fn places<'a>(&'a self, kind: &'static Kind) -> impl Iterator<Item = Place> + 'a {
        let own = self.accounts.iter().filter(move |account| account.kind().id == kind.id);
        own.filter_map(|account| account.place())
    }

    /// The same accounts with nothing that keeps them from what they could serve.
    pub(crate) fn unhindered(&self) -> Self {
        let free = |account: &Arc<AccountFile>| {
            let mut account = AccountFile::clone(account);
            account.settings.disabled = false;
            account.settings.entry.excluded_models.clear();
            Arc::new(account)
        };
        Self { accounts: self.accounts.iter().map(free).collect(), ..self.clone() }
    }

    /// What is not used as it stands, in words.
    pub fn unread(&self) -> impl Iterator<Item = String> + '_ {
        self.unread.iter().map(|Unread { name, why, in_use }| match in_use {
            true => format!("{name}: {why}; the account stays as it was"),
            false => format!("{name}: {why}"),
        })
    }

    /// How many accounts there are.
    pub fn count(&self) -> usize {
        self.accounts.len()
    }
}

#[cfg(test)]
mod tests;
