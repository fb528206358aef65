//! What Lambda hands a function, told by its shape.

use std::collections::BTreeMap;

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::decode::is_sqs_record;
use super::read::Node;
use super::{BatchJob, Decoded, Malformed, Message, batch, decode_value};

/// One invocation of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// A batch of a queue, answered with a partial batch response. A message without an id makes that impossible.
    Messages(Vec<Message>),
    /// Tasks of an S3 Batch Operations job, answered with a [`BatchReply`](super::BatchReply).
    Batch(BatchJob),
    /// S3, SNS, EventBridge or a person invoked the function; also any document that is none of these.
    Direct(Vec<Decoded>),
    /// It is answered by name, and the names are missing: the invocation as a whole must fail.
    Refused(Malformed),
}

impl Invocation {
    /// Takes any JSON; never fails as a whole for a part of it.
    pub fn from_value(payload: &Value) -> Self {
        let records = payload.get("Records").and_then(Value::as_array);
        // Lambda never mixes sources, so one message is enough to call all of them messages, damaged ones included.
        if let Some(records) = records.filter(|records| records.iter().any(is_sqs_record)) {
            return Self::Messages(records.iter().enumerate().map(|(at, record)| message(at, record)).collect());
        }
        let is_batch = ["invocationSchemaVersion", "tasks"].iter().any(|name| payload.get(name).is_some());
        if is_batch && records.is_none() {
            return match batch::job(&Node::root(payload)) {
                Ok(job) => Self::Batch(job),
                Err(malformed) => Self::Refused(malformed),
            };
        }
        Self::Direct(decode_value(payload))
    }
}

/// Reads one record by itself, so that a damaged one leaves the batch alone.
fn message(at: usize, record: &Value) -> Message {
    match SqsMessage::deserialize(record) {
        Ok(sqs) => from_sqs(sqs),
        Err(error) => {
            let text = |name| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            Message {
                id: text("messageId"),
                receipt_handle: text("receiptHandle"),
                body: text("body"),
                queue_arn: text("eventSourceARN"),
                malformed: Some(Malformed { path: format!("/Records/{at}"), reason: format!("no SQS message: {error}") }),
                ..Message::default()
            }
        }
    }
}

fn from_sqs(sqs: SqsMessage) -> Message {
    let mut system = sqs.attributes;
    let texts = sqs.message_attributes.into_iter().filter_map(|(name, attribute)| Some((name, attribute.string_value?)));
    Message {
        id: sqs.message_id.filter(|id| !id.is_empty()),
        receipt_handle: sqs.receipt_handle,
        body: sqs.body,
        receive_count: system.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
        sent: system.get("SentTimestamp").and_then(|text| from_millis(text)),
        queue_arn: sqs.event_source_arn,
        group_id: system.remove("MessageGroupId"),
        attributes: texts.collect::<BTreeMap<_, _>>(),
        trace_header: system.remove("AWSTraceHeader"),
        malformed: None,
    }
}

/// SQS counts milliseconds since 1970.
fn from_millis(text: &str) -> Option<OffsetDateTime> {
    let millis = text.parse::<i128>().ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(millis.checked_mul(1_000_000)?).ok()
}
