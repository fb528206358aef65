//! SQS's actions, on JSON documents with the member names of its API: both protocols end here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::batch::{self, Entry};
use super::engine::Queues;
use super::error::{SqsError, invalid_parameter};
use super::receiving::Receive;
use super::wire::{self, WireAttribute};
use super::{Outgoing, Sent};
use crate::http::Caller;

/// A page of `ListQueues` has at most this many.
const PAGE: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, rename = "tags", alias = "Tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListQueues {
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: String,
}

/// The parameters of the actions on one queue that take little else.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct OnQueue {
    queue_url: String,
    attribute_names: Vec<String>,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    #[serde(default)]
    pub(super) message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, WireAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, WireAttribute>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ReceiveMessage {
    queue_url: String,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WithHandle {
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    #[serde(default)]
    entries: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MoveTask {
    source_arn: String,
    destination_arn: Option<String>,
}

/// Carries out an action.
pub(super) async fn act(queues: &Queues, caller: &Caller, action: &str, input: Value) -> Result<Value, SqsError> {
    let nothing = |()| json!({});
    match action {
        "SendMessage" => {
            let queue = queue_of(&input)?;
            Ok(sent(&send(queues, caller, &queue, read(input)?)?))
        }
        "ReceiveMessage" => receive(queues, read(input)?).await,
        "DeleteMessage" => delete(queues, &queue_of(&input)?, read(input)?).map(nothing),
        "ChangeMessageVisibility" => change(queues, &queue_of(&input)?, read(input)?).map(nothing),
        "SendMessageBatch" => {
            let queue = queue_of(&input)?;
            queues.arn(&queue)?;
            let entries = entries(input, "SendMessageBatchRequestEntry")?;
            batch::check_size(&entries)?;
            batch::run(entries, |entry| Ok(sent(&send(queues, caller, &queue, read(entry)?)?)))
        }
        "DeleteMessageBatch" => {
            let queue = queue_of(&input)?;
            queues.arn(&queue)?;
            let entries = entries(input, "DeleteMessageBatchRequestEntry")?;
            batch::run(entries, |entry| delete(queues, &queue, read(entry)?).map(nothing))
        }
        "ChangeMessageVisibilityBatch" => {
            let queue = queue_of(&input)?;
            queues.arn(&queue)?;
            let entries = entries(input, "ChangeMessageVisibilityBatchRequestEntry")?;
            batch::run(entries, |entry| change(queues, &queue, read(entry)?).map(nothing))
        }
        "CreateQueue" => {
            let create: CreateQueue = read(input)?;
            queues.create_in(&caller.region, &create.queue_name, &create.attributes)?;
            queues.tags(&create.queue_name, |tags| tags.extend(create.tags))?;
            url(queues, caller, &create.queue_name)
        }
        "GetQueueUrl" => {
            let name = input.get("QueueName").and_then(Value::as_str).ok_or(SqsError::MissingParameter("QueueName"))?;
            url(queues, caller, name)
        }
        "ListQueues" => list(queues, caller, &read(input)?),
        "StartMessageMoveTask" => {
            let task: MoveTask = read(input)?;
            let moved = queues.move_messages(&task.source_arn, task.destination_arn.as_deref())?;
            // The task is over when the reply leaves, so its handle names nothing but its outcome.
            Ok(json!({ "TaskHandle": format!("done-{moved}") }))
        }
        _ => on_queue(queues, caller, action, read(input)?),
    }
}

fn on_queue(queues: &Queues, caller: &Caller, action: &str, input: OnQueue) -> Result<Value, SqsError> {
    let unknown = || SqsError::UnsupportedOperation(format!("The local cloud does not have the SQS action {action}"));
    let queue = &input.queue_url;
    let known = ["DeleteQueue", "PurgeQueue", "GetQueueAttributes", "SetQueueAttributes", "TagQueue", "UntagQueue"];
    if !known.contains(&action) && !["ListQueueTags", "ListDeadLetterSourceQueues"].contains(&action) {
        return Err(unknown());
    }
    if queue.is_empty() {
        return Err(SqsError::MissingParameter("QueueUrl"));
    }
    match action {
        "DeleteQueue" => queues.delete_queue(queue)?,
        "PurgeQueue" => queues.purge(queue)?,
        "SetQueueAttributes" => queues.set_attributes(queue, &input.attributes)?,
        "TagQueue" => queues.tags(queue, |tags| tags.extend(input.tags))?,
        "UntagQueue" => queues.tags(queue, |tags| tags.retain(|key, _| !input.tag_keys.contains(key)))?,
        "ListQueueTags" => return queues.tags(queue, |tags| json!({ "Tags": tags })),
        "ListDeadLetterSourceQueues" => {
            let names = queues.dead_letter_sources(queue)?;
            let urls: Vec<String> = names.iter().filter_map(|name| queues.url(name, &caller.base).ok()).collect();
            return Ok(json!({ "queueUrls": urls }));
        }
        "GetQueueAttributes" => {
            let mut all = queues.attributes(queue)?;
            if !input.attribute_names.iter().any(|name| name == "All") {
                wire::check_names(&input.attribute_names)?;
                all.retain(|name, _| input.attribute_names.contains(name));
            }
            return Ok(json!({ "Attributes": all }));
        }
        _ => return Err(unknown()),
    }
    Ok(json!({}))
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, SqsError> {
    serde_json::from_value(input).map_err(|error| SqsError::Malformed(error.to_string()))
}

fn queue_of(input: &Value) -> Result<String, SqsError> {
    let url = input.get("QueueUrl").and_then(Value::as_str).filter(|url| !url.is_empty());
    url.map(str::to_owned).ok_or(SqsError::MissingParameter("QueueUrl"))
}

fn entries(input: Value, element: &'static str) -> Result<Vec<Entry>, SqsError> {
    batch::check(read::<Batch>(input)?.entries, element)
}

fn url(queues: &Queues, caller: &Caller, queue: &str) -> Result<Value, SqsError> {
    Ok(json!({ "QueueUrl": queues.url(queue, &caller.base)? }))
}

fn list(queues: &Queues, caller: &Caller, list: &ListQueues) -> Result<Value, SqsError> {
    if list.max_results.is_some_and(|max| !(1..=PAGE).contains(&max)) {
        return Err(invalid_parameter("MaxResults", list.max_results.unwrap_or_default(), "Must be between 1 and 1000"));
    }
    // The token is the last name of the page before.
    let mut names = queues.list(&list.queue_name_prefix);
    names.retain(|name| list.next_token.is_empty() || *name > list.next_token);
    let more = names.len() > list.max_results.unwrap_or(PAGE);
    names.truncate(list.max_results.unwrap_or(PAGE));
    let urls: Vec<String> = names.iter().filter_map(|name| queues.url(name, &caller.base).ok()).collect();
    let mut reply = Map::new();
    reply.insert("QueueUrls".to_owned(), json!(urls));
    // SQS gives a token only where MaxResults was given.
    if let (true, Some(_), Some(last)) = (more, list.max_results, names.last()) {
        reply.insert("NextToken".to_owned(), json!(last));
    }
    Ok(Value::Object(reply))
}

/// The message's own trace header goes before the one of the request that sends it.
fn send(queues: &Queues, caller: &Caller, queue: &str, message: SendMessage) -> Result<Sent, SqsError> {
    let attributes = wire::attributes(message.message_attributes)?;
    let mut system = wire::attributes(message.message_system_attributes)?;
    let trace = system.remove("AWSTraceHeader").and_then(|attribute| attribute.text().map(str::to_owned));
    if let Some(name) = system.keys().next() {
        return Err(SqsError::InvalidParameterValue(format!("Message system attribute name '{name}' is invalid.")));
    }
    let own_trace = trace.is_some();
    let outgoing = Outgoing {
        attributes,
        trace_header: trace.or_else(|| caller.trace_header.clone()),
        group_id: message.message_group_id,
        dedup_id: message.message_deduplication_id,
        delay: seconds("DelaySeconds", message.delay_seconds)?,
    };
    let mut sent = queues.send(queue, message.message_body, outgoing)?;
    // A digest is returned for what the message itself carried.
    sent.md5_of_system_attributes = sent.md5_of_system_attributes.filter(|_| own_trace);
    Ok(sent)
}

fn sent(sent: &Sent) -> Value {
    let mut reply = Map::new();
    let mut put = |name: &str, value: Option<&String>| value.map(|value| reply.insert(name.to_owned(), json!(value)));
    put("MessageId", Some(&sent.message_id));
    put("MD5OfMessageBody", Some(&sent.md5));
    put("MD5OfMessageAttributes", sent.md5_of_attributes.as_ref());
    put("MD5OfMessageSystemAttributes", sent.md5_of_system_attributes.as_ref());
    put("SequenceNumber", sent.sequence_number.as_ref());
    Value::Object(reply)
}

async fn receive(queues: &Queues, input: ReceiveMessage) -> Result<Value, SqsError> {
    let max = input.max_number_of_messages.unwrap_or(1);
    let max = usize::try_from(max).ok().filter(|max| (1..=10).contains(max));
    let reason = "Must be between 1 and 10, if provided";
    let max =
        max.ok_or_else(|| invalid_parameter("MaxNumberOfMessages", input.max_number_of_messages.unwrap_or_default(), reason))?;
    if input.queue_url.is_empty() {
        return Err(SqsError::MissingParameter("QueueUrl"));
    }
    let receive = Receive {
        max,
        wait: seconds("WaitTimeSeconds", input.wait_time_seconds)?,
        visibility: seconds("VisibilityTimeout", input.visibility_timeout)?,
    };
    let system: Vec<String> = input.attribute_names.into_iter().chain(input.message_system_attribute_names).collect();
    let received = queues.receive_with(&input.queue_url, receive).await?;
    let messages: Vec<Value> =
        received.into_iter().map(|r| wire::message(r, &system, &input.message_attribute_names)).collect();
    // An empty receive has no list at all.
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

fn delete(queues: &Queues, queue: &str, input: WithHandle) -> Result<(), SqsError> {
    let handle = input.receipt_handle.ok_or(SqsError::MissingParameter("ReceiptHandle"))?;
    queues.delete(queue, &handle).map(|_| ())
}

fn change(queues: &Queues, queue: &str, input: WithHandle) -> Result<(), SqsError> {
    let handle = input.receipt_handle.ok_or(SqsError::MissingParameter("ReceiptHandle"))?;
    let timeout =
        seconds("VisibilityTimeout", input.visibility_timeout)?.ok_or(SqsError::MissingParameter("VisibilityTimeout"))?;
    queues.change_visibility(queue, &handle, timeout)
}

fn seconds(name: &str, value: Option<i64>) -> Result<Option<Duration>, SqsError> {
    let convert = |n: i64| u64::try_from(n).map(Duration::from_secs).map_err(|_| invalid_parameter(name, n, "Must be >= 0"));
    value.map(convert).transpose()
}
