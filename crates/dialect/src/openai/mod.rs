//! What the two languages of OpenAI have in common, Chat Completions and Responses: the shape of errors, and which tool
//! schemas are taken. What only one of them does stays with it.

pub mod fault;
pub mod schema;
