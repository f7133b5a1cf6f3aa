//! The names that this crate writes and compares.

use dialect::NameRule;
use hub::DialectId;

/// This dialect.
pub(crate) const ID: DialectId = DialectId("anthropic");
/// The vendor of this dialect's own thinking proofs.
pub(crate) const VENDOR: &str = "anthropic";
/// A proof of shown thinking.
pub(crate) const SIGNATURE: &str = "signature";
/// Thinking that the vendor hides.
pub(crate) const REDACTED: &str = "redacted";

/// Tool names on this wire: 1 to 128 of `a-zA-Z0-9_-`.
pub(crate) const TOOL_NAME: NameRule = NameRule { max: 128, also: b"-", letter_first: false };

/// The version that answers every field a translated request may hold, sampling included.
///
/// 2026-10-21 refuses `temperature`, `top_p` and `top_k` even at their defaults, and nothing that we write needs it.
pub(crate) const VERSION: &str = "2023-06-01";
/// The header that carries the version.
pub(crate) const VERSION_HEADER: &str = "anthropic-version";
/// The header that carries opt-ins.
pub(crate) const BETA_HEADER: &str = "anthropic-beta";
