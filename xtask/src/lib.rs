//! Chores of the project: tidy checks, golden updates.
