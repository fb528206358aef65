//! SQS in the query protocol, version 2012-11-05: older clients still speak it.
//!
//! A form is turned into the JSON document of the same action, and the reply's document into XML. What differs are the
//! names of list elements, which the query protocol has in the singular.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::actions::act;
use super::engine::Queues;
use crate::http::{Caller, Response};
use crate::query::{Form, Xml, error_reply, ok_reply};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// Parameters that are numbers.
const NUMBERS: [&str; 5] = ["DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds", "MaxResults"];

/// Lists of plain values: the form's name, and the document's.
const VALUES: [(&str, &str); 4] = [
    ("AttributeName", "AttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("TagKey", "TagKeys"),
];

/// Answers one action. The queue is named by a field, or by the path that the request goes to.
pub(crate) async fn answer(queues: &Queues, caller: &Caller, path: &str, action: &str, form: &Form) -> Response {
    let mut input = document(form, action);
    if !input.contains_key("QueueUrl") && path.trim_matches('/').contains('/') {
        input.insert("QueueUrl".to_owned(), json!(path));
    }
    match act(queues, caller, action, Value::Object(input)).await {
        Ok(Value::Object(output)) if !output.is_empty() => ok_reply(NAMESPACE, action, Some(write(action, &output))),
        Ok(_) if action == "ReceiveMessage" => ok_reply(NAMESPACE, action, Some(Xml::default())),
        Ok(_) => ok_reply(NAMESPACE, action, None),
        Err(error) => error_reply(StatusCode::BAD_REQUEST, NAMESPACE, error.query_code(), &error.to_string()),
    }
}

fn document(form: &Form, action: &str) -> Map<String, Value> {
    let mut input = Map::new();
    for (name, value) in form.plain().filter(|(name, _)| !matches!(*name, "Action" | "Version")) {
        let number = NUMBERS.contains(&name).then(|| value.parse::<i64>().ok()).flatten();
        input.insert(name.to_owned(), number.map_or_else(|| json!(value), |number| json!(number)));
    }
    for (singular, plural) in VALUES {
        let values = form.values(singular);
        if !values.is_empty() {
            input.insert(plural.to_owned(), json!(values));
        }
    }
    for (singular, plural, key) in [("Attribute", "Attributes", "Name"), ("Tag", "Tags", "Key")] {
        let map = form.map(singular, key, "Value");
        if !map.is_empty() {
            input.insert(plural.to_owned(), json!(map));
        }
    }
    for (singular, plural) in [("MessageAttribute", "MessageAttributes"), ("MessageSystemAttribute", "MessageSystemAttributes")]
    {
        let attribute = |entry: &Form| {
            let fields = entry.plain_under("Value.").map(|(name, value)| (name.to_owned(), json!(value)));
            Some((entry.get("Name")?.to_owned(), Value::Object(fields.collect())))
        };
        let map: Map<String, Value> = form.list(singular).iter().filter_map(attribute).collect();
        if !map.is_empty() {
            input.insert(plural.to_owned(), Value::Object(map));
        }
    }
    if action.ends_with("Batch") {
        let entries = form.list(&format!("{action}RequestEntry"));
        input.insert("Entries".to_owned(), entries.iter().map(|entry| Value::Object(document(entry, ""))).collect());
    }
    input
}

/// The name of the elements of a reply's list or map.
fn element(action: &str, member: &str) -> String {
    match member {
        "Messages" => "Message".to_owned(),
        "Attributes" => "Attribute".to_owned(),
        "MessageAttributes" => "MessageAttribute".to_owned(),
        "QueueUrls" | "queueUrls" => "QueueUrl".to_owned(),
        "Tags" => "Tag".to_owned(),
        "Successful" => format!("{action}ResultEntry"),
        "Failed" => "BatchResultErrorEntry".to_owned(),
        other => other.to_owned(),
    }
}

fn write(action: &str, output: &Map<String, Value>) -> Xml {
    let mut xml = Xml::default();
    members(&mut xml, action, output);
    xml
}

fn members(xml: &mut Xml, action: &str, object: &Map<String, Value>) {
    for (name, value) in object {
        let element = element(action, name);
        match value {
            Value::Array(list) => list.iter().for_each(|one| member(xml, action, &element, one)),
            Value::Object(map) => {
                let key = if name == "Tags" { "Key" } else { "Name" };
                for (entry, value) in map {
                    xml.element(&element, |xml| {
                        xml.text(key, entry);
                        member(xml, action, "Value", value);
                    });
                }
            }
            plain => member(xml, action, &element, plain),
        }
    }
}

fn member(xml: &mut Xml, action: &str, element: &str, value: &Value) {
    match value {
        Value::Object(object) => xml.element(element, |xml| members(xml, action, object)),
        Value::String(text) => xml.text(element, text),
        other => xml.text(element, &other.to_string()),
    }
}
