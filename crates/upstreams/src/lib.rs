//! Places: pure descriptions of how to ask an upstream, one folder a kind.
