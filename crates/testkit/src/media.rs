//! Pictures and files in requests: base64, data URLs, and what the bytes really are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A picture or file that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) kind: String,
    /// None for what was only named by an address or an id.
    pub(crate) size: Option<usize>,
}

/// Strict standard base64, padding included, as the providers demand.
pub(crate) fn decode(data: &str) -> Option<Vec<u8>> {
    if data.is_empty() { None } else { STANDARD.decode(data).ok() }
}

/// Splits `data:<type>;base64,<data>`; None for anything else.
pub(crate) fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    Some((kind, data))
}

/// What the first bytes say.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        _ => None,
    }
}
