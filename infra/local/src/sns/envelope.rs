//! What a topic's subscribers get: a queue the envelope, or with raw delivery the message itself; a function an event.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::subscription::Subscription;
use crate::sqs::{AttributeValue, MAX_MESSAGE_ATTRIBUTES, MessageAttribute, Outgoing};

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// SNS's id of it; each publication has its own, also a repeated one.
    pub message_id: String,
    /// The topic.
    pub topic_arn: String,
    /// The message.
    pub message: String,
    /// Its subject, where it has one.
    pub subject: Option<String>,
    /// Its attributes.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// `AWSTraceHeader`, passed on to queues.
    pub trace_header: Option<String>,
    /// FIFO: passed on to FIFO queues.
    pub group_id: Option<String>,
    /// FIFO: passed on to FIFO queues.
    pub dedup_id: Option<String>,
    /// When it was published.
    pub published: OffsetDateTime,
}

/// The body and what goes with it. With raw delivery the attributes become message attributes, and `None` says that there
/// are more than the ten a queue takes: SNS gives such a message up as a client-side error.
pub(super) fn for_queue(
    publication: &Publication,
    subscription: &Subscription,
    raw: bool,
    base: &str,
) -> Option<(String, Outgoing)> {
    let mut outgoing = Outgoing {
        attributes: BTreeMap::new(),
        trace_header: publication.trace_header.clone(),
        group_id: publication.group_id.clone(),
        // Standard queues refuse a deduplication id.
        dedup_id: publication.dedup_id.clone().filter(|_| subscription.endpoint.ends_with(".fifo")),
        delay: None,
    };
    if !raw {
        return Some((envelope(publication, &subscription.arn, base).to_string(), outgoing));
    }
    if publication.attributes.len() > MAX_MESSAGE_ATTRIBUTES {
        return None;
    }
    outgoing.attributes.clone_from(&publication.attributes);
    Some((publication.message.clone(), outgoing))
}

/// The event that a function is invoked with: the envelope in a record. Two of its names are spelt otherwise there, and what
/// an envelope leaves out is null or empty.
///
/// Source: AWS Lambda developer guide, "Invoking Lambda functions with Amazon SNS notifications".
pub(super) fn for_function(publication: &Publication, subscription_arn: &str, base: &str) -> Value {
    let mut sns = json!({"Subject": null, "MessageAttributes": {}});
    if let (Some(sns), Value::Object(fields)) = (sns.as_object_mut(), envelope(publication, subscription_arn, base)) {
        let spelt = |name: String| name.strip_suffix("URL").map(|stem| format!("{stem}Url")).unwrap_or(name);
        sns.extend(fields.into_iter().map(|(name, value)| (spelt(name), value)));
    }
    json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription_arn, "Sns": sns,
    }]})
}

/// The envelope. Signature and certificate are placeholders of the right form: this cloud holds no key that anybody trusts.
fn envelope(publication: &Publication, subscription_arn: &str, base: &str) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: String| fields.insert(name.to_owned(), Value::String(value));
    put("Type", "Notification".to_owned());
    put("MessageId", publication.message_id.clone());
    put("TopicArn", publication.topic_arn.clone());
    if let Some(subject) = &publication.subject {
        put("Subject", subject.clone());
    }
    put("Message", publication.message.clone());
    put("Timestamp", timestamp(publication.published));
    put("SignatureVersion", "1".to_owned());
    put("Signature", STANDARD.encode(b"the local cloud signs nothing"));
    put("SigningCertURL", format!("{base}/_brigade/SimpleNotificationService.pem"));
    put("UnsubscribeURL", format!("{base}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"));
    if !publication.attributes.is_empty() {
        let attribute = |a: &MessageAttribute| {
            let value = match &a.value {
                AttributeValue::Text(text) => text.clone(),
                AttributeValue::Binary(bytes) => STANDARD.encode(bytes),
            };
            json!({ "Type": a.data_type, "Value": value })
        };
        let attributes = publication.attributes.iter().map(|(name, a)| (name.clone(), attribute(a)));
        fields.insert("MessageAttributes".to_owned(), Value::Object(attributes.collect()));
    }
    Value::Object(fields)
}

/// `2026-11-22T10:00:00.000Z`, the form of SNS.
fn timestamp(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z")).unwrap_or_default()
}
