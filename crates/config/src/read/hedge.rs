//! When a second account is asked: `hedge`.

use std::time::Duration;

use super::{Section, number};
use crate::checked::{Hedge, HedgeAfter};
use crate::report::Problems;
use crate::schema::Kind;

/// Shortest and longest time after which a second account is asked.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(3600);

/// `None` when nothing is ever hedged.
pub(crate) fn hedge(section: &Section<'_>, problems: &mut Problems) -> Option<Hedge> {
    let after = after(section, problems);
    let percent = section.whole("max-percent", 1..=100, problems).and_then(|value| u32::try_from(value).ok());
    let models = section.list("models", problems);
    let models = models.iter().filter_map(|item| item.text(problems)).map(|name| name.trim().to_lowercase()).collect();
    let (streams, whole_replies) =
        (section.flag("streams", true, problems), section.flag("whole-replies", false, problems));
    let hedge = Hedge { after: after?, max_percent: percent.unwrap_or(5), streams, whole_replies, models };
    if !streams && !whole_replies {
        let message = format!("`{}` hedges neither streams nor whole replies: it has no effect", section.path());
        problems.warn(section.span(), message);
        return None;
    }
    Some(hedge)
}

/// A time, or `p` and a percentage.
fn after(section: &Section<'_>, problems: &mut Problems) -> Option<HedgeAfter> {
    let item = section.get("after")?;
    let text = item.scalar().unwrap_or_default().trim();
    if text == "0" {
        return None;
    }
    let percentile = || text.strip_prefix(['p', 'P'])?.parse().ok().filter(|percent| (50..=99).contains(percent));
    let time = || number::duration(text).filter(|time| (SHORTEST..=LONGEST).contains(time));
    let after = percentile().map(HedgeAfter::Percentile).or_else(|| time().map(HedgeAfter::Time));
    if after.is_none() {
        item.wrong(Kind::Measure, "a time from 10ms to 1h, or from `p50` to `p99` of the model's own times", problems);
    }
    after
}
