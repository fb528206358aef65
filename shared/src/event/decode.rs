//! From a document of unknown shape to its records: every layer is told by its structure, never by a setting.
//!
//! A queue may carry any mixture: S3 publishing directly, through SNS (wrapped, raw, or topic after topic) and through
//! EventBridge. Total: no text panics, and there is at least one item for every document.

use serde_json::Value;

use super::read::{Node, quoted};
use super::{Decoded, Envelope, Layer, Malformed, Record, batch, eventbridge, notification};

/// How many SNS notifications may be nested in one another. A document that goes deeper is malformed.
pub const MAX_SNS_DEPTH: usize = 4;

/// What the documents themselves do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// How EventBridge's keys are read first.
    pub eventbridge_keys: KeyReading,
}

/// How a transport writes keys. AWS documents form encoding for notifications and says nothing for EventBridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyReading {
    /// As S3 stores them.
    #[default]
    Raw,
    /// Form-encoded, as in notifications.
    FormEncoded,
}

/// Decodes the body of a queue's message, or any document that carries S3 events. Never empty.
pub fn decode(body: &str) -> Vec<Decoded> {
    decode_with(body, &DecodeOptions::default())
}

/// [`decode`] with the settings given.
pub fn decode_with(body: &str, options: &DecodeOptions) -> Vec<Decoded> {
    let mut out = Vec::new();
    decode_text(body, None, Envelope::default(), options, &mut out);
    out
}

/// Decodes a parsed document. Never empty.
pub fn decode_value(document: &Value) -> Vec<Decoded> {
    decode_value_with(document, &DecodeOptions::default())
}

/// [`decode_value`] with the settings given.
pub fn decode_value_with(document: &Value, options: &DecodeOptions) -> Vec<Decoded> {
    let mut out = Vec::new();
    walk(&Node::root(document), Envelope::default(), options, &mut out);
    out
}

/// Decodes a text that came in `envelope`; `at` is where it stood, for the paths of its faults.
pub(super) fn decode_text(
    text: &str,
    at: Option<&Node<'_>>,
    envelope: Envelope,
    options: &DecodeOptions,
    out: &mut Vec<Decoded>,
) {
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
            Some(node) => walk(&node.inside(&value), envelope, options, out),
            None => walk(&Node::root(&value), envelope, options, out),
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

fn walk(document: &Node<'_>, envelope: Envelope, options: &DecodeOptions, out: &mut Vec<Decoded>) {
    if !document.value().is_object() {
        let reason = format!("expected an object, found {}", document.what());
        return out.push(Decoded { envelope, record: Err(document.refuse(reason)) });
    }
    match shape(document) {
        Some(Shape::Records) => each(document, "Records", envelope, out, |record, envelope, out| {
            walk_record(record, envelope, options, out);
        }),
        Some(Shape::Messages) => each(document, "Messages", envelope, out, |message, envelope, out| {
            walk_message(message, "Body", envelope, options, out);
        }),
        Some(Shape::EventBridge) => {
            let record = eventbridge::object_event(document, options.eventbridge_keys).map(Record::Object);
            out.push(Decoded { envelope: envelope.with(Layer::EventBridge), record });
        }
        Some(Shape::Batch) => batch::records(document, &envelope.with(Layer::S3Batch), out),
        Some(Shape::Test) => {
            let record = notification::test_event(document).map(Record::Test);
            out.push(Decoded { envelope: envelope.with(Layer::S3), record });
        }
        Some(Shape::Sns) => walk_sns(document, envelope, options, out),
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
        list.items()?.for_each(|item| one(&item, envelope.clone(), out));
        if out.len() == before { Err(list.refuse("an empty list".into())) } else { Ok(()) }
    });
    if let Err(malformed) = walked {
        out.push(Decoded { envelope, record: Err(malformed) });
    }
}

/// One of `Records`: each is judged by itself, so that a stranger among them stays alone.
fn walk_record(record: &Node<'_>, envelope: Envelope, options: &DecodeOptions, out: &mut Vec<Decoded>) {
    if record.has("s3") {
        let decoded = notification::object_event(record).map(Record::Object);
        return out.push(Decoded { envelope: envelope.with(Layer::S3), record: decoded });
    }
    if record.has("Sns") {
        match record.need("Sns") {
            Ok(sns) => walk_sns(&sns, envelope, options, out),
            Err(malformed) => out.push(Decoded { envelope, record: Err(malformed) }),
        }
        return;
    }
    if is_sqs_record(record.value()) {
        return walk_message(record, "body", envelope, options, out);
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
fn walk_message(message: &Node<'_>, body: &str, envelope: Envelope, options: &DecodeOptions, out: &mut Vec<Decoded>) {
    if !envelope.layers().is_empty() {
        let record = Err(message.refuse(format!("an SQS message within {envelope}")));
        return out.push(Decoded { envelope, record });
    }
    let envelope = envelope.with(Layer::Sqs);
    let read = message.need(body).and_then(|node| {
        let text = node.text()?;
        decode_text(text, Some(&node), envelope.clone(), options, out);
        Ok(())
    });
    if let Err(malformed) = read {
        out.push(Decoded { envelope, record: Err(malformed) });
    }
}

/// An SNS notification. Only `Message` is required: emulators leave most of the rest out.
fn walk_sns(sns: &Node<'_>, envelope: Envelope, options: &DecodeOptions, out: &mut Vec<Decoded>) {
    let outer = envelope.count(Layer::Sns);
    let envelope = envelope.with(Layer::Sns);
    if outer >= MAX_SNS_DEPTH {
        let record = Err(sns.refuse(format!("more than {MAX_SNS_DEPTH} SNS notifications nested")));
        return out.push(Decoded { envelope, record });
    }
    let read = sns_message(sns).and_then(|message| {
        let text = message.text()?;
        decode_text(text, Some(&message), envelope.clone(), options, out);
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
