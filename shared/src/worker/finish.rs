//! The end of a message: parked, queued for a late look, acknowledged or given back.

use std::time::Duration;

use tokio::time::timeout_at;

use super::Setup;
use super::park::parked;
use super::queue::{MAX_DELAY_SECONDS, Outgoing, queue_url_of_arn};
use super::settle::{Settled, event_of};
use crate::budget::Deadline;
use crate::config::Mode;
use crate::event::{Decoded, Message, ObjectEvent, to_notification};
use crate::verdict::{Reason, Verdict, worst};

/// A write whose sender died may land until its signature has expired, 15 minutes after it was made.
const LATE_LOOK_SECONDS: u16 = MAX_DELAY_SECONDS;

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

/// Decides the message's end and does what must be durable before it is acknowledged.
pub(super) async fn finish<'a>(
    setup: Setup<'_>,
    message: &'a Message,
    records: &'a [Decoded],
    mut settled: Vec<Settled>,
    deadline: Deadline,
) -> Finished<'a> {
    let mut verdict = worst(settled.iter().map(|s| s.outcome.verdict.clone()));
    if let Verdict::Park(_) = &verdict
        && let Some(refused) = park(setup, message, &settled, deadline).await
    {
        // The records themselves are given back, so that they are counted as what happens to them.
        settled
            .iter_mut()
            .filter(|s| matches!(s.outcome.verdict, Verdict::Park(_)))
            .for_each(|s| s.outcome.verdict = refused.clone());
        verdict = refused;
    }
    if !matches!(verdict, Verdict::Retry(..)) {
        let keys = late_looks(message, records, &settled);
        if let Some(refused) = look_later(setup, message, keys, deadline).await {
            verdict = refused;
        }
    }
    Finished { message, records, settled, verdict }
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
    attributes: &std::collections::BTreeMap<String, String>,
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
    let again = |s: &Settled| s.handled && (message.receive_count > 1 || s.outcome.look_again);
    records.iter().zip(settled).filter(|(_, s)| again(s)).filter_map(|(record, _)| event_of(record)).collect()
}

/// Queues each key once more. `Some`: it could not be queued, so the message must come back instead.
async fn look_later(setup: Setup<'_>, message: &Message, events: Vec<&ObjectEvent>, deadline: Deadline) -> Option<Verdict> {
    let arn = message.queue_arn.as_deref()?;
    // A FIFO queue takes no delay per message; there, sweeping is the net.
    if arn.ends_with(".fifo") || events.is_empty() || setup.common.mode == Mode::Plan {
        return None;
    }
    let url = queue_url_of_arn(arn, setup.endpoint)?;
    for event in events.into_iter().flat_map(readings) {
        let message =
            Outgoing { body: to_notification(&event).to_string(), delay_seconds: LATE_LOOK_SECONDS, ..Outgoing::default() };
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
        Verdict::Retry(_, None) => Some(crate::verdict::backoff(finished.message.receive_count, spread)),
        _ => None,
    }
}
