//! What joins the rooms: notifications to queues, topics and functions, and the port to the function host.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use brigade::event::BucketName;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::StatusCode;
use serde_json::Value;

use crate::http::{Body, Request, Response, Route};
use crate::lambda::{Lambda, MAX_PAYLOAD};
use crate::notify::{Destination, DestinationProblem, Destinations};
use crate::sns::{FunctionSink, Topics};
use crate::sqs::{Outgoing, Queues};

/// The subject that S3 gives its notifications on a topic.
const SUBJECT: &str = "Amazon S3 Notification";
/// A body is read somewhat beyond the host's limit, so that the host refuses it with its reason.
const BODY_MAX: usize = MAX_PAYLOAD + 64 * 1024;

/// The destinations of notifications, all in this process.
pub(super) struct Services {
    pub(super) queues: Queues,
    pub(super) topics: Topics,
    pub(super) host: Arc<Lambda>,
}

#[async_trait]
impl Destinations for Services {
    async fn check(&self, bucket: &BucketName, destination: &Destination) -> Result<(), DestinationProblem> {
        let bucket = bucket_arn(bucket);
        let (admits, kind) = match destination {
            Destination::Queue(arn) => (self.queues.admits(arn, "s3.amazonaws.com", &bucket).ok(), "queue"),
            Destination::Topic(arn) => (self.topics.admits(arn, &bucket).ok(), "topic"),
            // A function's own policy is not modelled: whoever may be invoked may be invoked by S3.
            Destination::Function(arn) => (self.host.state(function_name(arn)).ok().map(|_| true), "function"),
        };
        match admits {
            Some(true) => Ok(()),
            Some(false) => Err(DestinationProblem(format!(
                "Permissions on the destination {kind} do not allow S3 to publish notifications from this bucket"
            ))),
            None => Err(DestinationProblem(format!("The destination {kind} does not exist"))),
        }
    }

    async fn deliver(&self, bucket: &BucketName, destination: &Destination, document: &str) -> Result<(), DestinationProblem> {
        self.check(bucket, destination).await?;
        let problem = |e: &dyn std::fmt::Display| DestinationProblem(e.to_string());
        match destination {
            Destination::Queue(arn) => {
                self.queues.send_to_arn(arn, document, Outgoing::default()).map(drop).map_err(|e| problem(&e))
            }
            Destination::Topic(arn) => {
                self.topics.publish(arn, document, BTreeMap::new(), Some(SUBJECT)).map(drop).map_err(|e| problem(&e))
            }
            Destination::Function(arn) => {
                self.host.invoke_async(arn, Bytes::from(document.to_owned())).map_err(|e| problem(&e))
            }
        }
    }
}

/// Topics invoke functions as S3 does: without waiting, and the host tries again.
impl FunctionSink for HostRoute {
    fn deliver(&self, function_arn: &str, event: &Value) -> bool {
        self.0.invoke_async(function_arn, Bytes::from(event.to_string())).is_ok()
    }
}

pub(super) fn bucket_arn(bucket: &BucketName) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, with or without a qualifier.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or_default()
}

/// The function host, behind the port and behind topics.
pub(super) struct HostRoute(pub(super) Arc<Lambda>);

#[async_trait]
impl Route for HostRoute {
    async fn call(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
            let mut refusal = Response::new(Body::from("the request's body broke off, or is too large".to_owned()));
            *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return refusal;
        };
        let request = hyper::Request::from_parts(head, body.to_bytes());
        self.0.handle(request).await.map(Body::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_name_is_the_seventh_part_of_its_arn() {
        assert_eq!(function_name("arn:aws:lambda:us-east-1:000000000000:function:brigade-thumbnail"), "brigade-thumbnail");
        assert_eq!(function_name("arn:aws:lambda:us-east-1:000000000000:function:f:live"), "f");
        assert_eq!(function_name("f"), "");
    }
}
