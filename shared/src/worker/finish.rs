//! The end of a message: parked, queued for a late look, acknowledged or given back.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout_at;

use super::Setup;
use super::park::parked;
use super::queue::{MAX_DELAY_SECONDS, Outgoing, queue_url_of_arn};
use super::settle::{Settled, UNSTARTED, event_of};
use crate::budget::Deadline;
use crate::config::Mode;
use crate::event::{Decoded, Message, ObjectEvent, to_notification};
use crate::verdict::{Reason, Verdict, worst};

/// A write whose sender died may land until its signature has expired, 15 minutes after it was made.
const LATE_LOOK_SECONDS: u16 = MAX_DELAY_SECONDS;

/// The message attribute of a late look.
const LATE_LOOK: &str = "brigade-late-look";
/// Records of one message whose reasons are told in its parked copy.
const REASONS: usize = 10;

/// A message and its records' ends.
pub(super) struct Finished<'a> {
    pub(super) message: &'a Message,
    pub(super) records: &'a [Decoded],
    pub(super) settled: Vec<Settled>,
    /// Whether the message is acknowledged, and if not, when it should come back.
    pub(super) verdict: Verdict,
}

impl Finished<'_> {
    /// The message comes back, and so do all its records: they are counted and logged as that.
    pub(super) fn give_back(&mut self, why: &Verdict) {
        let held = |s: &&mut Settled| !matches!(s.outcome.verdict, Verdict::Retry(..));
        self.settled.iter_mut().filter(held).for_each(|s| s.outcome.verdict = why.clone());
        self.verdict = why.clone();
    }
}

/// Decides the message's end and does what must be durable before it is acknowledged.
pub(super) async fn finish<'a>(
    setup: Setup<'_>,
    message: &'a Message,
    records: &'a [Decoded],
    settled: Vec<Settled>,
    deadline: Deadline,
) -> Finished<'a> {
    let verdict = worst(settled.iter().map(|s| s.outcome.verdict.clone()));
    let mut finished = Finished { message, records, settled, verdict };
    match finished.verdict.clone() {
        // Nothing is parked before all the rest is settled: a record that would be waits for its siblings.
        again @ Verdict::Retry(..) => {
            let parks = finished.settled.iter_mut().filter(|s| matches!(s.outcome.verdict, Verdict::Park(_)));
            parks.for_each(|s| s.outcome.verdict = again.clone());
        }
        _ => {
            if let Some(refused) = make_durable(setup, &finished, deadline).await {
                finished.give_back(&refused);
            }
        }
    }
    finished
}

/// `Some`: something is not durable, so the message must come back.
async fn make_durable(setup: Setup<'_>, finished: &Finished<'_>, deadline: Deadline) -> Option<Verdict> {
    let Finished { message, records, settled, verdict } = finished;
    // Parked first: a message that can't be parked comes back again and again, and each time would queue a look.
    let refused = match verdict {
        Verdict::Park(_) => park(setup, message, settled, deadline).await,
        _ => None,
    };
    match refused {
        None => look_later(setup, message, late_looks(message, records, settled), deadline).await,
        refused => refused,
    }
}

/// Sends the copy to the parking queue. `Some`: it is not there, so the message must come back.
async fn park(setup: Setup<'_>, message: &Message, settled: &[Settled], deadline: Deadline) -> Option<Verdict> {
    let reasons: Vec<&Reason> = settled
        .iter()
        .filter_map(|s| matches!(s.outcome.verdict, Verdict::Park(_)).then(|| s.outcome.verdict.reason())?)
        .collect();
    let reason = match reasons.as_slice() {
        [one] => (*one).clone(),
        many => Reason::new(
            many.first()?.code.clone(),
            many.iter().take(REASONS).map(|r| r.to_string()).collect::<Vec<_>>().join("; "),
        ),
    };
    park_copy(setup, message.id.as_deref(), message.body.as_deref().unwrap_or_default(), &message.attributes, &reason, deadline)
        .await
}

