//! Relay against hub: what passes as bytes within one dialect must mean what the hub would have made of it.
//!
//! The two ways share no code on the path of an answer: a scanner searches bytes, a decoder parses. Here each is the
//! other's judge, on every recorded and every generated answer.

mod answers;
mod corpus;
mod made;
mod requests;
