//! Laws that dialects hold their own code to, in their tests. Nothing else calls them.
//!
//! They stand here, and not behind `cfg(test)`, because a crate's tests see nothing of another crate's.

use crate::context::{Observed, Signal};
use crate::traits::Scanner;

/// Scanners may skim a usual whole answer in place of parsing it. `usual` is skimmed; with any of `cases`, which replace
/// the first text by the second, it is not.
///
/// # Panics
/// When the law is broken.
pub fn only_the_usual_is_skimmed(usual: &str, cases: &[(&str, &str)], skims: impl Fn(&[u8]) -> bool) {
    assert!(skims(usual.as_bytes()));
    for (from, to) in cases {
        assert!(usual.contains(from), "{from}");
        assert!(!skims(usual.replacen(from, to, 1).as_bytes()), "{to}");
    }
}

/// Where an answer is skimmed, it says what a parse says, whichever byte of `usual` is another one. `full` is what a
/// parse sees; `None` where it finds a fault.
///
/// # Panics
/// When the law is broken, or hardly anything is skimmed.
pub fn skimming_is_parsing<S: Scanner>(
    usual: &str,
    scanner: impl Fn() -> S,
    skims: impl Fn(&[u8]) -> bool,
    full: impl Fn(&[u8]) -> Option<Observed>,
) {
    let mut skimmed = 0;
    for at in 0..usual.len() {
        for byte in *b"\"\\{}[],:0n \xff" {
            let mut body = usual.as_bytes().to_vec();
            body[at] = byte;
            let mut watch = scanner();
            if matches!(watch.whole(&body), Signal::Fault(_)) || !skims(&body) {
                continue;
            }
            skimmed += 1;
            // What lies deeper than what is looked at may be odd: it is passed on as it is.
            if let Some(full) = full(&body) {
                let seen = watch.observed();
                let text = String::from_utf8_lossy(&body);
                assert_eq!((seen.usage, &seen.stop), (full.usage, &full.stop), "{text}");
                assert!(seen.terminal && full.terminal, "{text}");
            }
        }
    }
    assert!(skimmed > 500);
}
