//! Event source mappings: a queue's messages become invocations of a function.
//!
//! Rules: Lambda developer guide, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event source". One
//! difference, on purpose: while a function can't start, its messages stay in the queue instead of using up their receives.

mod batch;
mod event;
mod outcome;
mod poller;

use std::time::Duration;

use super::HostError;
use super::spec::FunctionSpec;
use crate::sqs::QueueAttributes;

pub use outcome::{Outcome, outcome};
pub(super) use poller::{Poller, poll};

/// The largest batch of a standard queue.
const MAX_BATCH: usize = 10_000;
/// The largest batch without a window, and of a FIFO queue.
const MAX_PLAIN_BATCH: usize = 10;
/// The longest window.
const MAX_WINDOW: Duration = Duration::from_secs(300);
/// From this window on a batch may be larger than ten.
const LARGE_BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Lambda's bounds for `MaximumConcurrency`.
const MAXIMUM_CONCURRENCY: std::ops::RangeInclusive<usize> = 2..=1_000;

/// Which queue feeds which function, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSpec {
    /// The queue's name, URL or ARN.
    pub queue: String,
    /// The function's name.
    pub function: String,
    /// Messages per invocation at most: 1 to 10, or to 10,000 with a window of 1 s or more on a standard queue.
    pub batch_size: usize,
    /// How long to gather a batch after its first message, in cloud time; 0 to 300 s, standard queues only.
    pub window: Duration,
    /// Invocations at once, 2 to 1,000; `None` is as many as the function has processes. Never more than those.
    pub maximum_concurrency: Option<usize>,
    /// Whether the function's reply names the messages that failed. Without, a reply of any content deletes the batch.
    pub report_batch_item_failures: bool,
}

impl MappingSpec {
    /// A mapping with Lambda's defaults (ten messages, no window), and with `ReportBatchItemFailures`, which this project's
    /// functions need.
    pub fn new(queue: impl Into<String>, function: impl Into<String>) -> Self {
        MappingSpec {
            queue: queue.into(),
            function: function.into(),
            batch_size: MAX_PLAIN_BATCH,
            window: Duration::ZERO,
            maximum_concurrency: None,
            report_batch_item_failures: true,
        }
    }

