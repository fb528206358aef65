//! What CloudFormation asks of a custom resource.

use std::collections::BTreeSet;
use std::fmt;

use brigade::notification::{Filter, pattern_of_family};
use serde_json::Value;

use crate::arn::Arn;
use crate::notification::{Announcement, Owner};

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// The resource joins the stack.
    Create,
    /// Its properties change.
    Update,
    /// It leaves the stack.
    Delete,
}

/// A request. Only `properties` may be wrong: the rest is CloudFormation's own.
pub struct Request {
    /// What is to happen.
    pub kind: RequestKind,
    /// ARN of the stack.
    pub stack_id: String,
    /// Name of the resource in its template.
    pub logical_id: String,
    /// Of this request; the same in a repetition.
    pub request_id: String,
    /// What CloudFormation knows the resource by, unless it is new.
    pub physical_id: Option<String>,
    /// What the template says, or everything that is wrong with it.
    pub properties: Result<Properties, String>,
    response_url: String,
}

/// Without the address, which is signed.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Request");
        debug.field("kind", &self.kind).field("stack_id", &self.stack_id).field("logical_id", &self.logical_id);
        debug.field("properties", &self.properties).finish_non_exhaustive()
    }
}

/// What the template says.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// `BucketName`.
    pub bucket: String,
    /// `TopicArn`.
    pub topic: Arn,
    /// `Families`: of events, such as `ObjectCreated`.
    pub families: BTreeSet<String>,
    /// `Prefix` and `Suffix`, form-encoded as S3 takes them.
    pub filter: Filter,
}

impl Request {
    /// Reads a payload.
    ///
    /// # Errors
    /// It is no request of CloudFormation, so that there is nobody to answer.
    pub fn parse(payload: &Value) -> Result<Self, String> {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let need =
            |name: &str| text(name).ok_or_else(|| format!("the payload is no request of CloudFormation: it has no {name}"));
        let kind = match need("RequestType")?.as_str() {
            "Create" => RequestKind::Create,
            "Update" => RequestKind::Update,
            "Delete" => RequestKind::Delete,
            _ => return Err("the payload's RequestType is none of Create, Update and Delete".to_owned()),
        };
        Ok(Self {
            kind,
            stack_id: need("StackId")?,
            logical_id: need("LogicalResourceId")?,
            request_id: need("RequestId")?,
            physical_id: text("PhysicalResourceId"),
            properties: properties(payload.get("ResourceProperties").unwrap_or(&Value::Null)),
            response_url: need("ResponseURL")?,
        })
    }

    /// Where the answer goes. It is signed: nobody else must see it.
    pub fn response_url(&self) -> &str {
        &self.response_url
    }

    /// Whose rules these are.
    pub fn owner(&self) -> Owner {
        Owner::stack(&self.stack_id, &self.logical_id)
    }

    /// What CloudFormation shall know the resource by: its bucket. Where a change of properties makes it another one,
    /// CloudFormation deletes the old one afterwards; so a change that failed leaves it what it was.
    pub fn physical_id_after(&self, success: bool) -> String {
        match (&self.properties, self.kind) {
            (Ok(properties), RequestKind::Create) => format!("{ID}{}", properties.bucket),
            (Ok(properties), RequestKind::Update) if success => format!("{ID}{}", properties.bucket),
            _ => self.physical_id.clone().unwrap_or_else(|| NOTHING.to_owned()),
        }
    }

    /// The bucket that the resource is known by. `None`: it has no id yet, or one that CloudFormation made up for an answer
    /// that never came.
    pub fn known_bucket(&self) -> Option<&str> {
        self.physical_id.as_deref()?.strip_prefix(ID)
    }
}

/// How the physical ids begin.
const ID: &str = "brigade-wire.";
/// The physical id of a resource that could not be made, and names no bucket.
const NOTHING: &str = "brigade-wire";

impl Properties {
    /// What the bucket is to announce.
    pub fn announcement(&self) -> Announcement {
        Announcement { topic: self.topic.to_string(), families: self.families.clone(), filter: self.filter.clone() }
    }
}

const NAMES: &[&str] = &["ServiceToken", "ServiceTimeout", "BucketName", "TopicArn", "Families", "Prefix", "Suffix"];

fn properties(given: &Value) -> Result<Properties, String> {
    let mut mistakes: Vec<String> = Vec::new();
    let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let bucket = text("BucketName");
    if bucket.is_none() {
        mistakes.push("BucketName: a text is required".to_owned());
    }
    let topic = text("TopicArn").as_deref().and_then(Arn::parse).filter(|arn| arn.service == "sns");
    if topic.is_none() {
        mistakes.push("TopicArn: the ARN of a topic is required".to_owned());
    }
    let families = given.get("Families").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let families: BTreeSet<String> = families.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if families.is_empty() || families.iter().any(|family| pattern_of_family(family).is_none()) {
        mistakes.push("Families: a list of families of events is required, such as ObjectCreated".to_owned());
    }
    let names = given.as_object().into_iter().flat_map(|map| map.keys());
    mistakes
        .extend(names.filter(|name| !NAMES.contains(&name.as_str())).map(|name| format!("{name}: there is no such property")));
    match (bucket, topic) {
        (Some(bucket), Some(topic)) if mistakes.is_empty() => {
            let filter = Filter { prefix: text("Prefix"), suffix: text("Suffix") };
            Ok(Properties { bucket, topic, families, filter })
        }
        _ => Err(mistakes.join("; ")),
    }
}
