//! The rules of this project that a program can check. Each failure says what to do instead.

mod documents;
mod sources;
mod tree;
