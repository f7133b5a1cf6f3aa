//! The order of messages, rule by rule.
