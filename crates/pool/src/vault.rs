//! Where credentials rest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::{AccountId, Credential};

/// Loads, saves and removes credentials. Implementations write atomically, readable by the owner only.
pub trait Vault: Send + Sync + std::fmt::Debug {
    /// All credentials.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn load(&self) -> Result<Vec<(AccountId, Credential)>, VaultError>;

    /// Keeps a credential; it is safe on return.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn save(&self, id: &AccountId, credential: &Credential) -> Result<(), VaultError>;

    /// Forgets a credential.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn remove(&self, id: &AccountId) -> Result<(), VaultError>;
}

/// Why a store did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultError(pub String);

impl std::fmt::Display for VaultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for VaultError {}

/// A vault in memory: the keys that a configuration file holds, which are saved by editing that file.
#[derive(Debug, Default)]
pub struct Keyring {
    credentials: Mutex<HashMap<AccountId, Credential>>,
}

impl Vault for Keyring {
    fn load(&self) -> Result<Vec<(AccountId, Credential)>, VaultError> {
        let credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(credentials.iter().map(|(id, credential)| (id.clone(), credential.clone())).collect())
    }

    fn save(&self, id: &AccountId, credential: &Credential) -> Result<(), VaultError> {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        credentials.insert(id.clone(), credential.clone());
        Ok(())
    }

    fn remove(&self, id: &AccountId) -> Result<(), VaultError> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn what_is_saved_is_loaded_until_removed() {
        let ring = Keyring::default();
        let id = AccountId::new("a");
        let credential = Credential { secret: Secret::new("s"), expires: None };
        ring.save(&id, &credential).unwrap();
        assert_eq!(ring.load().unwrap(), [(id.clone(), credential)]);
        ring.remove(&id).unwrap();
        assert_eq!(ring.load().unwrap(), []);
    }
}
