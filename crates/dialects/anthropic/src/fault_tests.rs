//! Errors, read and written.
