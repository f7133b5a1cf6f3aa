//! What a language is: the traits of a dialect, JSON splicing and stream framing. Sans-I/O.
