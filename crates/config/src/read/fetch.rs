//! What may be fetched for clients: `fetch`.

use std::time::Duration;

use super::Section;
use crate::checked::Fetch;
use crate::report::Problems;

/// `None` when nothing is fetched.
pub(crate) fn fetch(section: &Section<'_>, problems: &mut Problems) -> Option<Fetch> {
    let base = Fetch::default();
    let times = Duration::from_millis(100)..=Duration::from_secs(300);
    let number = |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok());
    let fetch = Fetch {
        max_bytes: section.size("max-bytes", 1 << 10..=256 << 20, problems).unwrap_or(base.max_bytes),
        timeout: section.duration("timeout", times, problems).unwrap_or(base.timeout),
        max_redirects: number(section.whole("max-redirects", 0..=10, problems)).unwrap_or(base.max_redirects),
        at_once: number(section.whole("at-once", 1..=16, problems)).unwrap_or(base.at_once),
        allow_private: section.flag("allow-private", false, problems),
    };
    section.flag("enabled", true, problems).then_some(fetch)
}
