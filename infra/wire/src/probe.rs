//! The way of S3's test event, seen from a queue of one's own: no function's queue is read.

use serde_json::{Value, json};

use crate::arn::Arn;
use crate::plan::Wish;
use crate::policy::{Policy, queue_statement};
use crate::ports::{CloudError, Messaging};

/// How the queue's name begins; the time of its call follows, in seconds since 1970, and what tells it from others.
pub(crate) const NAME: &str = "brigade-wire-probe-";
/// No call takes longer, in seconds: it waits for a test event for a quarter of this.
const LONGEST_CALL: u64 = 3600;

/// This endpoint is such a queue.
pub(crate) fn is_probe(endpoint: &str) -> bool {
    Arn::parse(endpoint).is_some_and(|arn| arn.name.starts_with(NAME))
}

/// The call that made the queue of this name is over, and has not taken it away.
pub(crate) fn is_left(name: &str, now: u64) -> bool {
    let time = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
    time.is_some_and(|time| now.saturating_sub(time) > LONGEST_CALL)
}

/// A queue that is subscribed to the topic for a moment.
pub(crate) struct Probe {
    url: String,
    subscription: String,
}

impl Probe {
    /// Makes the queue and subscribes it. The filter spares it the bucket's traffic; until SNS has heard of it everywhere,
    /// other messages come too, and are passed over.
    pub(crate) async fn lay(cloud: &dyn Messaging, wish: &Wish, nonce: u64) -> Result<Self, CloudError> {
        let name = format!("{NAME}{}-{nonce:016x}", wish.now);
        cloud.create_queue(&name).await?;
        let queue = wish.topic.beside("sqs", &name);
        let missing = || CloudError {
            doing: format!("the queue {name} for the test event"),
            kind: crate::ports::Kind::Unavailable,
            code: None,
            message: "it was made and is not there".to_owned(),
        };
        let url = cloud.queue(&name).await?.ok_or_else(missing)?.url;
        let subscribed = async {
            cloud.set_queue_policy(&url, &Policy::default().with(&queue_statement(&queue, &wish.topic))).await?;
            let filter = json!({"Event": ["s3:TestEvent"], "Bucket": [wish.bucket]});
            let attributes = [
                ("RawMessageDelivery", "true".to_owned()),
                ("FilterPolicyScope", "MessageBody".to_owned()),
                ("FilterPolicy", filter.to_string()),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
            cloud.subscribe(&wish.topic, &queue, &attributes).await
        };
        match subscribed.await {
            Ok(subscription) => Ok(Self { url, subscription }),
            Err(error) => {
                cloud.delete_queue(&url).await?;
                Err(error)
            }
        }
    }

    /// Looks once, for as long as one receive waits.
    pub(crate) async fn arrived(&self, cloud: &dyn Messaging, bucket: &str) -> Result<bool, CloudError> {
        Ok(cloud.take(&self.url).await?.iter().any(|body| is_test_event(body, bucket)))
    }

    /// Takes it away again: both, even where the first is refused.
    pub(crate) async fn take_away(self, cloud: &dyn Messaging) -> Result<(), CloudError> {
        let unsubscribed = cloud.unsubscribe(&self.subscription).await;
        cloud.delete_queue(&self.url).await?;
        unsubscribed
    }
}

fn is_test_event(body: &str, bucket: &str) -> bool {
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    document.get("Event").is_some_and(|event| event == "s3:TestEvent")
        && document.get("Bucket").is_some_and(|name| name == bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_left_when_no_call_can_be_using_it() {
        for (name, left) in [
            ("brigade-wire-probe-1000-000000000000000a", true),
            ("brigade-wire-probe-6400-000000000000000a", false),
            ("brigade-wire-probe-9000-000000000000000a", false),
            ("brigade-wire-probe-000000000000000a", false),
            ("brigade-wire-probe-", false),
            ("brigade-thumbnail", false),
        ] {
            assert_eq!(is_left(name, 10_000), left, "{name}");
        }
    }

    #[test]
    fn the_test_event_of_this_bucket_is_told_from_traffic() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"photos"}"#;
        for (body, bucket, expected) in
            [(test, "photos", true), (test, "scans", false), (r#"{"Records":[]}"#, "photos", false), ("junk", "photos", false)]
        {
            assert_eq!(is_test_event(body, bucket), expected, "{body} {bucket}");
        }
    }
}
