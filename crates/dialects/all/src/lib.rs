//! Every dialect, registered; and the golden matrix of each against each.
