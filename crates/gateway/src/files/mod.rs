//! Accounts that come from files: the folder that they are in, what was last read from it, and the credentials that are
//! made of them. It knows no kind of account; those are the registry's.

mod folder;
mod purse;
mod renew;
mod shelf;

pub use folder::Folder;
pub(crate) use purse::{Purse, Purses};
pub(crate) use renew::keep;
pub use shelf::{Remark, Shelf, Shelved, Unread};

/// The types of account files that are served.
pub fn account_types() -> impl Iterator<Item = &'static str> {
    upstreams::KINDS.iter().filter_map(|kind| kind.files).flat_map(|files| files.types).copied()
}
