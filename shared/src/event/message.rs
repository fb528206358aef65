//! A message of a queue, whoever received it: Lambda's event source mapping or a poller.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::decode::{DecodeOptions, decode_text};
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
    /// When the message was sent.
    pub sent: Option<OffsetDateTime>,
    /// The queue's ARN.
    pub queue_arn: Option<String>,
    /// Only in FIFO queues.
    pub group_id: Option<String>,
    /// The message attributes that are texts or numbers; binary ones are left out.
    pub attributes: BTreeMap<String, String>,
    /// `AWSTraceHeader`: what Lambda's loop detection goes by.
    pub trace_header: Option<String>,
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
            sent: None,
            queue_arn: None,
            group_id: None,
            attributes: BTreeMap::new(),
            trace_header: None,
            malformed: None,
        }
    }
}

impl Message {
    /// The message's records. Never empty. Paths are relative to the message, as Lambda spells it: `/body/Records/0/…`.
    pub fn decode(&self) -> Vec<Decoded> {
        self.decode_with(&DecodeOptions::default())
    }

    /// [`Message::decode`] with the settings given.
    pub fn decode_with(&self, options: &DecodeOptions) -> Vec<Decoded> {
        let envelope = Envelope::new([Layer::Sqs]);
        if let Some(malformed) = &self.malformed {
            return vec![Decoded { envelope, record: Err(malformed.clone()) }];
        }
        let Some(body) = &self.body else {
            let malformed = Malformed { path: "/body".into(), reason: "missing".into() };
            return vec![Decoded { envelope, record: Err(malformed) }];
        };
        let mut out = Vec::new();
        decode_text(body, None, envelope, options, &mut out);
        for item in &mut out {
            if let Err(malformed) = &mut item.record {
                malformed.path.insert_str(0, "/body");
            }
        }
        out
    }
}
