//! From a document of unknown shape to its records: every layer is told by its structure, never by a setting.
//!
//! A queue may carry any mixture: S3 publishing directly, through SNS (wrapped, raw, or topic after topic) and through
//! EventBridge. Total: no text panics, and there is at least one item for every document.

use serde_json::Value;

use super::read::{Node, quoted};
use super::{Decoded, Envelope, Layer, Malformed, Record, batch, eventbridge, notification};

/// How many SNS notifications may be nested in one another. A document that goes deeper is malformed.
pub const MAX_SNS_DEPTH: usize = 4;

/// Records of one document that are looked at. S3 sends one; of a longer document the first ones are, and one fault stands
/// for the rest: its message is parked after them.
pub const MAX_RECORDS: usize = 10_000;

/// Decodes the body of a queue's message, or any document that carries S3 events. Never empty.
pub fn decode(body: &str) -> Vec<Decoded> {
    let mut out = Vec::new();
    decode_text(body, None, Envelope::default(), &mut out);
    out
}

/// Decodes a parsed document. Never empty.
pub fn decode_value(document: &Value) -> Vec<Decoded> {
    let mut out = Vec::new();
    walk(&Node::root(document), Envelope::default(), &mut out);
    out
}

/// Decodes a text that came in `envelope`; `at` is where it stood, for the paths of its faults.
pub(super) fn decode_text(text: &str, at: Option<&Node<'_>>, envelope: Envelope, out: &mut Vec<Decoded>) {
    let refuse = |reason: String| match at {
        Some(node) => node.refuse(reason),
        None => Malformed::document(reason),
    };
    if text.trim().is_empty() {
        return out.push(Decoded { envelope, record: Err(refuse("empty".into())) });
    }
    match serde_json::from_str::<Value>(text) {
        Err(error) => out.push(Decoded { envelope, record: Err(refuse(format!("not JSON: {error}"))) }),
        Ok(value) => match at {
            Some(node) => walk(&node.inside(&value), envelope, out),
            None => walk(&Node::root(&value), envelope, out),
        },
    }
}

/// What a document looks like from outside.
enum Shape {
    /// `Records`: S3's own, or what Lambda hands over from SNS and SQS.
    Records,
    /// `Messages`: what SQS's ReceiveMessage answers.
    Messages,
    EventBridge,
    Batch,
    Test,
    Sns,
}

fn shape(document: &Node<'_>) -> Option<Shape> {
    let has = |name| document.has(name);
    match () {
        () if has("Records") => Some(Shape::Records),
        () if has("detail-type") || has("detail") => Some(Shape::EventBridge),
        () if has("invocationSchemaVersion") || has("tasks") => Some(Shape::Batch),
        () if document.value().get("Event").and_then(Value::as_str) == Some("s3:TestEvent") => Some(Shape::Test),
        () if has("Message") || has("TopicArn") => Some(Shape::Sns),
        () if has("Messages") => Some(Shape::Messages),
        () => None,
    }
}

fn walk(document: &Node<'_>, envelope: Envelope, out: &mut Vec<Decoded>) {
    if !document.value().is_object() {
        let reason = format!("expected an object, found {}", document.what());
        return out.push(Decoded { envelope, record: Err(document.refuse(reason)) });
    }
    match shape(document) {
        Some(Shape::Records) => each(document, "Records", envelope, out, |record, envelope, out| {
            walk_record(record, envelope, out);
        }),
        Some(Shape::Messages) => each(document, "Messages", envelope, out, |message, envelope, out| {
            walk_message(message, "Body", envelope, out);
        }),
        Some(Shape::EventBridge) => {
            let record = eventbridge::object_event(document).map(Record::Object);
            out.push(Decoded { envelope: envelope.with(Layer::EventBridge), record });
        }
        Some(Shape::Batch) => batch::records(document, &envelope.with(Layer::S3Batch), out),
        Some(Shape::Test) => {
            let record = notification::test_event(document).map(Record::Test);
            out.push(Decoded { envelope: envelope.with(Layer::S3), record });
        }
        Some(Shape::Sns) => walk_sns(document, envelope, out),
        None => {
            let record = Err(document.refuse("no S3 event, nor anything that wraps one".into()));
            out.push(Decoded { envelope, record });
        }
    }
}

