//! The other two callers: S3 Batch Operations, and whoever invokes the function directly.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Setup;
use super::finish::park_copy;
use super::lines::record_line;
use super::settle::{Settled, event_of, fenced, settle};
use super::tally::Tally;
use crate::budget::Deadline;
use crate::event::{BatchJob, BatchReply, Decoded, Envelope, Layer, Record, ResultCode, TaskResult, to_notification};
use crate::verdict::{Outcome, Verdict};

/// S3 Batch Operations cuts longer result strings.
const RESULT_STRING: usize = 1024;

/// Runs the tasks of an S3 Batch Operations job, with exactly one result for each.
pub async fn run_job(setup: Setup<'_>, job: &BatchJob, deadline: Deadline, now: impl Fn() -> OffsetDateTime) -> BatchReply {
    let envelope = Envelope::new([Layer::S3Batch]);
    let records: Vec<Decoded> = job
        .tasks
        .iter()
        .map(|task| Decoded { envelope: envelope.clone(), record: task.record.clone().map(Record::Object) })
        .collect();
    let settled = settle(setup, &records.iter().collect::<Vec<_>>(), deadline).await;
    report(setup, &records, &settled, now());
    let results = job.tasks.iter().zip(&settled).map(|(task, settled)| TaskResult {
        task_id: task.task_id.clone(),
        result_code: match settled.outcome.verdict {
            Verdict::Done | Verdict::Skip(_) => ResultCode::Succeeded,
            Verdict::Retry(..) => ResultCode::TemporaryFailure,
            Verdict::Park(_) => ResultCode::PermanentFailure,
        },
        result_string: describe(&settled.outcome.verdict).chars().take(RESULT_STRING).collect(),
    });
    job.reply(ResultCode::PermanentFailure, results.collect())
}

/// Runs a direct invocation: the verdict of each record, or `Err` where one must be tried again by whoever invoked.
pub async fn run_direct(
    setup: Setup<'_>,
    payload: &Value,
    records: &[Decoded],
    deadline: Deadline,
    now: impl Fn() -> OffsetDateTime,
) -> Result<Value, String> {
    let mut settled = settle(setup, &records.iter().collect::<Vec<_>>(), deadline).await;
    for (record, end) in records.iter().zip(&mut settled) {
        if let Verdict::Park(reason) = &end.outcome.verdict {
            // What could not be decoded is parked as the whole payload: S3 and SNS, which call without waiting, keep none.
            let body = event_of(record).map_or_else(|| payload.to_string(), |event| to_notification(event).to_string());
            if let Some(refused) = park_copy(setup, None, &body, &BTreeMap::new(), reason, deadline).await {
                end.outcome.verdict = refused;
            }
        }
    }
    report(setup, records, &settled, now());
    let verdicts: Vec<Value> = records.iter().zip(&settled).map(|(record, end)| verdict_line(record, end)).collect();
    let failed: Vec<String> = settled
        .iter()
        .filter(|end| matches!(end.outcome.verdict, Verdict::Retry(..)))
        .map(|end| describe(&end.outcome.verdict))
        .collect();
    if failed.is_empty() { Ok(json!({ "verdicts": verdicts })) } else { Err(failed.join("; ")) }
}

/// Runs what is due without an event: the verdict, or `Err` where whoever scheduled it must try again.
pub async fn run_schedule(setup: Setup<'_>, deadline: Deadline, now: impl Fn() -> OffsetDateTime) -> Result<Value, String> {
    let outcome = fenced(setup.worker.on_schedule(deadline), deadline).await.unwrap_or_else(Outcome::from);
    let verdict = &outcome.verdict;
    let mut line = json!({"function": setup.worker.name(), "event": "Scheduled", "verdict": verdict.name()});
    if let Some(members) = line.as_object_mut() {
        members.extend(verdict.reason().map(|reason| ("reason".to_owned(), reason.code.as_ref().into())));
        let detail = verdict.reason().map(|reason| reason.detail.as_str()).filter(|detail| !detail.is_empty());
        members.extend(detail.map(|detail| ("detail".to_owned(), detail.into())));
        members.extend(outcome.figures.iter().map(|(name, figure)| ((*name).to_owned(), (*figure).into())));
    }
    setup.lines.line(&line);
    let now = now();
    setup.lines.line(&Tally::default().with_verdict(verdict).line(setup.worker.name(), now));
    match verdict {
        Verdict::Retry(..) => Err(describe(verdict)),
        _ => Ok(line),
    }
}

fn verdict_line(record: &Decoded, end: &Settled) -> Value {
    let event = event_of(record);
    let reason = end.outcome.verdict.reason();
    json!({
        "bucket": event.map(|e| e.bucket.as_str()),
        "key": event.map(|e| e.key.as_str()),
        "verdict": end.outcome.verdict.name(),
        "reason": reason.map(|r| r.code.as_ref()),
        "detail": reason.map(|r| r.detail.as_str()).filter(|detail| !detail.is_empty()),
    })
}

fn describe(verdict: &Verdict) -> String {
    verdict.reason().map_or_else(|| verdict.name().to_owned(), |reason| format!("{}: {reason}", verdict.name()))
}

fn report(setup: Setup<'_>, records: &[Decoded], settled: &[Settled], now: OffsetDateTime) {
    let pairs = || records.iter().zip(settled);
    pairs().filter_map(|(record, end)| record_line(setup, None, record, end)).for_each(|line| setup.lines.line(&line));
    setup.lines.line(&Tally::of(pairs(), now).line(setup.worker.name(), now));
}
