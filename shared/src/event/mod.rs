//! The event model: every envelope that an S3 event notification arrives in, decoded into one [`ObjectEvent`].
//!
//! Pure: no clock, no client, no environment. Decoding is total: no input panics, and one malformed record never takes
//! the rest of its document along.

mod batch;
mod decode;
mod document;
mod encode;
mod envelope;
mod eventbridge;
#[cfg(feature = "sqs")]
mod invocation;
mod key;
mod kind;
mod message;
mod model;
mod notification;
mod read;
mod sequencer;

pub use batch::{BatchJob, BatchReply, BatchTask, ResultCode, TaskResult};
pub use decode::{MAX_RECORDS, MAX_SNS_DEPTH, decode, decode_value};
pub use document::{decode_document, decoded_line};
pub use encode::{Origin, to_notification, to_notification_from, to_test_event};
pub use envelope::{Decoded, Envelope, Layer, Malformed, Record};
#[cfg(feature = "sqs")]
pub use invocation::Invocation;
pub use key::{BucketName, KeyError, MAX_KEY_BYTES, ObjectKey};
pub use kind::EventKind;
pub use message::Message;
pub use model::{ObjectEvent, TestEvent};
pub use sequencer::Sequencer;
