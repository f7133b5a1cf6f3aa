//! Where accounts rest: documents under names, whatever is in them.

use std::fmt;

use crate::Secret;

/// A store of documents. Its calls may wait for a disk or a network, so they are made beside the workers.
pub trait Vault: Send + Sync + fmt::Debug {
    /// All documents.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(&self) -> Result<Vec<Listed>, VaultError>;

    /// A document; `None` when there is none of the name.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, name: &str) -> Result<Option<Secret>, VaultError>;

    /// Keeps a document, readable by the owner only. Whoever reads meanwhile sees the old or the new one; on return it
    /// is safe.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save(&self, name: &str, text: &Secret) -> Result<(), VaultError>;

    /// The right to change a document, which one process has at a time and gives back by dropping it; `None` while
    /// another has it.
    ///
    /// # Errors
    /// When the store cannot tell.
    fn hold(&self, name: &str) -> Result<Option<Box<dyn Send>>, VaultError>;
}

/// A document that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Another one after a change. `None` where a change could have been missed: then it is read to be sure.
    pub mark: Option<u64>,
}

/// Why a store did not work. Nothing of what it holds is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError(pub String);

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for VaultError {}
