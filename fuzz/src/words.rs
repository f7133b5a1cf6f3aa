//! Short texts that stand in headers, names and settings: waits, dates, suffixes, data URLs, proofs, paths of rules.

use std::time::{Duration, UNIX_EPOCH};

use config::payload::Path;
use dialect::hints::{MAX_WAIT, parse_wait, plain_words, retry_after};
use dialect::{parse_data_url, sniff, time};
use http::{HeaderMap, HeaderValue};
use hub::{Carried, Seal, Thinking, split_suffix};

/// Texts to begin with.
pub(crate) const WORDS: &[&str] = &[
    "6m0s",
    "1h2m3.5s",
    "1e9",
    "2026-01-02T03:04:05.678+01:00",
    "18446744073709551615-01-01T00:00:00Z",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "claude-opus-4-6(high)",
    "m(-1)",
    "a(b)(8192)",
    "data:image/jpg;charset=utf-8;base64,_-8%2B",
    "data:,",
    "bos1:anthropic:thinking:3:abc",
    "bos1:x:y:18446744073709551615:z",
    "tools.#(name==\"a\\\"b\").function.-1",
    "a\\.b.0.#.c|@this",
    "<html><p>Bad &amp; gateway</p>",
];

/// Everything that reads such a text.
pub(crate) fn word(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    wait(data, &text);
    suffix(&text);
    if let Some(moment) = time::parse(&text) {
        assert!(moment >= UNIX_EPOCH, "a moment before all clocks: {text}");
        time::format(moment.min(UNIX_EPOCH + Duration::from_secs(1 << 35)));
    }
    if let Some(url) = parse_data_url(&text) {
        sniff(&url.base64);
    }
    if let Carried::Packed(seal) = Seal::unpack(&text) {
        assert_eq!(Seal::unpack(&seal.pack()), Carried::Packed(seal));
    }
    // A path is read to an end, whatever it is.
    let _ = Path::parse(&text);
}

fn wait(data: &[u8], text: &str) {
    assert!(parse_wait(text).is_none_or(|wait| wait <= MAX_WAIT));
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    for name in ["retry-after", "retry-after-ms"] {
        let date = HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT");
        let headers = HeaderMap::from_iter(
            [(name, value.clone()), ("date", date)].map(|(name, value)| (http::HeaderName::from_static(name), value)),
        );
        assert!(retry_after(&headers).is_none_or(|wait| wait <= MAX_WAIT));
    }
    assert!(plain_words(data).chars().count() <= 2_001);
}

fn suffix(text: &str) {
    let Some((name, word)) = split_suffix(text) else { return };
    assert_eq!(format!("{name}({word})"), *text);
    if let Some(wish) = Thinking::from_suffix(word) {
        assert!(!wish.is_default(), "a suffix that asks for nothing: {text}");
    }
}
