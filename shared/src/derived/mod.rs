//! What thumbnail and cleanup share: where derived objects are, what the sidecar says, and the reconcile loop.
//!
//! Events are hints; state is the truth. The loop makes the derived objects of a source equal `f(source)`, in an order
//! of requests that stays right under duplicates, reordering, crashes and concurrent changes ([`reconcile`]).

mod identity;
mod observe;
mod plan;
mod reconcile;
mod sidecar;
mod template;

pub use identity::{CONFIG, ConfigId, Marks, SOURCE, SourceVersion, VERSION, owner_mark};
pub use observe::Observed;
pub use reconcile::{Derive, Made, MakeError, Output, Request, reconcile};
pub use sidecar::{ListedOutput, Rejected, SIDECAR_VERSION, Sidecar, SidecarSource};
pub use template::{Fill, SIDECAR, Template};
