//! Accounts that come from files: the folder that they are in, what was last read from it, and the credentials that are
//! made of them. It knows no kind of account; those are the registry's.

mod folder;
mod purse;
mod renew;
mod shelf;

use pool::Secret;
use upstreams::{AccountFile, FileRead};

pub use folder::Folder;
pub(crate) use purse::{Purse, Purses};
pub(crate) use renew::keep;
pub use shelf::{Remark, Shelf, Shelved, Unread};

/// Looks whether a text could be used as an account file.
///
/// # Errors
/// Why not. Nothing of what it holds is in the message.
pub fn check_account(name: &str, text: &str) -> Result<(), String> {
    match AccountFile::read(name, &Secret::new(text))? {
        FileRead::Account(..) => Ok(()),
        FileRead::Foreign(why) => Err(why),
    }
}

/// The types of account files that are served.
pub fn account_types() -> impl Iterator<Item = &'static str> {
    upstreams::KINDS.iter().filter_map(|kind| kind.files).flat_map(|files| files.types).copied()
}
