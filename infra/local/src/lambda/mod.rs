//! Lambda: runs the real function binaries on this machine, and feeds them from queues.
//!
//! - [`Lambda`] is the host: start functions, map queues to them, invoke, pause, kill, watch.
//! - `runtime_api` is the function's side: the Lambda runtime API over HTTP, one base path per process.
//! - `sandbox` is one execution environment: a child process, its invocation, its timeout, its replacement.
//! - `mapping` is the event source mapping: batches, Lambda's SQS event, partial failures.
//! - `invoke_api` is the caller's side over HTTP: `aws lambda invoke` and a few reads.
//!
//! Time: function timeouts are real time, because a function reads the machine's clock; everything about queues (windows,
//! visibility, back-off) is the cloud's [`Clock`](crate::clock::Clock), which may run faster. So the host needs tokio's time
//! to be real, not paused. Memory is not limited.
//!
//! Children never outlive the host: they are killed on shutdown and on drop; and if the host itself is killed, their next
//! call to the runtime API fails, which ends the Rust runtime's loop.

mod error;
mod events;
mod faults;
mod function;
mod host;
mod invocation;
mod invoke_api;
mod logs;
mod mapping;
mod process;
mod restart;
mod runtime_api;
mod sandbox;
mod spec;

pub use error::HostError;
pub use events::{HostEvent, HostEvents};
pub use faults::{FaultCounts, Faults};
pub use function::FunctionState;
pub use host::{HostSettings, Lambda};
pub use invocation::{InvokeResult, MAX_ASYNC_PAYLOAD, MAX_PAYLOAD};
pub use mapping::{MappingSpec, Outcome, outcome};
pub use spec::FunctionSpec;