    /// Checks the mapping as Lambda does when it is created; returns what works but would hurt.
    ///
    /// # Errors
    /// [`HostError::Mapping`] naming the field that Lambda would refuse.
    pub(super) fn check(&self, queue: &QueueAttributes, function: &FunctionSpec) -> Result<Option<String>, HostError> {
        let refuse = |field: &'static str, problem: &str| {
            let (queue, function) = (self.queue.clone(), self.function.clone());
            Err(HostError::Mapping { queue, function, field, problem: problem.to_owned() })
        };
        let (visibility, timeout) = (queue.visibility_timeout(), function.timeout);
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return refuse("batch_size", "must be 1 to 10,000");
        }
        if queue.is_fifo() && self.batch_size > MAX_PLAIN_BATCH {
            return refuse("batch_size", "a FIFO queue's batch holds at most 10");
        }
        if queue.is_fifo() && !self.window.is_zero() {
            return refuse("window", "a FIFO queue has no window");
        }
        if self.window > MAX_WINDOW {
            return refuse("window", "must be 0 to 300 s");
        }
        if self.batch_size > MAX_PLAIN_BATCH && self.window < LARGE_BATCH_WINDOW {
            return refuse("window", "must be 1 s or more for a batch of more than 10");
        }
        if self.maximum_concurrency.is_some_and(|n| !MAXIMUM_CONCURRENCY.contains(&n)) {
            return refuse("maximum_concurrency", "must be 2 to 1,000");
        }
        if timeout > visibility {
            let problem =
                format!("the function's timeout of {timeout:?} exceeds the queue's visibility timeout of {visibility:?}");
            return refuse("queue", &problem);
        }
        let wanted = timeout.saturating_mul(6).saturating_add(self.window);
        Ok((visibility < wanted).then(|| {
            format!(
                "queue {}: a visibility timeout of {visibility:?} is less than 6 x the timeout + window, {wanted:?}",
                self.queue
            )
        }))
    }

    /// How long received messages stay invisible: the queue's own timeout, unless window and function could outlast it.
    fn visibility(&self, queue: &QueueAttributes, timeout: Duration) -> Duration {
        let needed = self.window.saturating_add(timeout);
        if needed > queue.visibility_timeout() {
            needed.saturating_add(Duration::from_secs(30))
        } else {
            queue.visibility_timeout()
        }
    }

    /// Batches at once.
    pub(super) fn pollers(&self, function: &FunctionSpec) -> usize {
        self.maximum_concurrency.unwrap_or(usize::MAX).min(function.concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(fifo: bool, visibility_seconds: u64) -> QueueAttributes {
        let attributes = [("VisibilityTimeout".to_owned(), visibility_seconds.to_string())].into();
        QueueAttributes::new(fifo, &attributes).expect("valid attributes")
    }

    fn function(timeout_seconds: u64) -> FunctionSpec {
        FunctionSpec { timeout: Duration::from_secs(timeout_seconds), ..FunctionSpec::new("f", "/f") }
    }

    #[test]
    fn what_lambda_refuses() {
        let m = || MappingSpec::new("q", "f");
        let second = Duration::from_secs(1);
        let cases: [(&str, bool, MappingSpec, Option<&str>); 12] = [
            ("defaults", false, m(), None),
            ("no messages", false, MappingSpec { batch_size: 0, ..m() }, Some("batch_size")),
            ("large without window", false, MappingSpec { batch_size: 11, ..m() }, Some("window")),
            ("large with window", false, MappingSpec { batch_size: 10_000, window: second, ..m() }, None),
            ("too large", false, MappingSpec { batch_size: 10_001, window: second, ..m() }, Some("batch_size")),
            ("long window", false, MappingSpec { window: second * 301, ..m() }, Some("window")),
            ("concurrency 1", false, MappingSpec { maximum_concurrency: Some(1), ..m() }, Some("maximum_concurrency")),
            ("concurrency 2", false, MappingSpec { maximum_concurrency: Some(2), ..m() }, None),
            ("concurrency 1001", false, MappingSpec { maximum_concurrency: Some(1_001), ..m() }, Some("maximum_concurrency")),
            ("fifo", true, m(), None),
            ("fifo, large", true, MappingSpec { batch_size: 11, window: second, ..m() }, Some("batch_size")),
            ("fifo, window", true, MappingSpec { window: second, ..m() }, Some("window")),
        ];
        for (situation, fifo, mapping, expected) in cases {
            let field = match mapping.check(&queue(fifo, 360), &function(60)) {
                Ok(_) => None,
                Err(HostError::Mapping { field, .. }) => Some(field),
                Err(other) => panic!("{situation}: {other}"),
            };
            assert_eq!(field, expected, "{situation}");
        }
    }

    #[test]
    fn visibility_against_timeout() {
        let m = MappingSpec::new("q", "f");
        for (visibility, timeout, verdict) in [(30, 60, "refused"), (60, 60, "warned"), (359, 60, "warned"), (360, 60, "fine")]
        {
            let seen = match m.check(&queue(false, visibility), &function(timeout)) {
                Err(_) => "refused",
                Ok(Some(_)) => "warned",
                Ok(None) => "fine",
            };
            assert_eq!(seen, verdict, "visibility {visibility}, timeout {timeout}");
        }
    }

    #[test]
    fn window_and_timeout_beyond_the_visibility_stretch_it() {
        let windowed = MappingSpec { window: Duration::from_secs(300), ..MappingSpec::new("q", "f") };
        assert_eq!(windowed.visibility(&queue(false, 60), Duration::from_secs(30)), Duration::from_secs(360));
        assert_eq!(windowed.visibility(&queue(false, 330), Duration::from_secs(30)), Duration::from_secs(330));
    }
}
