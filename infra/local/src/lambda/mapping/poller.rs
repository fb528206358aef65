//! A poller: gathers a batch, has it worked on, and settles it with the queue; for ever.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::super::events::HostEvent;
use super::super::function::Function;
use super::super::host::Invoker;
use super::super::invocation::{InvokeResult, Work};
use super::MappingSpec;
use super::batch::{Batch, Source};
use super::event::event;
use super::outcome::{Outcome, outcome};
use crate::sqs::{Queues, SqsError};

/// The pause after a first failure, in cloud time; doubled for each further one in a row. Lambda, too, slows a mapping down
/// whose function fails.
const BACKOFF: Duration = Duration::from_millis(100);
/// The longest pause.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// One of a mapping's pollers.
pub(in crate::lambda) struct Poller {
    pub(in crate::lambda) mapping: Arc<MappingSpec>,
    pub(in crate::lambda) queues: Queues,
    pub(in crate::lambda) function: Arc<Function>,
    pub(in crate::lambda) invoker: Invoker,
}

/// Runs until it is dropped. What is in flight then comes back by its visibility timeout.
pub(in crate::lambda) async fn poll(poller: Poller) {
    let Poller { mapping, queues, function, .. } = &poller;
    let mut source = Source { queues, mapping, function, left: VecDeque::new() };
    let mut failures: u32 = 0;
    loop {
        function.open_for_messages().await;
        let succeeded = match source.gather().await {
            Ok(batch) if batch.items.is_empty() => continue,
            Ok(batch) => poller.work(&batch).await,
            Err(error) => {
                // Said once, not at each try.
                if failures == 0 {
                    poller.warn(&error);
                }
                false
            }
        };
        failures = if succeeded { 0 } else { failures.saturating_add(1) };
        if failures > 0 {
            let doubled = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
            queues.clock().sleep(BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)).await;
        }
    }
}

impl Poller {
    /// Invokes the function with the batch and settles it; whether the batch as a whole did not fail.
    async fn work(&self, batch: &Batch) -> bool {
        let records: Vec<String> = batch.items.iter().map(|item| item.record.clone()).collect();
        let trace = batch.items.iter().find_map(|item| item.message.attributes.get("AWSTraceHeader").cloned());
        let messages = batch.items.len();
        let work = Work { messages, trace, ..Work::of(event(&records)) };
        let (outcome, result) = match self.invoker.invoke(&self.function, work).await {
            Ok(result) => (self.outcome(batch, &result), Some(result)),
            Err(error) => (Outcome::CompleteFailure(error.to_string()), None),
        };
        let failed = match &outcome {
            Outcome::Success => 0,
            Outcome::Partial(ids) => batch.items.iter().filter(|item| ids.contains(&item.message.message_id)).count(),
            Outcome::CompleteFailure(_) => messages,
        };
        self.delete(batch, &outcome);
        let function = self.function.spec.name.clone();
        let (request_id, duration) = result.map(|r| (r.request_id, r.duration)).unwrap_or_default();
        let succeeded = !matches!(outcome, Outcome::CompleteFailure(_));
        self.invoker.tell(match outcome {
            Outcome::CompleteFailure(cause) => HostEvent::Failed { function, request_id, messages, cause },
            Outcome::Success | Outcome::Partial(_) => HostEvent::Replied { function, request_id, failures: failed, duration },
        });
        succeeded
    }

    fn outcome(&self, batch: &Batch, result: &InvokeResult) -> Outcome {
        if result.function_error.is_some() {
            return Outcome::CompleteFailure(result.error_message());
        }
        if self.invoker.loses_reply() {
            return Outcome::CompleteFailure("the reply was lost (injected fault)".to_owned());
        }
        if !self.mapping.report_batch_item_failures {
            return Outcome::Success;
        }
        let ids: Vec<String> = batch.items.iter().map(|item| item.message.message_id.clone()).collect();
        outcome(&result.payload, &ids)
    }

    /// Deletes what succeeded. What failed is left as it is: the function may have set its visibility.
    fn delete(&self, batch: &Batch, outcome: &Outcome) {
        for item in &batch.items {
            let stays = match outcome {
                Outcome::Success => false,
                Outcome::Partial(failed) => failed.contains(&item.message.message_id),
                Outcome::CompleteFailure(_) => true,
            };
            if stays {
                continue;
            }
            if let Err(error) = self.queues.delete(&self.mapping.queue, &item.message.receipt_handle) {
                self.warn(&error);
            }
        }
    }

    fn warn(&self, error: &SqsError) {
        let message = format!("queue {}: {error}", self.mapping.queue);
        self.invoker.tell(HostEvent::Warning { function: self.function.spec.name.clone(), message });
    }
}
