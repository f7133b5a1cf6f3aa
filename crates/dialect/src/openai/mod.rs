//! What the two languages of OpenAI have in common, Chat Completions and Responses: the shape of errors, the
//! headers of answers, media, which tool schemas are taken, and what must be said of the form of an answer. What only one of them does stays with it.

pub mod caching;
pub mod fault;
pub mod form;
pub mod headers;
pub mod media;
pub mod schema;
pub mod tier;
