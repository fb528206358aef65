//! What decoding hands out: one item per record, with the way it came and either the record or why it is none.

use std::fmt;

use super::{ObjectEvent, TestEvent};

/// One wrapping around an event, or the event's own format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// An SQS message's body.
    Sqs,
    /// An SNS notification's `Message`.
    Sns,
    /// S3's notification document, `s3:TestEvent` included.
    S3,
    /// An EventBridge event of source `aws.s3`.
    EventBridge,
    /// An S3 Batch Operations invocation.
    S3Batch,
}

impl Layer {
    /// The layer's name in an [`Envelope`]'s text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::S3 => "s3",
            Self::EventBridge => "eventbridge",
            Self::S3Batch => "s3-batch",
        }
    }
}

/// The layers that were recognised, outermost first: `sqs/sns/s3`. Empty where none was.
///
/// Raw SNS delivery leaves no trace in the message, so that it reads as `sqs/s3`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Envelope(Vec<Layer>);

impl Envelope {
    /// An envelope of these layers, outermost first.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        Self(layers.into_iter().collect())
    }

    /// The layers, outermost first.
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// This envelope with one more layer inside.
    pub(super) fn with(&self, layer: Layer) -> Self {
        Self(self.0.iter().copied().chain([layer]).collect())
    }

    pub(super) fn count(&self, layer: Layer) -> usize {
        self.0.iter().filter(|have| **have == layer).count()
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, layer) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            f.write_str(layer.as_str())?;
        }
        Ok(())
    }
}

/// One record of a document, or what was wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The way it came, as far as it was understood.
    pub envelope: Envelope,
    /// The record. `Err` will never decode, however often it is delivered: it is for parking.
    pub record: Result<Record, Malformed>,
}

/// What a well-formed record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Something happened to an object.
    Object(ObjectEvent),
    /// S3 tried out a new notification configuration. Nothing to do.
    Test(TestEvent),
}

/// Why a document or a record could not be decoded, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Malformed {
    /// A JSON pointer (RFC 6901) to the bad field, empty for the document itself. It goes on inside a text that holds
    /// JSON: `/Message/Records/0/s3/object/key`.
    pub path: String,
    /// What is wrong there. Quotes at most a few words of the sender's text.
    pub reason: String,
}

impl Malformed {
    /// A refusal of the document as a whole.
    pub(super) fn document(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.reason) } else { write!(f, "{}: {}", self.path, self.reason) }
    }
}
