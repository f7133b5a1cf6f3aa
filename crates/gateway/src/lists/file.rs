//! The file in which lists outlive the process. A file that cannot be read costs nothing but asking again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use upstreams::Learned;

use super::{Known, ListId};

/// The file, in the folder of accounts. Not `.json`: those are accounts.
pub(super) const NAME: &str = "bosporus.models";
/// Of its form. Another version is passed over.
const VERSION: u32 = 1;
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 32 << 20;

#[derive(Serialize, Deserialize)]
struct Saved<M> {
    version: u32,
    lists: Vec<SavedList<M>>,
}

/// A list, and whose it is: many keys may get the same.
#[derive(Serialize, Deserialize)]
struct SavedList<M> {
    of: Vec<Owner>,
    models: M,
}

#[derive(Serialize, Deserialize)]
struct Owner {
    /// [`ListId`] in hexadecimal digits.
    id: String,
    /// Seconds since 1970.
    at: u64,
}

pub(super) fn read(path: &Path, now: SystemTime) -> HashMap<ListId, Known> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_FILE) {
        return HashMap::new();
    }
    let Ok(text) = std::fs::read(path) else { return HashMap::new() };
    match serde_json::from_slice::<Saved<Vec<Learned>>>(&text) {
        Ok(saved) if saved.version == VERSION => taken(saved, now),
        Ok(_) | Err(_) => {
            tracing::warn!(target: "models", "the saved lists of models cannot be read; they are asked for again");
            HashMap::new()
        }
    }
}

fn taken(saved: Saved<Vec<Learned>>, now: SystemTime) -> HashMap<ListId, Known> {
    let mut lists = HashMap::new();
    for list in saved.lists {
        let models: Arc<[Learned]> = list.models.into();
        for owner in list.of {
            // A clock that was wrong must not put off asking for ever.
            let at = UNIX_EPOCH.checked_add(Duration::from_secs(owner.at)).unwrap_or(UNIX_EPOCH).min(now);
            if let Some(id) = id_of(&owner.id) {
                lists.insert(id, Known { models: Arc::clone(&models), at });
            }
        }
    }
    lists
}

/// The file's text.
pub(super) fn text(lists: &HashMap<ListId, Known>) -> Option<String> {
    let mut saved: Vec<SavedList<&[Learned]>> = Vec::new();
    let mut ids: Vec<_> = lists.iter().collect();
    ids.sort_unstable_by_key(|(id, _)| **id);
    for (id, known) in ids {
        let at = known.at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let owner = Owner { id: id.0.iter().map(|byte| format!("{byte:02x}")).collect(), at };
        match saved.iter_mut().find(|list| std::ptr::eq(list.models, &*known.models)) {
            Some(list) => list.of.push(owner),
            None => saved.push(SavedList { of: vec![owner], models: &known.models }),
        }
    }
    serde_json::to_string(&Saved { version: VERSION, lists: saved }).ok()
}

fn id_of(text: &str) -> Option<ListId> {
    let mut id = [0; 16];
    if text.len() != 2 * id.len() {
        return None;
    }
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(ListId(id))
}
