//! The custom resource against the local cloud, with an HTTP server that takes the answers as CloudFormation does.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it by panicking")]

use std::time::Duration;

use brigade::aws::Clients;
use brigade::event::BucketName;
use brigade_local::LocalCloud;
use brigade_local::lambda::FunctionSpec;
use brigade_local::notify::Destination;
use brigade_wire::aws::{Aws, Https};
use brigade_wire::stack::Resource;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Takes requests, answers each with the next status, and returns their heads and bodies.
async fn take(listener: TcpListener, statuses: &[u16]) -> Vec<(String, Value)> {
    let mut taken = Vec::new();
    for status in statuses {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let (head, body) = loop {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).await.unwrap();
            request.extend_from_slice(part.get(..read).unwrap());
            let text = String::from_utf8(request.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() == length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let answer = format!("HTTP/1.1 {status} said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        taken.push((head, serde_json::from_str(&body).unwrap()));
    }
    taken
}

#[tokio::test]
async fn a_stack_wires_a_bucket_and_takes_it_back() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let bucket = BucketName::new("photos");
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let topic = cloud.topics().create("photo-events").unwrap();
    cloud.admit_bucket(&Destination::Topic(topic.clone()), &bucket).unwrap();
    let clients = Clients::at(&cloud.endpoint(), "us-east-1", "test", "test");
    let mut resource = Resource::new(Aws::new(clients), Https::new());
    (resource.settle, resource.pause) = (Duration::ZERO, Duration::ZERO);
    // The first answer of each is lost: a service that is busy.
    for (kind, rules) in [("Create", 2), ("Create", 2), ("Delete", 0), ("Delete", 0)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let payload = json!({
            "RequestType": kind,
            "ResponseURL": format!("http://{address}/answer?X-Amz-Signature=0123456789abcdef"),
            "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/photos/1",
            "RequestId": "unique-id",
            "LogicalResourceId": "SourceBucketWire",
            "ResourceProperties": {
                "ServiceToken": "arn:lambda", "ServiceTimeout": "120",
                "BucketName": "photos", "TopicArn": topic, "Families": ["ObjectCreated", "ObjectRemoved"],
            },
        });
        let work = resource.handle(&payload, Duration::from_secs(60));
        let (line, taken) = tokio::join!(work, take(listener, &[503, 200]));
        assert!(!line.unwrap().to_string().contains("Signature"));
        let (head, answer) = taken.last().unwrap();
        assert!(head.starts_with("PUT /answer?X-Amz-Signature=0123456789abcdef HTTP/1.1"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("content-type"), "the address is signed for none: {head}");
        assert_eq!((&answer["Status"], &answer["PhysicalResourceId"]), (&json!("SUCCESS"), &physical(kind)), "{answer}");
        assert_eq!(cloud.notifier().configuration(&bucket).rules().len(), rules, "{kind}");
    }
    cloud.shutdown().await;
}

/// The function is invoked as CloudFormation does it, through the runtime API.
#[tokio::test]
async fn the_deployed_binary_answers() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let bucket = BucketName::new("photos");
    cloud.store().create_bucket(&bucket, "us-east-1").unwrap();
    let topic = cloud.topics().create("photo-events").unwrap();
    cloud.admit_bucket(&Destination::Topic(topic.clone()), &bucket).unwrap();
    let spec = FunctionSpec {
        timeout: Duration::from_secs(120),
        ..FunctionSpec::new("brigade-wire", env!("CARGO_BIN_EXE_brigade-wire"))
    };
    cloud.host().start(spec).unwrap();
    cloud.host().ready("brigade-wire", Duration::from_secs(60)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let payload = json!({
        "RequestType": "Create",
        "ResponseURL": format!("http://{}/answer?X-Amz-Signature=0123456789abcdef", listener.local_addr().unwrap()),
        "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/photos/1",
        "RequestId": "unique-id",
        "LogicalResourceId": "SourceBucketWire",
        "ResourceProperties": {"BucketName": "photos", "TopicArn": topic, "Families": ["ObjectCreated"], "Suffix": ".jpg"},
    });
    let invoked = cloud.host().invoke("brigade-wire", payload.to_string().into());
    let (reply, taken) = tokio::join!(invoked, take(listener, &[200]));
    let reply = String::from_utf8(reply.unwrap().payload.to_vec()).unwrap();
    assert!(reply.contains("\"success\":true") && !reply.contains("Signature"), "{reply}");
    assert_eq!(taken[0].1["Status"], "SUCCESS", "{taken:?}");
    let configuration = cloud.notifier().configuration(&bucket);
    assert_eq!(configuration.rules()[0].filter.suffix.as_deref(), Some(".jpg"));
    cloud.shutdown().await;
}

/// A deletion keeps the id that it came with; here it came with none, as after a creation that was never answered.
fn physical(kind: &str) -> Value {
    json!(if kind == "Delete" { "brigade-wire" } else { "brigade-wire.photos" })
}
