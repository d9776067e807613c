//! Runs golden case files.

fn main() {}
