//! The function host with a real function binary: the example `probe`, which uses the real Lambda runtime client.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of tests fail like tests do")]

mod cloud;
mod invoke;
mod mapping;
mod world;
