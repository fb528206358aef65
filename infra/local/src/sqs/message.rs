//! Messages: what a sender gives, what a receiver gets, and the limits on both.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::error::{SqsError, invalid_parameter};

/// A message has at most ten attributes.
pub const MAX_MESSAGE_ATTRIBUTES: usize = 10;

/// The value of a message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// `StringValue`, used by the types `String` and `Number`.
    Text(String),
    /// `BinaryValue`, used by the type `Binary`.
    Binary(Bytes),
}

/// A typed message attribute. The type is `String`, `Number` or `Binary`, optionally with a `.label` of the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    /// The type, with its label.
    pub data_type: String,
    /// The value.
    pub value: AttributeValue,
}

impl MessageAttribute {
    /// An attribute of type `String`.
    #[must_use]
    pub fn string(value: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::Text(value.into()) }
    }

    /// An attribute of type `Number`, in decimal notation.
    #[must_use]
    pub fn number(value: impl Into<String>) -> Self {
        Self { data_type: "Number".to_owned(), value: AttributeValue::Text(value.into()) }
    }

    /// The value where it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }

    fn size(&self) -> usize {
        let value = match &self.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Binary(bytes) => bytes.len(),
        };
        self.data_type.len() + value
    }

    fn check(&self, name: &str) -> Result<(), SqsError> {
        let basic = self.data_type.split('.').next().unwrap_or_default();
        let fits = match (basic, &self.value) {
            ("String", AttributeValue::Text(text)) => !text.is_empty(),
            ("Number", AttributeValue::Text(text)) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            ("Binary", AttributeValue::Binary(bytes)) => !bytes.is_empty(),
            _ => false,
        };
        let good_name = (1..=256).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            && !name.starts_with('.')
            && !name.ends_with('.');
        if fits && good_name {
            return Ok(());
        }
        Err(SqsError::InvalidParameterValue(format!(
            "The message attribute '{name}' with type '{}' must have a permitted name and a value of its type.",
            self.data_type
        )))
    }
}

/// What goes with a body that is sent.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// The sender's own attributes, at most ten.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// `AWSTraceHeader`: Lambda's loop detection counts its passes.
    pub trace_header: Option<String>,
    /// `MessageGroupId`: required for FIFO, allowed on standard queues (fair queues).
    pub group_id: Option<String>,
    /// `MessageDeduplicationId`: FIFO only.
    pub dedup_id: Option<String>,
    /// `DelaySeconds` of this message instead of the queue's; 0 to 900 s; standard queues only.
    pub delay: Option<Duration>,
}

/// The receipt for a sent message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message's id.
    pub message_id: String,
    /// Digest of the body.
    pub md5: String,
    /// Digest of the sender's attributes, where there are some.
    pub md5_of_attributes: Option<String>,
    /// Digest of the system attributes (the trace header), where there is one.
    pub md5_of_system_attributes: Option<String>,
    /// FIFO only: 20 digits, rising within a group.
    pub sequence_number: Option<String>,
}

/// A message as a consumer gets it, invisible to others until its visibility timeout passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's id; two copies of one message may share it.
    pub message_id: String,
    /// Names this receipt of the message; a later receipt makes it stale.
    pub receipt_handle: String,
    /// The body.
    pub body: String,
    /// Digest of the body.
    pub md5: String,
    /// System attributes by their names (`ApproximateReceiveCount`, `SentTimestamp` in ms, …).
    pub attributes: BTreeMap<String, String>,
    /// The sender's attributes.
    pub message_attributes: BTreeMap<String, MessageAttribute>,
}

/// Checks a body and its attributes against the queue's `MaximumMessageSize`; returns the size in bytes.
///
/// # Errors
/// [`SqsError::InvalidParameterValue`] for size, count, names and types; [`SqsError::InvalidMessageContents`].
pub(crate) fn check(body: &str, outgoing: &Outgoing, limit: usize) -> Result<usize, SqsError> {
    if body.is_empty() {
        return Err(SqsError::MissingParameter("MessageBody"));
    }
    if !body.chars().all(permitted) {
        return Err(SqsError::InvalidMessageContents);
    }
    if outgoing.attributes.len() > MAX_MESSAGE_ATTRIBUTES {
        let count = outgoing.attributes.len();
        return Err(SqsError::InvalidParameterValue(format!(
            "Number of message attributes [{count}] exceeds the allowed maximum [10]."
        )));
    }
    for (name, attribute) in &outgoing.attributes {
        attribute.check(name)?;
    }
    for (name, id) in [("MessageGroupId", &outgoing.group_id), ("MessageDeduplicationId", &outgoing.dedup_id)] {
        if let Some(id) = id
            && !((1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
        {
            return Err(invalid_parameter(name, id, "It must be 1 to 128 alphanumeric or punctuation characters"));
        }
    }
    let size = size(body, &outgoing.attributes);
    if size > limit {
        return Err(SqsError::InvalidParameterValue(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )));
    }
    Ok(size)
}

/// The size that counts against the limits, in bytes: body, and each attribute's name, type and value.
#[must_use]
pub fn size(body: &str, attributes: &BTreeMap<String, MessageAttribute>) -> usize {
    body.len() + attributes.iter().map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>()
}

/// The characters of XML 1.0. (`char` has no surrogates.)
fn permitted(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}
