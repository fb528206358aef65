//! A queue's attributes: what was set, and what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::error::SqsError;

/// The most that one message may weigh, in bytes: 1 MiB, attributes included.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;

/// Attributes that hold a number: name, default, least, most.
const NUMBERS: [(&str, u64, u64, u64); 6] = [
    ("DelaySeconds", 0, 0, 900),
    ("KmsDataKeyReusePeriodSeconds", 300, 60, 86_400),
    ("MaximumMessageSize", 1_048_576, 1024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];

/// Attributes that are kept as they are: this cloud enforces no policies and encrypts nothing.
const KEPT: [&str; 4] = ["Policy", "KmsMasterKeyId", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

/// Attributes of FIFO queues, with their permitted values.
const FIFO: [(&str, [&str; 2]); 3] = [
    ("ContentBasedDeduplication", ["true", "false"]),
    ("DeduplicationScope", ["messageGroup", "queue"]),
    ("FifoThroughputLimit", ["perQueue", "perMessageGroupId"]),
];

/// Where exhausted messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// ARN of the dead-letter queue.
    pub target_arn: String,
    /// A message received this often is moved instead of being received again; at least 1.
    pub max_receive_count: u32,
}

/// The attributes of one queue: every value is checked when it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAttributes {
    fifo: bool,
    /// As set by the owner; what was never set has its default.
    set: BTreeMap<String, String>,
    redrive: Option<Redrive>,
}

impl QueueAttributes {
    /// Reads the attributes of a new queue. `FifoQueue` must agree with the name's `.fifo`.
    ///
    /// # Errors
    /// [`SqsError::InvalidAttributeName`], [`SqsError::InvalidAttributeValue`], [`SqsError::InvalidParameterValue`].
    pub fn new(fifo: bool, attributes: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let declared = attributes.get("FifoQueue").map(String::as_str);
        match (fifo, declared) {
            (true, Some("false")) | (false, Some("true")) => {
                return Err(SqsError::InvalidParameterValue(
                    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.".to_owned(),
                ));
            }
            (_, None | Some("true")) => {}
            (_, Some(_)) => return Err(SqsError::InvalidAttributeName("FifoQueue".to_owned())),
        }
        let mut new = Self { fifo, set: BTreeMap::new(), redrive: None };
        for (name, value) in attributes.iter().filter(|(name, _)| *name != "FifoQueue") {
            new.put(name, value)?;
        }
        Ok(new)
    }

    /// Sets one attribute; the empty string removes what may be absent (policies).
    ///
    /// # Errors
    /// As [`QueueAttributes::new`].
    pub fn put(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        let refuse = |reason: String| SqsError::InvalidAttributeValue { name: name.to_owned(), reason };
        if let Some((_, _, least, most)) = NUMBERS.iter().find(|n| n.0 == name) {
            if !value.parse::<u64>().is_ok_and(|n| (*least..=*most).contains(&n)) {
                return Err(refuse(format!("must be an integer from {least} to {most}")));
            }
        } else if let Some((_, permitted)) = FIFO.iter().find(|f| f.0 == name) {
            if !self.fifo {
                return Err(SqsError::InvalidAttributeName(name.to_owned()));
            }
            if !permitted.contains(&value) {
                return Err(refuse(format!("must be {}", permitted.join(" or "))));
            }
        } else if name == "RedrivePolicy" {
            self.redrive = if value.is_empty() { None } else { Some(parse_redrive(value).map_err(refuse)?) };
        } else if !KEPT.contains(&name) {
            return Err(SqsError::InvalidAttributeName(name.to_owned()));
        }
        if value.is_empty() {
            self.set.remove(name);
        } else {
            self.set.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// The first of `wanted` whose value differs from this queue's.
    #[must_use]
    pub fn difference<'a>(&self, wanted: &'a QueueAttributes) -> Option<&'a str> {
        let differs = |name: &&String| {
            if *name == "RedrivePolicy" {
                return self.redrive != wanted.redrive;
            }
            self.value(name) != wanted.value(name)
        };
        wanted.set.keys().find(differs).map(String::as_str)
    }

