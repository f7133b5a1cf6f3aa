//! Accounts: credentials, the vault they rest in, strategies and leases.
