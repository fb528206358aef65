//! What the adapters share: clients made from the environment, the trace header that lets Lambda see a loop, and the one
//! reading of the SDK's errors.

mod clients;
mod failure;
#[cfg(test)]
pub(crate) mod scripted;
mod trace;

pub use clients::{Clients, Missing, server_work_timeouts, timeouts, transfer_timeouts};
pub use failure::{Failure, failure};
pub(crate) use failure::{causes, date_of};
pub use trace::{TraceHeader, with_trace};
