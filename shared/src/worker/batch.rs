//! One SQS batch: from messages to the ids that are given back.

use futures::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::timeout_at;

use super::Setup;
use super::finish::{Finished, finish, pause};
use super::lines::record_line;
use super::queue::{MAX_VISIBILITY_SECONDS, queue_url_of_arn};
use super::settle::settle;
use super::tally::Tally;
use crate::budget::Deadline;
use crate::event::{Decoded, Message};
use crate::verdict::{Reason, Verdict};

/// Visibility is reset one request per ten messages: only where that is no more than ten requests.
const SMALL_BATCH: usize = 100;
/// Messages that are parked or queued at once.
const FINISH_AT_ONCE: usize = 8;

/// The end of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchResult {
    /// What the partial batch response names, in the order of the batch. `Err`: a message must be given back and has no
    /// id to name it by, so the invocation as a whole must fail.
    pub failures: Result<Vec<String>, String>,
    /// The counts of its records.
    pub tally: Tally,
}

/// Runs a batch to its end: each message is acknowledged, parked or given back, and none is left without a verdict.
///
/// `now` is the wall clock, for the lag that is reported.
pub async fn run_messages(
    setup: Setup<'_>,
    messages: &[Message],
    deadline: Deadline,
    now: impl Fn() -> OffsetDateTime,
) -> BatchResult {
    let decoded: Vec<Vec<Decoded>> = messages.iter().map(Message::decode).collect();
    let all: Vec<&Decoded> = decoded.iter().flatten().collect();
    let mut ends = settle(setup, &all, deadline).await.into_iter();
    let grouped: Vec<_> =
        messages.iter().zip(&decoded).map(|(m, records)| (m, records, ends.by_ref().take(records.len()).collect())).collect();
    // The futures are made before the first await: a closure that is kept across one would have to hold for every lifetime.
    let ends: Vec<_> =
        grouped.into_iter().map(|(message, records, settled)| finish(setup, message, records, settled, deadline)).collect();
    let mut finished: Vec<Finished<'_>> = stream::iter(ends).buffered(FINISH_AT_ONCE).collect().await;
    hold_back_groups(&mut finished);
    reset_visibility(setup, &finished, deadline).await;
    report(setup, &finished, now());
    BatchResult { failures: failures(&finished), tally: tally(&finished, now()) }
}

/// FIFO: what follows a message that is given back, in the same group, is given back too.
fn hold_back_groups(finished: &mut [Finished<'_>]) {
    let mut held = std::collections::BTreeSet::new();
    for one in finished {
        let fifo = one.message.queue_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
        let Some(group) = one.message.group_id.as_deref().filter(|_| fifo) else { continue };
        if matches!(one.verdict, Verdict::Retry(..)) {
            held.insert(group);
        } else if held.contains(group) {
            let held_back = Verdict::Retry(Reason::new("fifo-order", "an earlier message of the group is given back"), None);
            one.give_back(&held_back);
        }
    }
}

async fn reset_visibility(setup: Setup<'_>, finished: &[Finished<'_>], deadline: Deadline) {
    let seconds = |pause: std::time::Duration| u32::try_from(pause.as_secs()).unwrap_or(u32::MAX).min(MAX_VISIBILITY_SECONDS);
    let entries: Vec<(String, u32)> =
        finished.iter().filter_map(|one| Some((one.message.receipt_handle.clone()?, seconds(pause(one)?)))).collect();
    let url = finished.iter().find_map(|one| queue_url_of_arn(one.message.queue_arn.as_deref()?, setup.endpoint));
    let Some(url) = url.filter(|_| !entries.is_empty() && entries.len() <= SMALL_BATCH) else { return };
    // A failure is no loss: the message comes back when the queue's own timeout has passed.
    let _ = timeout_at(deadline.reply_by(), setup.queue.set_visibility(&url, entries)).await;
}

fn failures(finished: &[Finished<'_>]) -> Result<Vec<String>, String> {
    let given_back = finished.iter().filter(|one| matches!(one.verdict, Verdict::Retry(..)));
    given_back
        .map(|one| {
            one.message
                .id
                .clone()
                .ok_or_else(|| format!("a message without a messageId must be given back ({:?})", one.verdict))
        })
        .collect()
}

fn tally(finished: &[Finished<'_>], now: OffsetDateTime) -> Tally {
    Tally::of(finished.iter().flat_map(|one| one.records.iter().zip(&one.settled)), now)
}

fn report(setup: Setup<'_>, finished: &[Finished<'_>], now: OffsetDateTime) {
    let lines = finished.iter().flat_map(|one| {
        one.records
            .iter()
            .zip(&one.settled)
            .filter_map(|(record, settled)| record_line(setup, Some(one.message), record, settled))
    });
    lines.for_each(|line| setup.lines.line(&line));
    setup.lines.line(&tally(finished, now).line(setup.worker.name(), now));
}

#[cfg(test)]
mod tests;
