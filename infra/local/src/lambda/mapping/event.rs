//! The event that Lambda makes of a batch of SQS messages. Pure.
//!
//! Shape: Lambda developer guide, "Using Lambda with Amazon SQS", example of a standard queue's message event.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::sqs::{AttributeValue, MessageAttribute, Received, md5_of_attributes};

/// Bytes of `{"Records":[]}`, what an event weighs beside its records and their commas.
pub(super) const FRAME: usize = 14;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: &'a BTreeMap<String, String>,
    message_attributes: BTreeMap<&'a str, Attribute<'a>>,
    md5_of_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [&'a str; 0],
    binary_list_values: [&'a str; 0],
    data_type: &'a str,
}

impl<'a> Attribute<'a> {
    fn of(attribute: &'a MessageAttribute) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            AttributeValue::Text(text) => (Some(text.as_str()), None),
            AttributeValue::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        let data_type = &attribute.data_type;
        Attribute { string_value, binary_value, string_list_values: [], binary_list_values: [], data_type }
    }
}

/// One message as a record of the event, in JSON.
pub(super) fn record(message: &Received, queue_arn: &str) -> String {
    let record = Record {
        message_id: &message.message_id,
        receipt_handle: &message.receipt_handle,
        body: &message.body,
        attributes: &message.attributes,
        message_attributes: message.message_attributes.iter().map(|(name, a)| (name.as_str(), Attribute::of(a))).collect(),
        md5_of_body: &message.md5,
        md5_of_message_attributes: md5_of_attributes(&message.message_attributes),
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: queue_arn.split(':').nth(3).unwrap_or_default(),
    };
    // Strings and maps of strings always serialise.
    serde_json::to_string(&record).unwrap_or_default()
}

/// The event of these records.
pub(super) fn event(records: &[String]) -> Bytes {
    Bytes::from(format!("{{\"Records\":[{}]}}", records.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:sqs:eu-central-1:000000000000:q";

    fn message(body: &str) -> Received {
        Received {
            message_id: "m-1".into(),
            receipt_handle: "r-1".into(),
            body: body.into(),
            md5: "0cc175b9c0f1b6a831c399e269772661".into(),
            attributes: [
                ("ApproximateReceiveCount", "1"),
                ("SentTimestamp", "1545082649183"),
                ("AWSTraceHeader", "Root=1-a-b"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            message_attributes: [
                ("reason".to_owned(), MessageAttribute::string("too \"large\"")),
                (
                    "raw".to_owned(),
                    MessageAttribute {
                        data_type: "Binary".into(),
                        value: AttributeValue::Binary(Bytes::from_static(b"\x00\xff")),
                    },
                ),
            ]
            .into(),
        }
    }

    #[test]
    fn a_message_becomes_lambdas_record() {
        let event = event(&[record(&message("a"), ARN)]);
        let mut seen: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
        let digest = seen["Records"][0].as_object_mut().expect("a record").remove("md5OfMessageAttributes");
        assert_eq!(digest.and_then(|d| d.as_str().map(str::len)), Some(32));
        let expected = json!({"Records": [{
            "messageId": "m-1",
            "receiptHandle": "r-1",
            "body": "a",
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "AWSTraceHeader": "Root=1-a-b"},
            "messageAttributes": {
                "reason": {"stringValue": "too \"large\"", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
                "raw": {"binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": "0cc175b9c0f1b6a831c399e269772661",
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
            "awsRegion": "eu-central-1",
        }]});
        assert_eq!(seen, expected);
    }

    #[test]
    fn the_projects_own_decoder_reads_the_event() {
        let event = event(&[record(&message("a\u{1F600}\n\"b\""), ARN), record(&message("c"), ARN)]);
        let decoded: aws_lambda_events::event::sqs::SqsEvent = serde_json::from_slice(&event).expect("an SqsEvent");
        let bodies: Vec<_> = decoded.records.iter().map(|record| record.body.as_deref()).collect();
        assert_eq!(bodies, [Some("a\u{1F600}\n\"b\""), Some("c")]);
    }
}
