//! When accounts are checked: `health-check`, for all and of one account.

use std::time::Duration;

use super::Section;
use crate::checked::{AccountCheck, HealthCheck};
use crate::report::Problems;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Most checks at once.
const MAX_AT_ONCE: i64 = 64;

/// The settings for all accounts; `None` when nothing is ever checked.
pub(crate) fn health_check(section: &Section<'_>, problems: &mut Problems) -> Option<HealthCheck> {
    let interval = section.duration("interval", Duration::ZERO..=7 * DAY, problems).filter(|time| !time.is_zero());
    if let Some(item) = section.get("interval").filter(|_| interval.is_some_and(|time| time < MINUTE)) {
        let message = format!("`{}` is below a minute: each check spends tokens of each account", item.path);
        problems.warn(item.span(), message);
    }
    let kinds = section.list("kinds", problems);
    let kinds = kinds.iter().filter_map(|item| item.text(problems)).map(|kind| kind.trim().to_lowercase()).collect();
    let at_once = section.whole("concurrency", 1..=MAX_AT_ONCE, problems).and_then(|count| u32::try_from(count).ok());
    let check = HealthCheck {
        interval: interval.map(|time| time.max(SECOND)),
        at_start: section.flag("at-start", false, problems),
        kinds,
        model: section.text("model", problems),
        timeout: section.duration("timeout", SECOND..=10 * MINUTE, problems).unwrap_or(15 * SECOND),
        only_unhealthy: section.flag("only-unhealthy", false, problems),
        concurrency: at_once.unwrap_or(2),
    };
    (check.interval.is_some() || check.at_start).then_some(check)
}

/// What an account says of its own checks.
pub(crate) fn of_account(section: &Section<'_>, problems: &mut Problems) -> AccountCheck {
    AccountCheck { enabled: section.maybe_flag("enabled", problems), model: section.text("model", problems) }
}
