//! Workspace-level tests: what several of them share.

pub mod contract;
pub mod invariants;
pub mod rig;
pub mod simulation;
