//! Workspace-level tests: what several of them share.

pub mod claims;
pub mod contract;
pub mod functions;
pub mod rig;

pub use brigade_simulation::invariants;
