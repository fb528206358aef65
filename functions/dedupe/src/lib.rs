//! From the raw event stream of a bucket to a clean one: each change once, newest wins, on S3 alone.
//!
//! A batch is arranged by keys (`arrange`), its newest changes are claimed in the ledger ([`brigade::ledger`]) with one
//! conditional write for each shard, forwarded, and the claims are ended with another one.

mod arrange;
mod config;
mod content;
mod message;
mod target;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade::budget::{Deadline, LONGEST_REQUEST};
use brigade::config::{Mode, Span};
use brigade::event::{EventKind, ObjectEvent, ObjectKey};
use brigade::ledger::{Answer, Change, Claims, Documents, End, Ending, LedgerError, Standing, States, Terms, standing};
use brigade::storage::{ErrorKind, Head, Location, Nonces, ObjectMeta, Store, StoreError};
use brigade::verdict::{Outcome, Reason, Verdict};
use brigade::worker::queue::{Outgoing, QueueError};
use brigade::worker::{Together, Worker};
use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use arrange::{Place, arrange};

pub use config::{Config, Content, VARIABLES};
pub use content::TAG;
pub use message::MESSAGE_VERSION;
pub use target::{Outlet, Service, Target};

/// The families of events that it takes: what a subscription lets through to its queue.
pub const EVENTS: &[&str] = &["ObjectCreated", "ObjectRemoved", "LifecycleExpiration"];

/// S3's servers and a date's whole seconds may differ by so much.
const SLACK: Duration = Duration::from_secs(5);
/// Requests to the target at once.
const SENDS_AT_ONCE: usize = 8;
/// Looks at objects at once, for their content.
const LOOKS_AT_ONCE: usize = 8;
/// What claims need to be ended: nothing is sent when less is left.
const ENDING: Duration = Duration::from_secs(3);

/// The longest timeout that the function may have: with six times that as the queue's visibility timeout, what a process left
/// behind comes back while a FIFO target still drops what it got (5 minutes).
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The function on some store and target.
pub struct Dedupe {
    store: Arc<dyn Store>,
    documents: Documents,
    claims: Claims,
    outlet: Outlet,
    config: Config,
}

/// A leader's way through a batch.
struct Led<'a> {
    event: &'a ObjectEvent,
    change: &'a Change,
    answer: Result<Answer, LedgerError>,
    duplicate_of: Option<String>,
    /// What the looks at contents came to, for the log line.
    figures: Vec<(&'static str, u64)>,
    sent: Option<Result<(), QueueError>>,
}

impl Dedupe {
    /// The function, as configured. Nonces must differ between processes: seeded only in tests.
    pub fn new(config: Config, store: Arc<dyn Store>, outlet: Outlet, nonces: Nonces) -> Self {
        let documents = Documents::new(Arc::clone(&store), nonces).with_encryption(config.common.encryption.clone());
        let claims = Claims::new(documents.clone(), config.layout.clone());
        let claims = if config.common.mode == Mode::Plan { claims.read_only() } else { claims };
        Self { store, documents, claims, outlet, config }
    }

    fn plans_only(&self) -> bool {
        self.config.common.mode == Mode::Plan
    }

    /// Claims, forwards and ends the leaders.
    async fn lead<'a>(&self, leaders: Vec<(&'a ObjectEvent, &'a Change)>, deadline: Deadline) -> Vec<Led<'a>> {
        let owner = self.claims.owner();
        // Before the ledger is asked, so that the lease, which begins at S3's answer, ends later still.
        let terms = Terms { owner: &owner, lease: deadline.until_the_end() + LONGEST_REQUEST + SLACK };
        let changes: Vec<&Change> = leaders.iter().map(|(_, change)| *change).collect();
        let looks = Looks { store: self.store.as_ref(), input: &self.config.common.input, leaders: &leaders };
        let answers = self.claims.claim(&changes, &looks, terms).await;
        let mut led: Vec<Led<'a>> = leaders
            .iter()
            .zip(answers)
            .map(|((event, change), answer)| Led { event, change, answer, duplicate_of: None, figures: Vec::new(), sent: None })
            .collect();
        if self.plans_only() {
            return led;
        }
        let stop = deadline.work_ends().checked_sub(ENDING).unwrap_or_else(Instant::now);
        if self.config.content != Content::Off {
            // Most of the time is the forwarding's: what is not looked at by then goes without a report.
            let now = Instant::now();
            self.look_at_contents(&mut led, now + stop.saturating_duration_since(now) / 3).await;
        }
        self.forward(&mut led, stop).await;
        let ends: Vec<End> = led.iter().filter_map(Led::end).collect();
        // What can't be ended is left to its lease; its change may be forwarded once more, under the same number.
        let ended = deadline.work_ends().checked_sub(ENDING / 4).unwrap_or_else(Instant::now);
        let _ = timeout_at(ended, self.claims.complete(&ends, &owner)).await;
        let _ = timeout_at(stop, self.claims.split_where_due()).await;
        led
    }

