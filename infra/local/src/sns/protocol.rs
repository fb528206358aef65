//! SNS as clients speak it: the query protocol, version 2010-03-31.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::Value;

use super::{Publish, SnsError, Subscription, Topics};
use crate::http::{Caller, Response};
use crate::query::{Form, Xml, error_reply, ok_reply};
use crate::sqs::{AttributeValue, MessageAttribute, size};

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// Lists come in pages of this many.
const PAGE: usize = 100;

/// Answers one action.
pub(crate) fn answer(topics: &Topics, caller: &Caller, action: &str, form: &Form) -> Response {
    match act(topics, caller, action, form) {
        Ok(result) => ok_reply(NAMESPACE, action, result),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            error_reply(status, NAMESPACE, error.code(), &error.to_string())
        }
    }
}

fn act(topics: &Topics, caller: &Caller, action: &str, form: &Form) -> Result<Option<Xml>, SnsError> {
    let need = |name: &str| required(form, name);
    let mut xml = Xml::default();
    match action {
        "CreateTopic" => {
            let attributes = form.map("Attributes.entry", "key", "value");
            let arn = topics.create_in(&caller.region, need("Name")?, &attributes)?;
            topics.tags(&arn, |tags| tags.extend(form.map("Tags.member", "Key", "Value")))?;
            xml.text("TopicArn", &arn);
        }
        "DeleteTopic" => {
            topics.delete(need("TopicArn")?);
            return Ok(None);
        }
        "ListTopics" => {
            let all = topics.list();
            let page = page(&all, form, String::as_str);
            xml.element("Topics", |xml| page.0.iter().for_each(|arn| xml.element("member", |xml| xml.text("TopicArn", arn))));
            xml.optional("NextToken", page.1);
        }
        "GetTopicAttributes" => entries(&mut xml, &topics.attributes(need("TopicArn")?)?),
        "SetTopicAttributes" => {
            let value = form.get("AttributeValue").unwrap_or_default();
            topics.set_attribute(need("TopicArn")?, need("AttributeName")?, value)?;
            return Ok(None);
        }
        "Subscribe" => {
            let attributes = form.map("Attributes.entry", "key", "value");
            let arn = topics.subscribe(need("TopicArn")?, need("Protocol")?, need("Endpoint")?, &attributes)?;
            xml.text("SubscriptionArn", &arn);
        }
        "Unsubscribe" => {
            topics.unsubscribe(need("SubscriptionArn")?);
            return Ok(None);
        }
        "ListSubscriptions" | "ListSubscriptionsByTopic" => {
            let topic = if action == "ListSubscriptions" { None } else { Some(need("TopicArn")?) };
            let all = topics.subscriptions(topic)?;
            let page = page(&all, form, |subscription| &subscription.arn);
            xml.element("Subscriptions", |xml| page.0.iter().for_each(|s| member(xml, s, topics.account())));
            xml.optional("NextToken", page.1);
        }
        "GetSubscriptionAttributes" => {
            entries(&mut xml, &topics.subscription(need("SubscriptionArn")?)?.attributes(topics.account()));
        }
        "SetSubscriptionAttributes" => {
            let value = form.get("AttributeValue").unwrap_or_default();
            topics.set_subscription_attribute(need("SubscriptionArn")?, need("AttributeName")?, value)?;
            return Ok(None);
        }
        "Publish" => {
            let arn = form.get("TopicArn").or_else(|| form.get("TargetArn"));
            let arn = arn.ok_or_else(|| {
                SnsError::InvalidParameter("TopicArn or TargetArn Reason: no value for required parameter".to_owned())
            })?;
            xml.text("MessageId", &publish(topics, caller, arn, form)?);
        }
        "PublishBatch" => publish_batch(topics, caller, form, &mut xml)?,
        "TagResource" => topics.tags(need("ResourceArn")?, |tags| tags.extend(form.map("Tags.member", "Key", "Value")))?,
        "UntagResource" => {
            let keys = form.values("TagKeys.member");
            topics.tags(need("ResourceArn")?, |tags| tags.retain(|key, _| !keys.contains(key)))?;
        }
        "ListTagsForResource" => {
            let tags = topics.tags(need("ResourceArn")?, |tags| tags.clone())?;
            xml.element("Tags", |xml| tags.iter().for_each(|(key, value)| pair(xml, "member", ("Key", key), ("Value", value))));
        }
        other => return Err(SnsError::InvalidAction(format!("The local cloud does not have the SNS action {other}"))),
    }
    Ok(Some(xml))
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, SnsError> {
    form.get(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| SnsError::InvalidParameter(format!("{name} Reason: no value for required parameter")))
}

/// One page after the token, which is the last element's name of the page before; with the next token, if there is more.
fn page<'a, T>(all: &'a [T], form: &Form, name: impl for<'b> Fn(&'b T) -> &'b str) -> (&'a [T], Option<&'a str>) {
    let after = form.get("NextToken").unwrap_or_default();
    let from = all.partition_point(|element| !after.is_empty() && name(element) <= after);
    let to = all.len().min(from + PAGE);
    let page = all.get(from..to).unwrap_or_default();
    (page, if to < all.len() { page.last().map(name) } else { None })
}

