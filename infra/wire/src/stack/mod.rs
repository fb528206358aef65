//! The same merge as a custom resource of CloudFormation, for buckets that a template does not make.
//!
//! A request may come twice, and an answer may be lost: what is done is a merge, so that doing it again changes nothing. A
//! deletion that can never succeed is answered as done, with what stays behind: else the stack could never be deleted.

mod answer;
mod request;

use std::time::Duration;

use async_trait::async_trait;
use brigade::notification::Draft;
use serde_json::{Value, json};

use crate::apply::{Become, Manner, Place, Why, merge_notification};
use crate::notification::{Notification, Unwritable};
use crate::plan::Refusal;
use crate::ports::{Check, CloudError, Kind, Notifications};

pub use answer::{Answer, MAX_REASON};
pub use request::{Properties, Request, RequestKind};

/// Sends an answer to the address that CloudFormation gave.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// PUTs the body, without a content type.
    ///
    /// # Errors
    /// Without the address, which is signed.
    async fn put(&self, url: &str, body: &str) -> Result<(), Undelivered>;
}

/// An answer that did not reach CloudFormation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// May work in a moment.
    #[error("the answer was not taken: {0}")]
    Again(String),
    /// Will not: most likely the address has expired.
    #[error("the answer was refused with status {0}")]
    Refused(u16),
    /// There is no such address.
    #[error("the address of the answer is none")]
    Address,
}

/// Attempts to deliver an answer, a pause that doubles between them.
const ATTEMPTS: u32 = 5;

/// The custom resource.
pub struct Resource<N, D> {
    notifications: N,
    delivery: D,
    /// Before the last look, for a writer that has read before we wrote.
    pub settle: Duration,
    /// After the first failed attempt to deliver the answer.
    pub pause: Duration,
}

impl<N: Notifications, D: Delivery> Resource<N, D> {
    /// On S3, with a way to CloudFormation.
    pub fn new(notifications: N, delivery: D) -> Self {
        Self { notifications, delivery, settle: Duration::from_secs(2), pause: Duration::from_secs(1) }
    }

    /// Does what the request asks for, answers it, and tells the log line. `within`: what is left for the work; the answer's
    /// delivery needs some time besides.
    ///
    /// # Errors
    /// The payload is no request, or the answer could not be delivered: Lambda then invokes once more.
    pub async fn handle(&self, payload: &Value, within: Duration) -> Result<Value, String> {
        let request = Request::parse(payload)?;
        let answer = match tokio::time::timeout(within, self.carry_out(&request)).await {
            Ok(answer) => answer,
            Err(_) => Answer::failed("the time was not enough; what is done stays, and another attempt goes on"),
        };
        let line = answer.log_line(&request);
        self.deliver(&request, &answer).await.map_err(|problem| problem.to_string())?;
        Ok(line)
    }

    async fn carry_out(&self, request: &Request) -> Answer {
        let properties = match &request.properties {
            Ok(properties) => properties,
            // Nothing can have been made with these.
            Err(mistakes) if request.kind == RequestKind::Delete => return Answer::left(mistakes),
            Err(mistakes) => return Answer::failed(mistakes),
        };
        let (owner, account) = (request.owner(), properties.topic.account.as_str());
        if request.kind == RequestKind::Delete {
            // The properties may be those of a change that failed; what was made is what the resource is known by.
            let bucket = request.known_bucket().unwrap_or(&properties.bucket);
            return match self.merge(Place { bucket, account, owner: &owner }, Become::Nothing).await {
                Ok(_) => Answer::done(json!({"Bucket": bucket})),
                Err(why) if !passes(&why) => Answer::left(&told(&why)),
                Err(why) => Answer::failed(&told(&why)),
            };
        }
        let place = Place { bucket: &properties.bucket, account, owner: &owner };
        let is_untouched = match self.is_untouched(request, place).await {
            Ok(is_untouched) => is_untouched,
            // Nothing is touched yet, and what can't be told now could not be taken back.
            Err(error) => return Answer::failed(&error.to_string()),
        };
        let wanted = properties.announcement();
        match self.merge(place, Become::Exactly(&wanted)).await {
            Ok(now) => Answer::done(json!({"Bucket": properties.bucket, "Topic": properties.topic.to_string()}))
                .resting_on(now.rests_on(&owner, &wanted)),
            Err(why) => {
                if is_untouched && let Err(left) = self.merge(place, Become::Nothing).await {
                    return Answer::failed(&format!("{}; rules may be left in {}: {}", told(&why), place.bucket, told(&left)));
                }
                Answer::failed(&told(&why))
            }
        }
    }

    /// The resource moves to this bucket and has no rules in it yet. A move that fails takes them out again: CloudFormation
    /// goes on with the old bucket, and never deletes the new one.
    async fn is_untouched(&self, request: &Request, place: Place<'_>) -> Result<bool, CloudError> {
        let moves = request.kind == RequestKind::Update && request.known_bucket().is_some_and(|known| known != place.bucket);
        if !moves {
            return Ok(false);
        }
        let now = self.notifications.notification(place.bucket, place.account).await?;
        Ok(now.own(place.owner).next().is_none())
    }

    /// Merges, and looks again after a pause.
    async fn merge(&self, place: Place<'_>, own: Become<'_>) -> Result<Notification, Why> {
        // A deletion adds no destination; somebody else's that is gone must not hold it up.
        let check = if matches!(own, Become::Nothing) { Check::Nothing } else { Check::Destinations };
        let manner = Manner { check, pause: self.settle };
        merge_notification(&self.notifications, place, own, manner).await?;
        tokio::time::sleep(self.settle).await;
        merge_notification(&self.notifications, place, own, manner).await
    }

    async fn deliver(&self, request: &Request, answer: &Answer) -> Result<(), Undelivered> {
        let body = answer.body(request);
        let mut pause = self.pause;
        for attempt in 1.. {
            match self.delivery.put(request.response_url(), &body).await {
                Err(Undelivered::Again(_)) if attempt < ATTEMPTS => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause *= 2;
        }
        Ok(())
    }
}

/// Another attempt may succeed.
fn passes(why: &Why) -> bool {
    match why {
        Why::Failed(error) => matches!(error.kind, Kind::Unavailable | Kind::Conflict),
        Why::Contended => true,
        Why::Refused(_) => false,
    }
}

fn told(why: &Why) -> String {
    match why {
        Why::Failed(error) => error.to_string(),
        Why::Contended => "others keep writing the bucket's notification configuration".to_owned(),
        Why::Refused(plan) => plan.refusals.iter().map(told_refusal).collect::<Vec<_>>().join("; "),
    }
}

fn told_refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Because(why) => why.clone(),
        Refusal::NoBucket => "there is no such bucket".to_owned(),
        Refusal::Elsewhere { id, topic } => format!("the rule {id} goes to {topic}"),
        Refusal::Unwritable(Unwritable::Invalid(said)) => said.to_string(),
        Refusal::Unwritable(Unwritable::TooMany(rules)) => format!("the bucket would have {rules} rules, and S3 takes 100"),
        Refusal::Unwritable(Unwritable::Narrows(narrowing)) => narrowing.to_string(),
        Refusal::Unwritable(Unwritable::Overlap(overlap)) => {
            let rule = |rule: &Draft| format!("{}: {}", rule.id.as_deref().unwrap_or_default(), crate::plan::told(rule));
            format!("{} [{} / {}]", overlap.said.message, rule(&overlap.theirs), rule(&overlap.ours))
        }
    }
}

#[cfg(test)]
mod tests;
