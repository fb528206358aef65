//! The event model: every envelope that an S3 event notification arrives in, decoded into one [`ObjectEvent`].
//!
//! Pure: no clock, no client, no environment. Decoding is total: no input panics, and one malformed record never takes
//! the rest of its document along.

mod key;
mod kind;
mod model;
mod sequencer;

pub use key::{BucketName, KeyError, MAX_KEY_BYTES, ObjectKey};
pub use kind::EventKind;
pub use model::{ObjectEvent, TestEvent};
pub use sequencer::Sequencer;
