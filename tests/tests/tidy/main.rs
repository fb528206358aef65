//! The rules of this project that a program can check. Each failure says what to do instead.

#![expect(clippy::expect_used, clippy::panic, reason = "clippy exempts test functions alone, not what they share")]

mod documents;
mod sources;
mod tree;
