//! The program: arguments, wiring, signals.
fn main() {}
