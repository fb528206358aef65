//! The Invoke API over plain HTTP, as any client sees it, and the payload of an SQS batch.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{FUNCTION, Rig};

/// What the Invoke API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status line and the headers.
    pub head: String,
    /// The function's reply, as it was sent.
    pub body: String,
}

impl Rig {
    /// `POST /2015-03-31/functions/brigade-thumbnail/invocations`.
    pub async fn invoke(&self, payload: &Value) -> Answer {
        self.within("an answer of the Invoke API", post(&self.cloud.endpoint(), &payload.to_string())).await
    }
}

async fn post(endpoint: &str, payload: &str) -> Answer {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /2015-03-31/functions/{FUNCTION}/invocations HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{payload}",
        payload.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// An SQS batch of these bodies as Lambda hands it to a function; the message ids are `message-0`, `message-1`, …
pub fn sqs_event(queue_arn: &str, bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| {
        json!({
            "messageId": format!("message-{at}"),
            "receiptHandle": format!("receipt-{at}"),
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795342444852"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": "us-east-1",
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}
