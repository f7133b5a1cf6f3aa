//! Configuration from file text to checked values, with errors that point at the line.
