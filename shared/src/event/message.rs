//! A message of a queue, whoever received it: Lambda's event source mapping or a poller.

use std::collections::BTreeMap;

use super::decode::decode_text;
use super::{Decoded, Envelope, Layer, Malformed};

/// An SQS message as far as a worker needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What a partial batch response names. `None` where it is missing or empty: then no partial response can be
    /// given, since an empty identifier makes Lambda take the whole batch as failed.
    pub id: Option<String>,
    /// For changing the visibility.
    pub receipt_handle: Option<String>,
    /// The document that the message carries.
    pub body: Option<String>,
    /// How often the message was received, this time included. 1 where the envelope does not tell.
    pub receive_count: u32,
    /// The queue's ARN.
    pub queue_arn: Option<String>,
    /// Only in FIFO queues.
    pub group_id: Option<String>,
    /// The message attributes that are texts or numbers; binary ones are left out.
    pub attributes: BTreeMap<String, String>,
    /// The envelope could not be read as a whole; the fields above hold what could be.
    pub malformed: Option<Malformed>,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            id: None,
            receipt_handle: None,
            body: None,
            receive_count: 1,
            queue_arn: None,
            group_id: None,
            attributes: BTreeMap::new(),
            malformed: None,
        }
    }
}

impl Message {
    /// The message's records. Never empty. Paths are relative to the message, as Lambda spells it: `/body/Records/0/…`.
    pub fn decode(&self) -> Vec<Decoded> {
        let envelope = Envelope::new([Layer::Sqs]);
        if let Some(malformed) = &self.malformed {
            return vec![Decoded { envelope, record: Err(malformed.clone()) }];
        }
        let Some(body) = &self.body else {
            let malformed = Malformed { path: "/body".into(), reason: "missing".into() };
            return vec![Decoded { envelope, record: Err(malformed) }];
        };
        let mut out = Vec::new();
        decode_text(body, None, envelope, &mut out);
        for item in &mut out {
            if let Err(malformed) = &mut item.record {
                malformed.path.insert_str(0, "/body");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_decoded_as_of_a_queue() {
        let body = |text: &str| Message { body: Some(text.into()), ..Message::default() };
        let damaged = Malformed::document("no SQS message");
        let cases = [
            (body(r#"{"Event":"s3:TestEvent"}"#), Ok("sqs/s3")),
            (body(r#"{"Message":"{\"Event\":\"s3:TestEvent\"}"}"#), Ok("sqs/sns/s3")),
            (body(""), Err("/body: empty")),
            (body(r#"{"Records":[]}"#), Err("/body/Records: an empty list")),
            (Message::default(), Err("/body: missing")),
            (Message { malformed: Some(damaged), ..body("{}") }, Err("no SQS message")),
        ];
        for (message, expected) in cases {
            let decoded = message.decode();
            assert_eq!(decoded.len(), 1);
            let envelope = decoded[0].envelope.to_string();
            let outcome = decoded[0].record.as_ref().map(|_| envelope.as_str()).map_err(ToString::to_string);
            assert_eq!(outcome, expected.map_err(str::to_owned));
        }
    }
}
