//! The port over real sockets, without a client library between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hyper::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::clock::Clock;
use crate::sqs::{Outgoing, Settings};

/// Answers with its name, the path and how many bytes came.
struct Named(&'static str);

#[async_trait]
impl Route for Named {
    async fn call(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        reply(StatusCode::OK, "text/plain", format!("{} {path} {}", self.0, body.len()))
    }
}

fn routes(lost_reply: Option<LostReply>) -> Routes {
    let queues = Queues::new(Clock::real(), Settings::default());
    queues.create("q", &BTreeMap::new()).unwrap();
    let topics = Topics::new(queues.clone());
    Routes { s3: Arc::new(Named("s3")), lambda: Some(Arc::new(Named("lambda"))), queues, topics, lost_reply }
}

/// Sends a request on a connection of its own and returns all that comes back.
async fn raw(front: &Front, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    let head = format!("{head}\r\nhost: local:1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses a long body may stop reading it.
    let _ = stream.write_all(body).await;
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8_lossy(&reply).into_owned()
}

const SQS: &str = "POST / HTTP/1.1\r\nx-amz-target: AmazonSQS";
const FORM: &str = "HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";

#[tokio::test]
async fn each_part_answers_its_requests() {
    let front = Front::start(0, routes(None)).await.unwrap();
    let long = "x".repeat(MAX_BODY + 1);
    let cases: &[(String, &str, &str, &str)] = &[
        ("PUT /b/k HTTP/1.1".into(), "12345", "200", "s3 /b/k 5"),
        ("PUT /b/long HTTP/1.1".into(), &long, "200", &format!("s3 /b/long {}", long.len())),
        (format!("POST /b {FORM}"), "key=value", "200", "s3 /b 9"),
        ("GET /f/2018-06-01/runtime/invocation/next HTTP/1.1".into(), "", "200", "lambda /f/2018-06-01"),
        (format!("{SQS}.GetQueueUrl"), r#"{"QueueName":"q"}"#, "200", r#"{"QueueUrl":"http://local:1/000000000000/q"}"#),
        (
            format!("{SQS}.GetQueueUrl"),
            r#"{"QueueName":"x"}"#,
            "400",
            "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender",
        ),
        (format!("{SQS}.GetQueueUrl"), r#"{"QueueName":"x"}"#, "400", r#""__type":"com.amazonaws.sqs#QueueDoesNotExist""#),
        (format!("{SQS}.GetQueueUrl"), "[]", "400", "SerializationException"),
        (format!("{SQS}.Nonsense"), "{}", "400", "UnsupportedOperation"),
        (format!("{SQS}.SendMessage"), &long, "413", "not readable within"),
        (
            format!("POST / {FORM}"),
            "Action=CreateTopic&Name=t&Version=2010-03-31",
            "200",
            "<TopicArn>arn:aws:sns:us-east-1:000000000000:t</TopicArn>",
        ),
        (format!("POST / {FORM}"), "Action=Publish&TopicArn=x&Message=m&Version=2010-03-31", "404", "<Code>NotFound</Code>"),
        (format!("POST / {FORM}"), "Action=GetCallerIdentity&Version=2011-06-15", "200", "<Account>000000000000</Account>"),
        (
            format!("POST /000000000000/q {FORM}"),
            "Action=SendMessage&MessageBody=m&Version=2012-11-05",
            "200",
            "<MD5OfMessageBody>6f8f57715090da2632453988d9a1501b<",
        ),
        (format!("POST / {FORM}"), "Action=Nonsense&Version=2010-03-31", "400", "InvalidAction"),
        ("GET /_brigade/health HTTP/1.1".into(), "", "200", r#""queues":{"q":{"#),
    ];
    for (head, body, status, part) in cases {
        let reply = raw(&front, head, body.as_bytes()).await;
        assert!(
            reply.starts_with(&format!("HTTP/1.1 {status}")) && reply.contains(part),
            "{head}: {}",
            reply.get(..800).unwrap_or(&reply)
        );
    }
    front.stop().await;
}

#[tokio::test]
async fn the_region_is_the_callers() {
    let front = Front::start(0, routes(None)).await.unwrap();
    let signed =
        "authorization: AWS4-HMAC-SHA256 Credential=k/20261122/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
    raw(&front, &format!("{SQS}.CreateQueue\r\n{signed}"), br#"{"QueueName":"there"}"#).await;
    let reply =
        raw(&front, &format!("{SQS}.GetQueueAttributes"), br#"{"QueueUrl":"there","AttributeNames":["QueueArn"]}"#).await;
    assert!(reply.contains("arn:aws:sqs:eu-west-1:000000000000:there"), "{reply}");
}

#[tokio::test]
async fn a_lost_reply_leaves_the_effect() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let lose: LostReply = Arc::new(move |info: &RequestInfo| {
        // The first send only.
        info.action.as_deref() == Some("SendMessage")
            && info.status == StatusCode::OK
            && counter.fetch_add(1, Ordering::SeqCst) == 0
    });
    let routes = routes(Some(lose));
    let queues = routes.queues.clone();
    let front = Front::start(0, routes).await.unwrap();
    let send = format!("{SQS}.SendMessage");
    let body = br#"{"QueueUrl":"q","MessageBody":"m"}"#;
    assert_eq!(raw(&front, &send, body).await, "", "the connection closed without a reply");
    assert_eq!(queues.depth("q").unwrap().visible, 1, "but the message is there");
    assert!(raw(&front, &send, body).await.starts_with("HTTP/1.1 200"));
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_client_that_hangs_up_takes_no_message() {
    let routes = routes(None);
    let queues = routes.queues.clone();
    let front = Front::start(0, routes).await.unwrap();
    let body = r#"{"QueueUrl":"q","WaitTimeSeconds":20}"#;
    let head = format!("{SQS}.ReceiveMessage\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The poll holds a receiver of the queue's changes; it goes when the server sees the hang-up.
    until(|| queues.watchers("q") == 1).await;
    drop(stream);
    until(|| queues.watchers("q") == 0).await;
    queues.send("q", "m", Outgoing::default()).unwrap();
    assert_eq!(queues.depth("q").unwrap().visible, 1);
}

/// Waits for something that other tasks do, with a limit that only a failure reaches.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it never happened");
}

#[tokio::test]
async fn stopping_ends_long_polls_and_frees_the_port() {
    let routes = routes(None);
    let queues = routes.queues.clone();
    let front = Front::start(0, routes.clone()).await.unwrap();
    let address = front.address();
    let body = r#"{"QueueUrl":"q","WaitTimeSeconds":20}"#;
    let head = format!("{SQS}.ReceiveMessage\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    until(|| queues.watchers("q") == 1).await;
    front.stop().await;
    assert_eq!(queues.watchers("q"), 0);
    let again = Front::start(address.port(), routes).await.unwrap();
    assert_eq!(again.address(), address);
}

#[tokio::test]
async fn older_clients_manage_queues_with_forms() {
    let front = Front::start(0, routes(None)).await.unwrap();
    let cases = [
        (
            "Action=CreateQueue&QueueName=old&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v",
            "<QueueUrl>http://local:1/000000000000/old</QueueUrl>",
        ),
        (
            "Action=GetQueueAttributes&QueueUrl=old&AttributeName.1=DelaySeconds",
            "<Attribute><Name>DelaySeconds</Name><Value>5</Value></Attribute>",
        ),
        ("Action=ListQueueTags&QueueUrl=old", "<Tag><Key>k</Key><Value>v</Value></Tag>"),
        (
            "Action=ListQueues&QueueNamePrefix=o",
            "<ListQueuesResult><QueueUrl>http://local:1/000000000000/old</QueueUrl></ListQueuesResult>",
        ),
        ("Action=ReceiveMessage&QueueUrl=old&MaxNumberOfMessages=10", "<ReceiveMessageResult></ReceiveMessageResult>"),
        (
            "Action=DeleteMessageBatch&QueueUrl=old&DeleteMessageBatchRequestEntry.1.Id=a&DeleteMessageBatchRequestEntry.1.ReceiptHandle=x",
            "<BatchResultErrorEntry><Code>ReceiptHandleIsInvalid</Code><Id>a</Id>",
        ),
        ("Action=DeleteQueue&QueueUrl=old", "<DeleteQueueResponse"),
        ("Action=DeleteQueue&QueueUrl=old", "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>"),
    ];
    for (form, part) in cases {
        let reply = raw(&front, &format!("POST / {FORM}"), format!("{form}&Version=2012-11-05").as_bytes()).await;
        assert!(reply.contains(part), "{form}: {reply}");
    }
}

/// Every action answers parameters that are missing, or of the wrong type, with a client error.
#[tokio::test]
async fn bad_parameters_are_refused_by_every_action() {
    let front = Front::start(0, routes(None)).await.unwrap();
    let sqs = "CreateQueue DeleteQueue GetQueueUrl GetQueueAttributes SetQueueAttributes SendMessage SendMessageBatch ReceiveMessage \
        DeleteMessage DeleteMessageBatch ChangeMessageVisibility ChangeMessageVisibilityBatch PurgeQueue TagQueue UntagQueue \
        ListQueueTags ListDeadLetterSourceQueues StartMessageMoveTask";
    let bodies = [
        "{}",
        "",
        r#"{"QueueUrl":7,"QueueName":7,"Entries":7,"SourceArn":7}"#,
        r#"{"QueueUrl":"none","QueueName":"no/name","SourceArn":"none","Entries":[{"Id":"1"}],"ReceiptHandle":"x","VisibilityTimeout":1}"#,
        r#"{"QueueUrl":null,"QueueName":null,"Entries":[null],"SourceArn":null}"#,
    ];
    for action in sqs.split_whitespace() {
        for body in bodies {
            let reply = raw(&front, &format!("{SQS}.{action}"), body.as_bytes()).await;
            assert!(reply.starts_with("HTTP/1.1 400") && reply.contains("__type"), "{action} {body}: {reply}");
        }
    }
    let sns = "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes Subscribe Unsubscribe ListSubscriptionsByTopic \
        GetSubscriptionAttributes SetSubscriptionAttributes Publish PublishBatch TagResource UntagResource ListTagsForResource";
    for action in sns.split_whitespace() {
        let reply = raw(&front, &format!("POST / {FORM}"), format!("Action={action}&Version=2010-03-31").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 4") && reply.contains("<ErrorResponse"), "{action}: {reply}");
    }
}

#[tokio::test]
async fn health_is_json() {
    let front = Front::start(0, routes(None)).await.unwrap();
    let reply = raw(&front, "GET /_brigade/health HTTP/1.1", b"").await;
    let health: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["queues"]["q"]["visible"], 0);
}
