//! What Lambda hands a function, told by its shape.

use std::collections::BTreeMap;

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;

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
    /// EventBridge's scheduler: nothing has happened, something is due.
    Scheduled,
    /// It is answered by name, and the names are missing: the invocation as a whole must fail.
    Refused(Malformed),
}

impl Invocation {
    /// Takes any JSON; never fails as a whole for a part of it.
    pub fn from_value(payload: &Value) -> Self {
        let records = payload.get("Records").and_then(Value::as_array);
        // Lambda never mixes sources, so one message is enough to call all of them messages, damaged ones included.
        if let Some(records) = records.filter(|records| records.iter().any(is_sqs_record)) {
            return Self::Messages(records.iter().map(message).collect());
        }
        let is_batch = ["invocationSchemaVersion", "tasks"].iter().any(|name| payload.get(name).is_some());
        if is_batch && records.is_none() {
            return match batch::job(&Node::root(payload)) {
                Ok(job) => Self::Batch(job),
                Err(malformed) => Self::Refused(malformed),
            };
        }
        // Source: EventBridge user guide, "Events from AWS services": rules on a schedule send this detail type.
        if records.is_none() && payload.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event") {
            return Self::Scheduled;
        }
        Self::Direct(decode_value(payload))
    }
}

/// Reads one record by itself, so that a damaged one leaves the batch alone.
fn message(record: &Value) -> Message {
    match SqsMessage::deserialize(record) {
        Ok(sqs) => from_sqs(sqs),
        Err(error) => {
            let text = |name| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            Message {
                id: text("messageId"),
                receipt_handle: text("receiptHandle"),
                body: text("body"),
                queue_arn: text("eventSourceARN"),
                malformed: Some(Malformed::document(format!("no SQS message: {error}"))),
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
        queue_arn: sqs.event_source_arn,
        group_id: system.remove("MessageGroupId"),
        attributes: texts.collect::<BTreeMap<_, _>>(),
        malformed: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(records: Value) -> Vec<Message> {
        match Invocation::from_value(&json!({"Records": records})) {
            Invocation::Messages(messages) => messages,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn payloads_are_told_by_shape() {
        let kind = |payload: Value| match Invocation::from_value(&payload) {
            Invocation::Messages(_) => "messages",
            Invocation::Batch(_) => "batch",
            Invocation::Direct(_) => "direct",
            Invocation::Scheduled => "scheduled",
            Invocation::Refused(_) => "refused",
        };
        let task = json!({"taskId": "t", "s3Key": "a", "s3Bucket": "b"});
        let cases = [
            (json!({"Records": [{"eventSource": "aws:sqs"}]}), "messages"),
            (json!({"Records": [7, {"messageId": "m"}]}), "messages"),
            (json!({"Records": [{"eventSource": "aws:s3", "s3": {}}]}), "direct"),
            (json!({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}), "direct"),
            (json!({"Records": []}), "direct"),
            (json!({"detail-type": "Object Created"}), "direct"),
            (json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}), "scheduled"),
            (json!({"invocationSchemaVersion": "2.0", "invocationId": "i", "tasks": [task.clone()]}), "batch"),
            (json!({"invocationSchemaVersion": "2.0", "tasks": [task.clone()]}), "refused"),
            (json!({"invocationSchemaVersion": "2.0", "invocationId": "i", "tasks": [task, {"s3Key": "a"}]}), "refused"),
            (json!({"invocationSchemaVersion": "9.9", "invocationId": "i", "tasks": []}), "refused"),
            (json!({}), "direct"),
            (json!([1]), "direct"),
            (json!(null), "direct"),
        ];
        for (payload, expected) in cases {
            assert_eq!(kind(payload.clone()), expected, "{payload}");
        }
    }

    #[test]
    fn a_message_keeps_what_a_worker_needs() {
        let records = json!([{
            "messageId": "m1", "receiptHandle": "r1", "body": "{}", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:thumbnail.fifo",
            "attributes": {
                "ApproximateReceiveCount": "4", "SentTimestamp": "1795166046222", "MessageGroupId": "g",
                "AWSTraceHeader": "Root=1-691ed6ab",
            },
            "messageAttributes": {
                "attempt": {"stringValue": "3", "stringListValues": [], "binaryListValues": [], "dataType": "Number"},
                "hash": {"binaryValue": "AAEC", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
        }]);
        let expected = Message {
            id: Some("m1".into()),
            receipt_handle: Some("r1".into()),
            body: Some("{}".into()),
            receive_count: 4,
            queue_arn: Some("arn:aws:sqs:eu-central-1:123456789012:thumbnail.fifo".into()),
            group_id: Some("g".into()),
            attributes: BTreeMap::from([("attempt".into(), "3".into())]),
            malformed: None,
        };
        assert_eq!(messages(records), [expected]);
    }

    #[test]
    fn a_damaged_message_keeps_its_id_and_leaves_the_batch_alone() {
        let sound = json!({"messageId": "m9", "body": "{}"});
        let cases = [
            (json!({"messageId": "m1", "body": "{}", "attributes": "none"}), Some("m1"), true),
            (json!({"messageId": "m1", "body": 7}), Some("m1"), true),
            (json!({"messageId": "m1", "body": "{}", "attributes": {"SentTimestamp": null}}), Some("m1"), true),
            (json!({"messageId": "m1", "body": "{}", "attributes": null}), Some("m1"), false),
            (
                json!({"messageId": "m1", "attributes": {"ApproximateReceiveCount": "often", "SentTimestamp": "now"}}),
                Some("m1"),
                false,
            ),
            (json!({"messageId": "", "body": "{}"}), None, false),
            (json!({"messageId": 5, "body": "{}"}), None, true),
            (json!({"body": "{}"}), None, false),
            (json!(7), None, true),
            (json!({}), None, false),
        ];
        for (record, id, malformed) in cases {
            let read = messages(json!([record, sound]));
            assert_eq!((read[0].id.as_deref(), read[0].malformed.is_some()), (id, malformed), "{record}");
            assert_eq!(read[0].receive_count, 1);
            assert_eq!((read[1].id.as_deref(), read[1].malformed.is_some()), (Some("m9"), false), "{record}");
        }
    }
}