    /// All attributes with their effective values.
    #[must_use]
    pub fn effective(&self) -> BTreeMap<String, String> {
        let numbers = NUMBERS.iter().filter(|n| n.0 != "KmsDataKeyReusePeriodSeconds").map(|n| n.0);
        let fifo = FIFO.iter().map(|f| f.0).filter(|_| self.fifo);
        let mut all: BTreeMap<String, String> = numbers
            .chain(fifo)
            .chain(["SqsManagedSseEnabled"])
            .filter_map(|name| Some((name.to_owned(), self.value(name)?)))
            .collect();
        all.extend(self.set.clone());
        if self.fifo {
            all.insert("FifoQueue".to_owned(), "true".to_owned());
        }
        all
    }

    /// The queue's policy; empty where none is set.
    pub(crate) fn policy(&self) -> &str {
        self.set.get("Policy").map(String::as_str).unwrap_or_default()
    }

    fn value(&self, name: &str) -> Option<String> {
        self.set.get(name).cloned().or_else(|| match name {
            "ContentBasedDeduplication" => Some("false".to_owned()),
            "DeduplicationScope" => Some("queue".to_owned()),
            "FifoThroughputLimit" => Some("perQueue".to_owned()),
            "SqsManagedSseEnabled" => Some("true".to_owned()),
            _ => NUMBERS.iter().find(|n| n.0 == name).map(|n| n.1.to_string()),
        })
    }

    fn number(&self, name: &str) -> u64 {
        self.value(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Whether the queue keeps order within groups.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.fifo
    }

    /// How long a received message stays invisible.
    #[must_use]
    pub fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(self.number("VisibilityTimeout"))
    }

    /// How long a sent message stays invisible.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_secs(self.number("DelaySeconds"))
    }

    /// How long a message is kept after it was sent.
    #[must_use]
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.number("MessageRetentionPeriod"))
    }

    /// How long a receive waits unless it says otherwise.
    #[must_use]
    pub fn receive_wait(&self) -> Duration {
        Duration::from_secs(self.number("ReceiveMessageWaitTimeSeconds"))
    }

    /// The most that a message may weigh, in bytes.
    #[must_use]
    pub fn maximum_message_size(&self) -> usize {
        usize::try_from(self.number("MaximumMessageSize")).unwrap_or(MAX_MESSAGE_BYTES)
    }

    /// Where exhausted messages go, if anywhere.
    #[must_use]
    pub fn redrive(&self) -> Option<&Redrive> {
        self.redrive.as_ref()
    }

    /// FIFO: the body's hash stands in for an absent deduplication id.
    #[must_use]
    pub fn content_based_deduplication(&self) -> bool {
        self.value("ContentBasedDeduplication").as_deref() == Some("true")
    }

    /// FIFO: a deduplication id counts within its group only.
    #[must_use]
    pub fn deduplicates_per_group(&self) -> bool {
        self.value("DeduplicationScope").as_deref() == Some("messageGroup")
    }
}

/// Reads `{"deadLetterTargetArn": …, "maxReceiveCount": 5 or "5"}`.
fn parse_redrive(text: &str) -> Result<Redrive, String> {
    let policy: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let target = policy.get("deadLetterTargetArn").and_then(Value::as_str).ok_or("deadLetterTargetArn is missing")?;
    let count = policy.get("maxReceiveCount").ok_or("maxReceiveCount is missing")?;
    let count = count.as_u64().or_else(|| count.as_str().and_then(|text| text.parse().ok()));
    match count.and_then(|count| u32::try_from(count).ok()) {
        Some(count @ 1..=1000) => Ok(Redrive { target_arn: target.to_owned(), max_receive_count: count }),
        _ => Err("maxReceiveCount must be an integer from 1 to 1000".to_owned()),
    }
}