/// Runs over a list of the document. An empty list is a fault: nobody sends one.
fn each(
    document: &Node<'_>,
    name: &str,
    envelope: Envelope,
    out: &mut Vec<Decoded>,
    mut one: impl FnMut(&Node<'_>, Envelope, &mut Vec<Decoded>),
) {
    let before = out.len();
    let walked = document.need(name).and_then(|list| {
        for item in list.items()? {
            if out.len() >= MAX_RECORDS {
                return Err(list.refuse(format!("more than {MAX_RECORDS} records; the rest is not looked at")));
            }
            one(&item, envelope.clone(), out);
        }
        if out.len() == before { Err(list.refuse("an empty list".into())) } else { Ok(()) }
    });
    if let Err(malformed) = walked {
        out.push(Decoded { envelope, record: Err(malformed) });
    }
}

/// One of `Records`: each is judged by itself, so that a stranger among them stays alone.
fn walk_record(record: &Node<'_>, envelope: Envelope, out: &mut Vec<Decoded>) {
    if record.has("s3") {
        let decoded = notification::object_event(record).map(Record::Object);
        return out.push(Decoded { envelope: envelope.with(Layer::S3), record: decoded });
    }
    if record.has("Sns") {
        match record.need("Sns") {
            Ok(sns) => walk_sns(&sns, envelope, out),
            Err(malformed) => out.push(Decoded { envelope, record: Err(malformed) }),
        }
        return;
    }
    if is_sqs_record(record.value()) {
        return walk_message(record, "body", envelope, out);
    }
    let reason = match record.value().get("eventSource").and_then(Value::as_str) {
        Some(source) => format!("no S3 notification record: no `s3` in it, and its eventSource is {}", quoted(source)),
        None => "no S3 notification record: no `s3` in it".into(),
    };
    out.push(Decoded { envelope, record: Err(record.refuse(reason)) });
}

/// One of the records that Lambda hands over from a queue.
pub(super) fn is_sqs_record(record: &Value) -> bool {
    let foreign = record.get("s3").is_some() || record.get("Sns").is_some();
    let named = record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    !foreign && (named || ["messageId", "receiptHandle", "body"].iter().any(|name| record.get(name).is_some()))
}

/// A message of a queue as a whole document shows it; `body` is how its envelope spells the member.
fn walk_message(message: &Node<'_>, body: &str, envelope: Envelope, out: &mut Vec<Decoded>) {
    if !envelope.layers().is_empty() {
        let record = Err(message.refuse(format!("an SQS message within {envelope}")));
        return out.push(Decoded { envelope, record });
    }
    let envelope = envelope.with(Layer::Sqs);
    let read = message.need(body).and_then(|node| {
        let text = node.text()?;
        decode_text(text, Some(&node), envelope.clone(), out);
        Ok(())
    });
    if let Err(malformed) = read {
        out.push(Decoded { envelope, record: Err(malformed) });
    }
}

/// An SNS notification. Only `Message` is required: emulators leave most of the rest out.
fn walk_sns(sns: &Node<'_>, envelope: Envelope, out: &mut Vec<Decoded>) {
    let outer = envelope.count(Layer::Sns);
    let envelope = envelope.with(Layer::Sns);
    if outer >= MAX_SNS_DEPTH {
        let record = Err(sns.refuse(format!("more than {MAX_SNS_DEPTH} SNS notifications nested")));
        return out.push(Decoded { envelope, record });
    }
    let read = sns_message(sns).and_then(|message| {
        let text = message.text()?;
        decode_text(text, Some(&message), envelope.clone(), out);
        Ok(())
    });
    if let Err(malformed) = read {
        out.push(Decoded { envelope, record: Err(malformed) });
    }
}

fn sns_message<'a>(sns: &'a Node<'a>) -> Result<Node<'a>, Malformed> {
    match sns.opt_text("Type")? {
        None | Some("Notification") => sns.need("Message"),
        Some(other) => Err(sns.refuse(format!("an SNS message of type {}, not a notification", quoted(other)))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn brief(decoded: &[Decoded]) -> Vec<String> {
        let brief = |decoded: &Decoded| match &decoded.record {
            Ok(Record::Object(event)) => format!("{}: {} {}", decoded.envelope, event.kind, event.key),
            Ok(Record::Test(_)) => format!("{}: test", decoded.envelope),
            Err(malformed) => format!("{}! {malformed}", decoded.envelope),
        };
        decoded.iter().map(brief).collect()
    }

    fn put(key: &str) -> Value {
        json!({"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": key}}})
    }

    fn sns(depth: usize, inner: &Value) -> Value {
        (0..depth).fold(inner.clone(), |inner, _| json!({"Message": inner.to_string()}))
    }

    #[test]
    fn shapes_are_told_by_structure() {
        let event = json!({"Records": [put("a")]});
        let bridged = json!({"detail-type": "Object Tags Added", "detail": {"bucket": {"name": "b"}, "object": {"key": "a"}}});
        let task = json!({"taskId": "t", "s3Key": "a", "s3BucketArn": "arn:aws:s3:::b"});
        let nested = |depth| format!("{}s3: ObjectCreated:Put a", "sns/".repeat(depth));
        let cases = [
            (event.clone(), nested(0)),
            (sns(1, &event), nested(1)),
            (sns(4, &event), nested(4)),
            (sns(1, &bridged), "sns/eventbridge: ObjectTagging:Put a".into()),
            (bridged, "eventbridge: ObjectTagging:Put a".into()),
            (json!({"Records": [{"Sns": sns(1, &event)}]}), nested(1)),
            (json!({"Event": "s3:TestEvent"}), "s3: test".into()),
            (sns(1, &json!({"Event": "s3:TestEvent"})), "sns/s3: test".into()),
            (json!({"invocationSchemaVersion": "1.0", "invocationId": "i", "tasks": [task]}), "s3-batch: BatchTask a".into()),
            (json!({"Records": [{"body": event.to_string()}]}), "sqs/s3: ObjectCreated:Put a".into()),
            (json!({"Type": "Notification", "TopicArn": "t", "Message": event.to_string()}), nested(1)),
        ];
        for (document, expected) in cases {
            assert_eq!(brief(&decode_value(&document)), std::slice::from_ref(&expected), "{document}");
            assert_eq!(brief(&decode(&document.to_string())), [expected], "{document}");
        }
    }

    #[test]
    fn what_is_no_event_is_one_fault_with_its_place() {
        let event = json!({"Records": [put("a")]});
        let five = format!("sns/sns/sns/sns/sns! {}: more than 4 SNS notifications nested", "/Message".repeat(4));
        let cases = [
            (json!({}), "! no S3 event, nor anything that wraps one"),
            (json!([]), "! expected an object, found a list"),
            (json!(null), "! expected an object, found null"),
            (json!("text"), "! expected an object, found a text"),
            (json!({"Records": []}), "! /Records: an empty list"),
            (json!({"Records": null}), "! /Records: missing"),
            (json!({"Records": "x"}), "! /Records: expected a list, found a text"),
            (json!({"Records": [null]}), "! /Records/0: no S3 notification record: no `s3` in it"),
            (
                json!({"Records": [{"eventSource": "s3.amazonaws.com"}]}),
                "! /Records/0: no S3 notification record: no `s3` in it, and its eventSource is \"s3.amazonaws.com\"",
            ),
            (json!({"TopicArn": "t"}), "sns! /Message: missing"),
            (json!({"Message": 7}), "sns! /Message: expected a text, found a number"),
            (json!({"Message": ""}), "sns! /Message: empty"),
            (json!({"Message": "{"}), "sns! /Message: not JSON: EOF while parsing an object at line 1 column 1"),
            (json!({"Message": "{}"}), "sns! /Message: no S3 event, nor anything that wraps one"),
            (
                json!({"Type": "SubscriptionConfirmation", "Message": "x"}),
                "sns! an SNS message of type \"SubscriptionConfirmation\", not a notification",
            ),
            (json!({"Records": [{"Sns": null}]}), "! /Records/0/Sns: missing"),
            (json!({"Message": r#"{"Records": [{"body": "{}"}]}"#}), "sns! /Message/Records/0: an SQS message within sns"),
            (sns(5, &event), &five),
            (
                json!({"invocationSchemaVersion": "3.0", "tasks": []}),
                "s3-batch! /invocationSchemaVersion: only schema 1.0 and 2.0 are known",
            ),
            (json!({"invocationSchemaVersion": "1.0", "tasks": []}), "s3-batch! /tasks: an empty list"),
            (json!({"tasks": []}), "s3-batch! /invocationSchemaVersion: missing"),
        ];
        for (document, expected) in cases {
            assert_eq!(brief(&decode_value(&document)), [expected], "{document}");
        }
        assert_eq!(brief(&decode(" \n ")), ["! empty"]);
        assert_eq!(brief(&decode("{\"a\": \"\\ud800\"}")).len(), 1);
        assert_eq!(brief(&decode(&"[".repeat(1000))), ["! not JSON: recursion limit exceeded at line 1 column 128"]);
    }

    #[test]
    fn a_bad_record_stays_alone() {
        let document = json!({"Records": [put("a"), put("%FF"), null, {"Sns": {"Message": "{"}}, put("b")]});
        assert_eq!(
            brief(&decode_value(&document)),
            [
                "s3: ObjectCreated:Put a",
                "s3! /Records/1/s3/object/key: the key is not UTF-8 after percent-decoding",
                "! /Records/2: no S3 notification record: no `s3` in it",
                "sns! /Records/3/Sns/Message: not JSON: EOF while parsing an object at line 1 column 1",
                "s3: ObjectCreated:Put b",
            ]
        );
    }

    #[test]
    fn a_member_that_occurs_twice_counts_as_its_last() {
        let body =
            r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"x","key":"y"}}}]}"#;
        assert_eq!(brief(&decode(body)), ["s3: ObjectCreated:Put y"]);
    }

    #[test]
    fn reasons_quote_only_the_start() {
        let document = json!({"Records": [{"eventSource": "🐈".repeat(1000)}]});
        let decoded = decode_value(&document);
        let reason = decoded[0].record.as_ref().unwrap_err().reason.clone();
        assert!(reason.ends_with("🐈…\"") && reason.chars().count() < 200, "{reason}");
    }
}
