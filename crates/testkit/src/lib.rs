//! Strict fake upstreams and helpers for tests; a dev-dependency only.
