//! The engine: from a client's request to an answer, through one account or several.
