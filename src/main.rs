//! The `kubectl-aspire` program.

fn main() {}
