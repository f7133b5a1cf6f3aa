//! The dialect as a whole: its own requests, answers and streams survive a way through the hub.

use super::*;

#[test]
fn the_count_is_one_number() {
    assert_eq!(Messages.encode_count(7), r#"{"input_tokens":7}"#);
}