/// [`park`] for any document. Under `BRIGADE_MODE=plan` nothing is sent: the log line alone tells.
pub(super) async fn park_copy(
    setup: Setup<'_>,
    id: Option<&str>,
    body: &str,
    attributes: &BTreeMap<String, String>,
    reason: &Reason,
    deadline: Deadline,
) -> Option<Verdict> {
    if setup.common.mode == Mode::Plan {
        return None;
    }
    let Some(url) = &setup.common.parked else {
        return Some(Verdict::Retry(Reason::new("no-parking-queue", format!("BRIGADE_PARKED is not set; {reason}")), None));
    };
    let refused = |why: String| Some(Verdict::Retry(Reason::new("park-failed", format!("{why}; {reason}")), None));
    let Some(mut copy) = parked(setup.worker.name(), id, body, attributes, reason) else {
        return refused("the message leaves no room for its reason".to_owned());
    };
    if url.ends_with(".fifo") {
        copy.group_id = Some("parked".to_owned());
        copy.deduplication_id = id.map(str::to_owned);
    }
    match timeout_at(deadline.reply_by(), setup.queue.send(url, copy)).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => refused(error.to_string()),
        Err(_) => refused("no time left".to_owned()),
    }
}

/// The keys of a message that need one more look when nothing can land any more.
fn late_looks<'a>(message: &Message, records: &'a [Decoded], settled: &[Settled]) -> Vec<&'a ObjectEvent> {
    // A late look that is received twice must not queue another for that alone, or it would go on for ever.
    let received_again = message.receive_count > 1 && !message.attributes.contains_key(LATE_LOOK);
    let again = |s: &Settled| s.handled && (received_again || s.outcome.look_again);
    records.iter().zip(settled).filter(|(_, s)| again(s)).filter_map(|(record, _)| event_of(record)).collect()
}

/// Queues each key once more. `Some`: it could not be queued, so the message must come back instead.
async fn look_later(setup: Setup<'_>, message: &Message, events: Vec<&ObjectEvent>, deadline: Deadline) -> Option<Verdict> {
    let arn = message.queue_arn.as_deref()?;
    // A FIFO queue takes no delay per message; there, sweeping is the net.
    let none_needed = events.is_empty() || setup.worker.together().is_some() || setup.common.mode == Mode::Plan;
    if none_needed || arn.ends_with(".fifo") {
        return None;
    }
    let Some(url) = queue_url_of_arn(arn, setup.endpoint) else {
        return Some(Verdict::retry("late-look-failed", format!("{arn} is in a partition whose queues have no known URL")));
    };
    let attributes = BTreeMap::from([(LATE_LOOK.to_owned(), "1".to_owned())]);
    for event in events.into_iter().flat_map(readings) {
        let body = to_notification(&event).to_string();
        let message =
            Outgoing { body, attributes: attributes.clone(), delay_seconds: LATE_LOOK_SECONDS, ..Outgoing::default() };
        let sent = timeout_at(deadline.reply_by(), setup.queue.send(&url, message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            let why = format!("s3://{}/{} could not be queued for a late look", event.bucket, event.key);
            return Some(Verdict::retry("late-look-failed", why));
        }
    }
    None
}

/// The event, and once more with the other reading of its key: a notification carries one key.
fn readings(event: &ObjectEvent) -> impl Iterator<Item = ObjectEvent> {
    let other = event.other_key.clone().map(|key| ObjectEvent { key, ..event.clone() });
    std::iter::once(event.clone()).chain(other)
}

/// When a message that is given back should be visible again; `None` leaves it to the queue's own timeout.
pub(super) fn pause(finished: &Finished<'_>) -> Option<Duration> {
    let spread = finished
        .message
        .id
        .as_deref()
        .unwrap_or_default()
        .bytes()
        .fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    match &finished.verdict {
        Verdict::Retry(_, Some(after)) => Some(*after),
        // There was no time; at once is right, but not again and again: each receive brings the dead-letter queue nearer.
        Verdict::Retry(reason, None) if reason.code == UNSTARTED && finished.message.receive_count <= 1 => Some(Duration::ZERO),
        Verdict::Retry(_, None) => Some(crate::verdict::backoff(finished.message.receive_count, spread)),
        _ => None,
    }
}
