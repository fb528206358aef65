//! What thumbnail and cleanup share: where derived objects are, what the sidecar says, and the reconcile loop.
//!
//! Events are hints; state is the truth. The loop makes the derived objects of a source equal `f(source)`, in an order
//! of requests that stays right under duplicates, reordering, crashes and concurrent changes ([`keep`]).

mod identity;
mod make;
mod observe;
mod plan;
mod reconcile;
mod sidecar;
mod template;

pub use identity::{CONFIG, ConfigId, Marks, SOURCE, STATE, SourceVersion, VERSION, WITHDRAWN, is_withdrawn, owner_mark};
pub use make::{Derive, Made, MakeError, Output, never_derived_from, reconcile};
pub use observe::{Observed, Places};
pub use plan::{Removal, current, is_current, removal_of_all};
pub use reconcile::{Keeper, Request, Run, Step, keep, sources};
pub use sidecar::{ListedOutput, Rejected, SIDECAR_VERSION, Sidecar, SidecarSource};
pub use template::{Fill, SIDECAR, Template};
