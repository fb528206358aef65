//! A bucket's notification configuration: what it says, and the rules that S3 holds it to, with S3's own texts.
//!
//! Pure. The local cloud answers by it, and `brigade wire` foretells by it what S3 will answer.

mod events;
mod model;
mod validate;

pub use events::{EventPattern, SUBSCRIBABLE, pattern_of_family};
pub use model::{Configuration, Destination, Filter, Rule};
pub use validate::{ConfigurationError, Conflict, Draft, MAX_RULES, conflict};
