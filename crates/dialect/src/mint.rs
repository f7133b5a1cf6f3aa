//! Ids in the shape that each dialect's clients expect.

/// `prefix` and 24 base-62 characters, the same for the same seed and number.
///
/// The seed is random per answer, so ids are unique; the number tells the ids of one answer apart.
pub fn mint(prefix: &str, seed: u64, number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [0; 24];
    let mut state = seed ^ u64::from(number).wrapping_mul(0xA24B_AED4_963E_E407);
    for digit in &mut digits {
        state = splitmix(state);
        *digit = DIGITS[(state % 62) as usize];
    }
    let mut id = String::with_capacity(prefix.len() + digits.len());
    id.push_str(prefix);
    id.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    id
}

/// One step of SplitMix64: spreads neighbouring seeds over the whole range.
fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_seed_and_number() {
        let ids = [mint("call_", 1, 0), mint("call_", 1, 1), mint("call_", 2, 0)];
        assert!(ids.iter().all(|id| id.len() == 29));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
        assert_eq!(mint("call_", 1, 0), ids[0]);
    }
}