    async fn forward(&self, led: &mut [Led<'_>], stop: Instant) {
        let messages: Vec<(usize, Outgoing)> =
            led.iter().enumerate().filter_map(|(index, led)| Some((index, self.message(led)?))).collect();
        let sends: Vec<_> = target::requests(messages).into_iter().map(|request| self.send(request, stop)).collect();
        let results: Vec<Vec<_>> = stream::iter(sends).buffer_unordered(SENDS_AT_ONCE).collect().await;
        for (index, result) in results.into_iter().flatten() {
            if let Some(led) = led.get_mut(index) {
                led.sent = Some(result);
            }
        }
    }

    fn message(&self, led: &Led<'_>) -> Option<Outgoing> {
        let Ok(Answer::Claimed(token)) = led.answer else { return None };
        let fifo = self.config.target.is_fifo();
        Some(message::message(led.event, led.change, token, led.duplicate_of.as_deref(), fifo))
    }

    /// One request. It is not begun after `stop`, and is not waited for long after it.
    async fn send(&self, request: Vec<(usize, Outgoing)>, stop: Instant) -> Vec<(usize, Result<(), QueueError>)> {
        let (indices, messages): (Vec<usize>, Vec<Outgoing>) = request.into_iter().unzip();
        let arn = self.config.target.arn();
        let unsent = |may_have_landed, message: &str| QueueError {
            may_have_landed,
            ..QueueError::later("Send", arn, "NoTime", message)
        };
        if Instant::now() >= stop {
            let error = unsent(false, "no time left to send it");
            return indices.into_iter().map(|index| (index, Err(error.clone()))).collect();
        }
        let sent = timeout_at(stop + ENDING / 2, self.outlet.send(messages)).await.unwrap_or_default();
        let unanswered = std::iter::repeat_with(|| Err(unsent(true, "no answer in this invocation's time")));
        indices.into_iter().zip(sent.into_iter().chain(unanswered)).collect()
    }

    async fn look_at_contents(&self, led: &mut [Led<'_>], stop: Instant) {
        let looks: Vec<_> = led
            .iter_mut()
            .filter(|led| matches!(led.answer, Ok(Answer::Claimed(_))) && led.event.kind.is_created())
            .map(|led| async {
                // A look that fails holds no change back: it is a report, not a condition.
                let first = timeout_at(stop, content::first_holder(&self.documents, &self.config.layout, led.event)).await;
                let Ok(Ok(first)) = first else { return led.figures.push(("content_unknown", 1)) };
                led.duplicate_of = first;
                let Some(first) = &led.duplicate_of else { return };
                led.figures.push(("duplicate_content", 1));
                if self.config.content == Content::Tag {
                    let tagged = timeout_at(stop, content::tag(self.store.as_ref(), led.event, first)).await;
                    if !matches!(tagged, Ok(Ok(true))) {
                        led.figures.push(("untagged", 1));
                    }
                }
            })
            .collect();
        stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).collect::<Vec<()>>().await;
    }
}

impl Led<'_> {
    /// How its claim ends; `None` where it has none, or where its message may still land.
    fn end(&self) -> Option<End> {
        let Ok(Answer::Claimed(token)) = self.answer else { return None };
        let ending = match &self.sent {
            Some(Ok(())) => Ending::Settled,
            Some(Err(error)) if error.retry && error.may_have_landed => return None,
            // Also what can never be sent: its message is parked after this, and where that fails it comes back and must not
            // be taken for one that was forwarded.
            Some(Err(_)) | None => Ending::GivenBack,
        };
        Some(End { key: self.change.key, token, ending })
    }

    fn outcome(&self, plans_only: bool) -> Outcome {
        let verdict = match &self.answer {
            Err(error) => error.verdict(),
            Ok(Answer::Claimed(_)) if plans_only => Verdict::skip("plan", "would be forwarded"),
            Ok(Answer::Claimed(_)) => match &self.sent {
                Some(Ok(())) => Verdict::Done,
                Some(Err(error)) if !error.retry => Verdict::park("not-forwardable", error.to_string()),
                Some(Err(error)) => Verdict::retry("not-forwarded", error.to_string()),
                None => Verdict::retry("not-forwarded", "not sent"),
            },
            Ok(Answer::Duplicate) => Verdict::skip("duplicate", "forwarded before"),
            Ok(Answer::Superseded) => Verdict::skip("superseded", "a newer change of the key was claimed"),
            Ok(Answer::Wait(left)) => {
                let reason =
                    Reason::new("claimed", format!("another invocation holds the key, for {} s at most", left.as_secs()));
                Verdict::Retry(reason, Some(*left))
            }
            Ok(Answer::Full) => Verdict::retry("ledger-full", "the shard holds as many open claims as it can"),
            Ok(Answer::Contended | Answer::Ask(_)) => Verdict::retry("contended", "others' writes always came first"),
        };
        Outcome { verdict, look_again: false, figures: self.figures.clone() }
    }

