//! The OpenAI Chat Completions dialect (and legacy completions), client side and wire side.
