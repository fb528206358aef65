//! Why the host could not do what it was asked; a function's own failures are results, not these.

use thiserror::Error;

/// A mistake of the caller or of the configuration.
#[derive(Debug, Error)]
pub enum HostError {
    /// A function's spec would be refused by Lambda, or can't be started. Fix the field.
    #[error("function {function}: {field}: {problem}")]
    Spec {
        /// The function's name as given.
        function: String,
        /// The field of [`super::FunctionSpec`].
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// An event source mapping would be refused by Lambda. Fix the field.
    #[error("mapping {queue} -> {function}: {field}: {problem}")]
    Mapping {
        /// The mapping's queue.
        queue: String,
        /// The mapping's function.
        function: String,
        /// The field of [`super::MappingSpec`].
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A function of that name is already there.
    #[error("function {0} exists already")]
    Exists(String),
    /// No function of that name.
    #[error("no function {0}")]
    UnknownFunction(String),
    /// The payload is larger than Lambda takes. Send less.
    #[error("the payload has {bytes} bytes, Lambda takes {limit}")]
    PayloadTooLarge {
        /// The payload's size.
        bytes: usize,
        /// The limit for this kind of invocation.
        limit: usize,
    },
    /// Too many invocations wait for a free process. Try again later.
    #[error("function {0} has too many waiting invocations")]
    Throttled(String),
    /// The function can't start; the message holds its last words. Fix its configuration and start it again.
    #[error("function {function} does not start: {message}")]
    Broken {
        /// The function.
        function: String,
        /// Its exit status and the end of its log.
        message: String,
    },
    /// The function was not ready in the time given.
    #[error("function {function} was not ready within {seconds} s")]
    NotReady {
        /// The function.
        function: String,
        /// The time given.
        seconds: f64,
    },
    /// The host has been shut down.
    #[error("the host has been shut down")]
    ShutDown,
}
