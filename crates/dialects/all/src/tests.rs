//! The registry's own laws, and the golden matrix: client by wire by case, losses included.
//!
//! Every pair of two dialects must have looked at every case: an input or a golden file that is missing fails.

mod matrix;
mod registry;
mod rounds;
