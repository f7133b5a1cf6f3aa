//! Calls that no client made: checks of accounts, and second accounts for slow requests. Both cost, so both are off.

use std::time::Duration;

use super::{error, good, parse, warning};
use crate::checked::HedgeAfter;

#[test]
fn accounts_are_checked_only_where_that_is_wanted() {
    for off in ["", "health-check: {model: m, timeout: 5s}", "health-check: {interval: 0}"] {
        assert_eq!(good(off).health_check, None, "{off}");
    }
    let check = good("health-check: {interval: 10m, kinds: [' Claude-API-Key', x]}").health_check.unwrap();
    assert_eq!((check.interval, check.at_start, check.concurrency), (Some(Duration::from_secs(600)), false, 2));
    assert_eq!(check.kinds, ["claude-api-key", "x"]);
    let start = good("health-check: {at-start: true, only-unhealthy: true}").health_check.unwrap();
    assert_eq!((start.interval, start.only_unhealthy, start.timeout), (None, true, Duration::from_secs(15)));
    assert!(warning("health-check: {interval: 5s}").contains("below a minute"));
    assert!(error("health-check: {interval: -1}").contains("`health-check.interval`"));
    assert!(error("health-check: {concurrency: 0}").contains("from 1 to 64"));
    let own = good("claude-api-key: [{api-key: k, health-check: {enabled: false, model: ' m '}}]");
    assert_eq!(
        (
            own.keyed("claude-api-key")[0].rules.check.enabled,
            own.keyed("claude-api-key")[0].rules.check.model.as_deref()
        ),
        (Some(false), Some("m"))
    );
}

#[test]
fn requests_are_hedged_only_where_that_is_wanted() {
    for off in ["", "hedge: {max-percent: 50}", "hedge: {after: 0}"] {
        assert_eq!(good(off).hedge, None, "{off}");
    }
    let hedge = good("hedge: {after: 2s, models: ['Claude-*']}").hedge.unwrap();
    assert_eq!((hedge.after, hedge.max_percent), (HedgeAfter::Time(Duration::from_secs(2)), 5));
    assert_eq!((hedge.streams, hedge.whole_replies, &*hedge.models), (true, false, &["claude-*".to_owned()][..]));
    assert_eq!(good("hedge: {after: P90}").hedge.map(|it| it.after), Some(HedgeAfter::Percentile(90)));
    for wrong in ["p", "p49", "p100", "fast", "9ms", "2h", "-1"] {
        assert!(error(&format!("hedge: {{after: {wrong}}}")).contains("`hedge.after` must be"), "{wrong}");
    }
    assert!(error("hedge: {after: 1s, max-percent: 0}").contains("from 1 to 100"));
    let (config, report) = parse("hedge: {after: 1s, streams: false}");
    assert!(config.unwrap().hedge.is_none() && report.to_string().contains("no effect"), "{report}");
}

#[test]
fn readings_of_credit_are_on_unless_they_are_off() {
    let minute = Some(Duration::from_secs(60));
    assert_eq!(good("").quota_reading, minute);
    assert_eq!(good("quota-reading: on").quota_reading, minute);
    assert_eq!(good("quota-reading: off").quota_reading, None);
    assert_eq!(good("quota-reading: 5s").quota_reading, Some(Duration::from_secs(5)));
    assert!(error("quota-reading: 10ms").contains("`quota-reading`"));
}
