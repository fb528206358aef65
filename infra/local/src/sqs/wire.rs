//! Messages in the JSON of SQS's API.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::digest::md5_of_attributes;
use super::error::SqsError;
use super::message::{AttributeValue, MessageAttribute, Received, size};

/// A message attribute as it is sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireAttribute {
    #[serde(default)]
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

/// Reads message attributes.
pub(super) fn attributes(wire: BTreeMap<String, WireAttribute>) -> Result<BTreeMap<String, MessageAttribute>, SqsError> {
    wire.into_iter().map(|(name, attribute)| Ok((name.clone(), attribute.read(&name)?))).collect()
}

impl WireAttribute {
    fn read(self, name: &str) -> Result<MessageAttribute, SqsError> {
        let invalid =
            |what: &str| SqsError::InvalidParameterValue(format!("The message attribute '{name}' must contain {what}."));
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(base64)) => AttributeValue::Binary(STANDARD.decode(base64).map_err(|_| invalid("base64"))?.into()),
            _ => return Err(invalid("exactly one value")),
        };
        Ok(MessageAttribute { data_type: self.data_type, value })
    }
}

/// What an unread `SendMessage` document weighs, in bytes; an unreadable one weighs nothing, and fails by itself.
pub(super) fn size_of(message: &Value) -> usize {
    let body = message.get("MessageBody").and_then(Value::as_str).unwrap_or_default();
    let wire = message.get("MessageAttributes").cloned().and_then(|value| serde_json::from_value(value).ok());
    size(body, &wire.and_then(|wire| attributes(wire).ok()).unwrap_or_default())
}

/// A received message, with the attributes that were asked for.
pub(super) fn message(received: Received, system: &[String], names: &[String]) -> Value {
    let wanted = |name: &str| system.iter().any(|wanted| wanted == "All" || wanted == name);
    let system: BTreeMap<String, String> = received.attributes.into_iter().filter(|(name, _)| wanted(name)).collect();
    let chosen: BTreeMap<String, MessageAttribute> = received
        .message_attributes
        .into_iter()
        .filter(|(name, _)| names.iter().any(|pattern| matches(pattern, name)))
        .collect();
    let mut message = Map::new();
    let mut put = |name: &str, value: Value| message.insert(name.to_owned(), value);
    put("MessageId", json!(received.message_id));
    put("ReceiptHandle", json!(received.receipt_handle));
    put("MD5OfBody", json!(received.md5));
    put("Body", json!(received.body));
    if !system.is_empty() {
        put("Attributes", json!(system));
    }
    // The digest is that of the attributes returned, so that a client can check it.
    if let Some(digest) = md5_of_attributes(&chosen) {
        put("MD5OfMessageAttributes", json!(digest));
        put(
            "MessageAttributes",
            chosen.iter().map(|(name, attribute)| (name.clone(), write(attribute))).collect::<Map<_, _>>().into(),
        );
    }
    Value::Object(message)
}

fn write(attribute: &MessageAttribute) -> Value {
    match &attribute.value {
        AttributeValue::Text(text) => json!({ "DataType": attribute.data_type, "StringValue": text }),
        AttributeValue::Binary(bytes) => json!({ "DataType": attribute.data_type, "BinaryValue": STANDARD.encode(bytes) }),
    }
}

/// `All`, `.*`, `prefix.*` or a name.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == "All" || pattern == name || pattern.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

/// The names that `GetQueueAttributes` takes, besides `All`.
const QUEUE_ATTRIBUTES: &str = "ApproximateNumberOfMessages ApproximateNumberOfMessagesDelayed ApproximateNumberOfMessagesNotVisible \
    ContentBasedDeduplication CreatedTimestamp DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit \
    KmsDataKeyReusePeriodSeconds KmsMasterKeyId LastModifiedTimestamp MaximumMessageSize MessageRetentionPeriod Policy QueueArn \
    ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled VisibilityTimeout";

/// Refuses names of queue attributes that SQS does not have.
pub(super) fn check_names(names: &[String]) -> Result<(), SqsError> {
    match names.iter().find(|name| !QUEUE_ATTRIBUTES.split_whitespace().any(|known| known == name.as_str())) {
        Some(unknown) => Err(SqsError::InvalidAttributeName(unknown.clone())),
        None => Ok(()),
    }
}
