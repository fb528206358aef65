//! The function host with a real function binary: the example `probe`, which uses the real Lambda runtime client.

mod invoke;
mod mapping;
mod world;
