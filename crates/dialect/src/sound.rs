//! Sound inside JSON: pieces of base64 whose borders mean nothing, and the header that makes samples a file.
//!
//! It knows of no format but samples: what is packed passes as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Pieces end on whole base64 groups and on whole samples: players take each for itself.
const GROUP: usize = 6;
/// What is said of samples when their media type names no rate.
const RATE: u32 = 24_000;

/// Joins pieces of base64, each padded by itself, into pieces whose texts may be strung together.
#[derive(Debug, Default)]
pub struct Pieces {
    /// Bytes that wait for the rest of their group.
    rest: Vec<u8>,
}

impl Pieces {
    /// As much as can be said after `piece`; `None` when it is no base64.
    pub fn push(&mut self, piece: &str) -> Option<String> {
        let bytes = STANDARD.decode(piece).ok().or_else(|| STANDARD.decode(crate::bare_base64(piece)?).ok())?;
        self.rest.extend_from_slice(&bytes);
        let whole = self.rest.len() - self.rest.len() % GROUP;
        let text = STANDARD.encode(&self.rest[..whole]);
        self.rest.drain(..whole);
        Some(text)
    }

    /// What is left.
    pub fn finish(&mut self) -> String {
        STANDARD.encode(std::mem::take(&mut self.rest))
    }
}

/// Whether a media type stands for bare samples of 16 bits.
pub fn is_pcm(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    let kind = lower.split(';').next().unwrap_or_default().trim();
    matches!(kind, "audio/l16" | "audio/pcm" | "audio/x-pcm" | "audio/raw")
}

/// The WAVE file of bare samples: base64 to base64, by the rate and the channels that the media type names. `None` when
/// it is no base64, or too long for a header of 32 bits.
pub fn wave(samples: &str, media_type: &str) -> Option<String> {
    let bytes = STANDARD.decode(samples).ok()?;
    let size = u32::try_from(bytes.len()).ok().filter(|size| *size <= u32::MAX - 36)?;
    let channels = parameter(media_type, "channels").and_then(|count| u16::try_from(count).ok()).unwrap_or(1);
    let rate = parameter(media_type, "rate").unwrap_or(RATE);
    let mut file = Vec::with_capacity(bytes.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(size + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&rate.saturating_mul(2 * u32::from(channels)).to_le_bytes());
    file.extend_from_slice(&channels.saturating_mul(2).to_le_bytes());
    file.extend_from_slice(b"\x10\0data");
    file.extend_from_slice(&size.to_le_bytes());
    file.extend_from_slice(&bytes);
    Some(STANDARD.encode(file))
}

/// A number among a media type's parameters; zero is none.
fn parameter(media_type: &str, name: &str) -> Option<u32> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|field| field.trim().split_once('='));
    let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    value.trim().parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_pieces_are_the_bytes_and_each_holds_whole_samples(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8)) {
            let (mut joiner, mut text) = (Pieces::default(), String::new());
            for piece in &pieces {
                let more = joiner.push(&STANDARD.encode(piece)).unwrap();
                prop_assert_eq!(STANDARD.decode(&more).unwrap().len() % GROUP, 0);
                text.push_str(&more);
            }
            text.push_str(&joiner.finish());
            prop_assert_eq!(STANDARD.decode(&text).unwrap(), pieces.concat());
        }
    }

    #[test]
    fn samples_get_the_header_of_their_rate() {
        let file = STANDARD.decode(wave("AQACAA==", "audio/L16;codec=pcm;rate=16000").unwrap()).unwrap();
        assert_eq!(file.len(), 48);
        assert_eq!((&file[..4], &file[8..16], &file[44..]), (&b"RIFF"[..], &b"WAVEfmt "[..], &[1, 0, 2, 0][..]));
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((word(4), word(24), word(28), word(40)), (40, 16_000, 32_000, 4));
        let usual = STANDARD.decode(wave("", "audio/pcm").unwrap()).unwrap();
        assert_eq!(usual[24..28], 24_000_u32.to_le_bytes());
        assert_eq!(wave("?", "audio/pcm"), None);
    }

    #[test]
    fn samples_are_known_by_their_type() {
        for kind in ["audio/L16;codec=pcm;rate=24000", "audio/l16; rate=24000", "audio/pcm"] {
            assert!(is_pcm(kind), "{kind}");
        }
        for kind in ["audio/wav", "audio/mpeg", "", "image/png"] {
            assert!(!is_pcm(kind), "{kind}");
        }
    }

    #[test]
    fn what_is_no_base64_is_told() {
        assert_eq!(Pieces::default().push("???"), None);
        assert_eq!(Pieces::default().push("").as_deref(), Some(""));
    }
}
