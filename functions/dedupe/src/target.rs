//! Where the clean stream goes: a queue or a topic, and how much one request takes.

use std::sync::Arc;

use brigade::worker::queue::{MAX_BATCH, Outgoing, QueueError};
use brigade::worker::topic::MAX_ANNOUNCEMENT_BYTES;
use brigade::worker::{Queue, Topic};

/// The ARN of a queue or a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    arn: String,
    service: Service,
}

/// Whose ARN it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// SQS.
    Queue,
    /// SNS.
    Topic,
}

impl Target {
    /// Reads an ARN.
    pub fn parse(text: &str) -> Result<Self, String> {
        let service = match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, service @ ("sqs" | "sns"), region, account, name]
                if [*partition, *region, *account, name.strip_suffix(".fifo").unwrap_or(name)].iter().all(|f| is_field(f)) =>
            {
                if *service == "sqs" {
                    Service::Queue
                } else {
                    Service::Topic
                }
            }
            _ => return Err(format!("expected the ARN of an SQS queue or an SNS topic, not {text:?}")),
        };
        Ok(Self { arn: text.to_owned(), service })
    }

    /// The ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// A queue or a topic.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The region that it is in, which need not be the function's.
    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }

    /// It keeps the order within a group, and drops what it got within the last five minutes.
    pub fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

/// What a name, a region or an account has: else `once.FIFO` would be a standard queue's name.
fn is_field(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// What messages are given to.
#[derive(Clone)]
pub enum Outlet {
    /// A queue, by its URL.
    Queue(Arc<dyn Queue>, String),
    /// A topic, by its ARN.
    Topic(Arc<dyn Topic>, String),
}

impl Outlet {
    /// Sends one batch: a result for each, in order.
    pub(crate) async fn send(&self, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        match self {
            Self::Queue(queue, url) => queue.send_batch(url, messages).await,
            Self::Topic(topic, arn) => topic.publish_batch(arn, messages).await,
        }
    }
}

#[cfg(feature = "lambda")]
impl Outlet {
    /// The target through these clients. `Err`: its partition has no known endpoint.
    pub fn of(target: &Target, clients: &brigade::aws::Clients) -> Result<Self, String> {
        if target.service() == Service::Topic {
            return Ok(Self::Topic(Arc::new(clients.topic_in(target.region())), target.arn().to_owned()));
        }
        let url = brigade::worker::queue::queue_url_of_arn(target.arn(), clients.endpoint());
        let unknown = || format!("BRIGADE_TARGET: {} is in a partition whose queues have no known URL", target.arn());
        Ok(Self::Queue(Arc::new(clients.queue_in(target.region())), url.ok_or_else(unknown)?))
    }
}

/// Splits messages into requests: ten of them and 256 KiB at most (a topic's limit; a queue's is 1 MiB), and none with two of
/// one group, since the entries of one request fail one by one: the first could be sent again after the second.
pub(crate) fn requests(messages: Vec<(usize, Outgoing)>) -> Vec<Vec<(usize, Outgoing)>> {
    let mut requests: Vec<Vec<(usize, Outgoing)>> = Vec::new();
    let mut bytes = 0;
    for (index, message) in messages {
        let fits = requests.last().is_some_and(|request| {
            let same_group = |(_, other): &(usize, Outgoing)| other.group_id == message.group_id;
            request.len() < MAX_BATCH && bytes + message.bytes() <= MAX_ANNOUNCEMENT_BYTES && !request.iter().any(same_group)
        });
        bytes = if fits { bytes } else { 0 } + message.bytes();
        match requests.last_mut() {
            Some(request) if fits => request.push((index, message)),
            _ => requests.push(vec![(index, message)]),
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_by_its_arn() {
        for (text, expected) in [
            ("arn:aws:sqs:eu-west-1:123456789012:once", Some((Service::Queue, false))),
            ("arn:aws:sqs:eu-west-1:123456789012:once.fifo", Some((Service::Queue, true))),
            ("arn:aws:sns:eu-west-1:123456789012:once.fifo", Some((Service::Topic, true))),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws:sqs:eu-west-1::once", None),
            ("arn:aws:sqs:eu-west-1:123456789012:once.FIFO", None),
            ("arn:aws:sqs:eu-west-1:123456789012:.fifo", None),
            ("arn:aws:sqs:eu-west-1:123456789012:a/once", None),
            ("arn:aws:sqs:eu-west-1.example.com:123456789012:once", None),
            ("arn:aws:sns:eu-west-1:123456789012:once:0c31", None),
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/once", None),
        ] {
            let region = Target::parse(text).map(|target| target.region().to_owned());
            assert!(region.is_err() || region.as_deref() == Ok("eu-west-1"), "{text}");
            let parsed = Target::parse(text).ok();
            assert_eq!(parsed.map(|target| (target.service(), target.is_fifo())), expected, "{text}");
        }
    }

    #[test]
    fn a_request_has_ten_messages_a_bound_of_bytes_and_no_group_twice() {
        let message = |group: &str, bytes: usize| Outgoing {
            body: "x".repeat(bytes),
            group_id: Some(group.to_owned()),
            ..Outgoing::default()
        };
        let sizes = |messages: Vec<Outgoing>| -> Vec<usize> {
            requests(messages.into_iter().enumerate().collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(Vec::new()), Vec::<usize>::new());
        assert_eq!(sizes((0..25).map(|i| message(&i.to_string(), 1)).collect()), [10, 10, 5]);
        assert_eq!(sizes(vec![message("a", 200_000), message("b", 62_144), message("c", 1)]), [2, 1]);
        assert_eq!(sizes(vec![message("a", 300_000), message("b", 300_000)]), [1, 1]);
        assert_eq!(sizes(vec![message("a", 1), message("b", 1), message("a", 1), message("c", 1)]), [2, 2]);
    }
}
