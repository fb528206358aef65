//! The shared crate of Bucket Brigade: the event model, the storage core and the worker shell.
//!
//! Data flows one way: envelope → event → observe → plan → apply → verdict. Dependencies point one way too:
//! `event ← storage ← derived, ledger ← worker`. Without features there is no AWS crate in the tree.

#[cfg(feature = "aws")]
pub mod aws;
pub mod budget;
pub mod config;
pub mod derived;
pub mod event;
mod hex;
pub mod ledger;
pub mod notification;
pub mod storage;
pub mod verdict;
pub mod worker;

pub use hex::hex;
