//! The Anthropic Messages dialect, client side and wire side.
