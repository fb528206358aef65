//! The deployed function.
fn main() {}
