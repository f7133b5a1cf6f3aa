//! What a conversation is: the typed meeting point of all dialects.