fn pair(xml: &mut Xml, element: &str, first: (&str, &str), second: (&str, &str)) {
    xml.element(element, |xml| {
        xml.text(first.0, first.1);
        xml.text(second.0, second.1);
    });
}

fn entries(xml: &mut Xml, attributes: &BTreeMap<String, String>) {
    xml.element("Attributes", |xml| {
        attributes.iter().for_each(|(name, value)| pair(xml, "entry", ("key", name), ("value", value)))
    });
}

fn member(xml: &mut Xml, subscription: &Subscription, account: &str) {
    xml.element("member", |xml| {
        xml.text("SubscriptionArn", &subscription.arn);
        xml.text("Owner", account);
        xml.text("Protocol", subscription.protocol.name());
        xml.text("Endpoint", &subscription.endpoint);
        xml.text("TopicArn", &subscription.topic_arn);
    });
}

/// Publishes a `Publish` form, or one entry of a batch.
fn publish(topics: &Topics, caller: &Caller, topic_arn: &str, form: &Form) -> Result<String, SnsError> {
    let text = |name: &str| form.get(name).map(str::to_owned);
    let publish = Publish {
        attributes: attributes(form)?,
        subject: text("Subject"),
        trace_header: caller.trace_header.clone(),
        group_id: text("MessageGroupId"),
        dedup_id: text("MessageDeduplicationId"),
    };
    topics.publish_with(topic_arn, &message(form)?, publish)
}

/// The message; with `MessageStructure=json`, what that JSON has for queues (functions get the same).
fn message(form: &Form) -> Result<String, SnsError> {
    let message = form.get("Message").unwrap_or_default();
    match form.get("MessageStructure") {
        None | Some("") => Ok(message.to_owned()),
        Some("json") => {
            let invalid = |why: &str| SnsError::InvalidParameter(format!("Message Structure - {why}"));
            let parsed: Value = serde_json::from_str(message).map_err(|_| invalid("JSON message body failed to parse"))?;
            let default = parsed.get("default").and_then(Value::as_str);
            let default = default.ok_or_else(|| invalid("No default entry in JSON message body"))?;
            Ok(parsed.get("sqs").and_then(Value::as_str).unwrap_or(default).to_owned())
        }
        Some(_) => Err(SnsError::InvalidParameter("MessageStructure".to_owned())),
    }
}

fn attributes(form: &Form) -> Result<BTreeMap<String, MessageAttribute>, SnsError> {
    let invalid = |name: &str| SnsError::InvalidParameter(format!("The message attribute '{name}' has no value of its type"));
    let attribute = |entry: &Form| {
        let name = required(entry, "Name")?.to_owned();
        let data_type = required(entry, "Value.DataType")?.to_owned();
        let value = match (entry.get("Value.StringValue"), entry.get("Value.BinaryValue")) {
            (Some(text), None) if !text.is_empty() => AttributeValue::Text(text.to_owned()),
            (None, Some(base64)) => AttributeValue::Binary(STANDARD.decode(base64).map_err(|_| invalid(&name))?.into()),
            _ => return Err(invalid(&name)),
        };
        Ok((name, MessageAttribute { data_type, value }))
    };
    form.list("MessageAttributes.entry").iter().map(attribute).collect()
}

fn publish_batch(topics: &Topics, caller: &Caller, form: &Form, xml: &mut Xml) -> Result<(), SnsError> {
    let topic_arn = required(form, "TopicArn")?;
    let entries = form.list("PublishBatchRequestEntries.member");
    if entries.is_empty() {
        return Err(SnsError::EmptyBatchRequest);
    }
    if entries.len() > 10 {
        return Err(SnsError::TooManyEntriesInBatchRequest);
    }
    let ids: Vec<&str> = entries.iter().map(|entry| required(entry, "Id")).collect::<Result<_, _>>()?;
    if ids.iter().enumerate().any(|(i, id)| ids.iter().skip(i + 1).any(|other| other == id)) {
        return Err(SnsError::BatchEntryIdsNotDistinct);
    }
    let weigh = |entry: &Form| Ok(size(entry.get("Message").unwrap_or_default(), &attributes(entry)?));
    let weights: Vec<usize> = entries.iter().map(weigh).collect::<Result<_, SnsError>>()?;
    let limit = topics.max_bytes(topic_arn)?;
    if weights.iter().sum::<usize>() > limit {
        return Err(SnsError::InvalidParameter(format!("The batch is longer than {limit} bytes")));
    }
    let results: Vec<_> =
        ids.iter().zip(&entries).map(|(id, entry)| (*id, publish(topics, caller, topic_arn, entry))).collect();
    xml.element("Successful", |xml| {
        for (id, message_id) in results.iter().filter_map(|(id, result)| Some((id, result.as_ref().ok()?))) {
            pair(xml, "member", ("Id", id), ("MessageId", message_id));
        }
    });
    xml.element("Failed", |xml| {
        for (id, error) in results.iter().filter_map(|(id, result)| Some((id, result.as_ref().err()?))) {
            xml.element("member", |xml| {
                xml.text("Id", id);
                xml.text("Code", error.code());
                xml.text("Message", &error.to_string());
                xml.text("SenderFault", "true");
            });
        }
    });
    Ok(())
}