    /// A change that this one has overtaken can go: its mark is in the ledger, or a newer one is.
    fn stands(&self) -> bool {
        matches!(self.answer, Ok(Answer::Claimed(_) | Answer::Duplicate | Answer::Superseded))
    }
}

/// The end of a change that did not lead.
fn follow(place: Place, led: &[Led<'_>], plans_only: bool) -> Outcome {
    let leader = |place: usize| led.get(place);
    let held = || Verdict::retry("unstarted", "its key was not settled").into();
    match place {
        Place::Leads(at) => leader(at).map_or_else(held, |led| led.outcome(plans_only)),
        Place::Same(at) => match leader(at).map(|led| led.outcome(plans_only).verdict) {
            Some(Verdict::Done) => Verdict::skip("duplicate", "forwarded in this batch").into(),
            Some(Verdict::Park(_)) => Verdict::skip("duplicate", "parked in this batch").into(),
            Some(verdict) => verdict.into(),
            None => held(),
        },
        Place::Overtaken(at) if leader(at).is_some_and(Led::stands) => {
            Verdict::skip("superseded", "a newer change of the key is in the batch").into()
        }
        Place::Overtaken(at) => leader(at).map_or_else(held, |led| led.outcome(plans_only).verdict.into()),
        Place::Later => {
            let reason = Reason::new("order-unknown", "it can't be compared with another change of the batch");
            Verdict::Retry(reason, Some(Duration::from_secs(5))).into()
        }
    }
}

/// Looks at the objects of a batch's leaders.
struct Looks<'a> {
    store: &'a dyn Store,
    input: &'a [Span],
    leaders: &'a [(&'a ObjectEvent, &'a Change)],
}

#[async_trait]
impl States for Looks<'_> {
    async fn standing(&self, index: usize) -> Result<Standing, StoreError> {
        match self.leaders.get(index) {
            Some((event, change)) if change.of_content => {
                if let Some(region) = &event.region {
                    self.store.hint_region(&event.bucket, region);
                }
                match self.object(event).await {
                    Ok(object) => Ok(standing(event, object.as_ref())),
                    // Under a customer's key nobody here can ever tell: forward it, unless the ledger knows better.
                    Err(error) if error.kind == ErrorKind::CustomerKey => Ok(Standing::Fits),
                    Err(error) => Err(error),
                }
            }
            // Tags and the like leave nothing behind by which an older one could be told.
            _ => Ok(Standing::Fits),
        }
    }
}

impl Looks<'_> {
    /// The object as it is now, under either reading of its key, where the function takes that.
    async fn object(&self, event: &ObjectEvent) -> Result<Option<ObjectMeta>, StoreError> {
        let taken = |key: &&ObjectKey| self.input.iter().any(|span| span.contains(&event.bucket, key));
        for key in std::iter::once(&event.key).chain(&event.other_key).filter(taken) {
            match self.store.head(&Location::new(event.bucket.clone(), key.clone()), Head::default()).await {
                Ok(meta) => return Ok(Some(meta)),
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Worker for Dedupe {
    fn name(&self) -> &'static str {
        "dedupe"
    }

    fn input(&self) -> &[Span] {
        &self.config.common.input
    }

    /// What cleanup announces, or a job of S3 Batch Operations names, is no change: its consumer would take it for one, its
    /// order can't be known, and the next one could not be told from it.
    fn refuses(&self, kind: &EventKind) -> Option<Reason> {
        let asked_for = [(EventKind::announced(), "announced"), (EventKind::batch_task(), "batch-task")];
        asked_for.into_iter().find_map(|(one, code)| (*kind == one).then(|| Reason::new(code, "nothing has changed")))
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        let outcome = self.handle_all(&[event], deadline).await.into_iter().next();
        outcome.unwrap_or_else(|| Verdict::retry("unstarted", "no time left").into())
    }

    fn together(&self) -> Option<&dyn Together> {
        Some(self)
    }
}

#[async_trait]
impl Together for Dedupe {
    async fn handle_all(&self, events: &[&ObjectEvent], deadline: Deadline) -> Vec<Outcome> {
        let time = deadline.until_the_end();
        if time > LONGEST_TIMEOUT + SLACK {
            let most = LONGEST_TIMEOUT.as_secs();
            let why = format!("the function's timeout is {} s, and may be {most} s", time.as_secs_f64().round());
            return vec![Verdict::retry("timeout-too-long", why).into(); events.len()];
        }
        if deadline.left() < 2 * ENDING {
            return Vec::new();
        }
        let changes: Vec<Change> = events.iter().map(|event| Change::of(event, self.config.target.arn())).collect();
        let arranged = arrange(&changes);
        let leaders: Vec<(&ObjectEvent, &Change)> =
            arranged.leaders.iter().filter_map(|index| Some((*events.get(*index)?, changes.get(*index)?))).collect();
        let led = self.lead(leaders, deadline).await;
        arranged.places.into_iter().map(|place| follow(place, &led, self.plans_only())).collect()
    }
}

#[cfg(test)]
mod tests;
