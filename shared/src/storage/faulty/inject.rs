//! One request with at most one fault.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use super::super::{ErrorKind, GetObject, Result, StoreError};
use super::{FaultyStore, Late, MAX_LATE, Moment, Point, State};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Throttle,
    Unavailable,
    ReplyLost,
    Resent,
    Late,
    Cut,
    Refused(ErrorKind),
}

/// What a request can suffer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nature {
    Write,
    Read,
    Body,
}

/// A request as its errors and its lines in the timeline name it.
struct Turn {
    request: u64,
    operation: &'static str,
    place: String,
    fault: Option<Fault>,
}

impl Turn {
    fn refused(&self, kind: ErrorKind, code: &str, message: &str) -> StoreError {
        StoreError::new(kind, self.operation, &self.place, code, message)
    }

    fn throttled(&self) -> StoreError {
        self.refused(ErrorKind::Throttled, "SlowDown", "Please reduce your request rate.")
    }

    /// The caller can't tell a request that was lost from a reply that was.
    fn unanswered(&self) -> StoreError {
        self.refused(ErrorKind::Unavailable, "RequestTimeout", "the connection was lost before the answer came")
    }
}

pub(super) fn outcome<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code.clone(),
    }
}

impl State {
    /// What is said to be refused is; else what the draw says.
    fn fault(&mut self, nature: Nature, place: &str) -> Option<Fault> {
        let drawn = self.draw(nature);
        self.refused.get(place).map(|kind| Fault::Refused(*kind)).or(drawn)
    }

    /// One draw per request, whatever comes of it, so that the same seed gives the same faults.
    fn draw(&mut self, nature: Nature) -> Option<Fault> {
        let (mut left, faults) = (self.random.f64(), self.faults);
        let write = nature == Nature::Write;
        let table = [
            (Fault::Throttle, faults.throttle, true),
            (Fault::Unavailable, faults.unavailable, true),
            (Fault::ReplyLost, faults.reply_lost, write),
            (Fault::Resent, faults.resent, write),
            (Fault::Late, faults.late, write && self.late.len() < MAX_LATE),
            (Fault::Cut, faults.cut, nature == Nature::Body),
        ];
        for (fault, probability, possible) in table {
            if !possible {
                continue;
            }
            if left < probability {
                return Some(fault);
            }
            left -= probability;
        }
        None
    }

    /// The late writes whose time has come.
    fn due(&mut self) -> Vec<Late> {
        let now = self.counts.requests;
        let all = std::mem::take(&mut self.late);
        let (due, waiting) = all.into_iter().partition(|late| late.due.is_some_and(|due| due <= now));
        self.late = waiting;
        due
    }
}

impl<S> FaultyStore<S> {
    /// A request that changes something. `send` sends it, once for each call.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        place: String,
        send: impl Fn() -> BoxFuture<'static, Result<T>> + Send + Sync + 'static,
    ) -> Result<T> {
        let turn = self.begin(operation, place, Nature::Write).await;
        match turn.fault {
            Some(Fault::Throttle) => Err(self.throttle(&turn)),
            Some(Fault::Unavailable) => Err(self.lose(&turn)),
            Some(Fault::Refused(kind)) => Err(self.deny(&turn, kind)),
            Some(Fault::Late) => {
                self.put_off(&turn, move || async move { send().await.map(drop) }.boxed());
                Err(turn.unanswered())
            }
            Some(fault @ (Fault::ReplyLost | Fault::Resent)) => {
                let first = send().await;
                self.pause(&turn, Moment::AfterEffect).await;
                if first.is_err() {
                    // Nothing landed, so there is no reply whose loss would matter.
                    return self.end(&turn, first);
                }
                if fault == Fault::ReplyLost {
                    self.lock().counts.reply_lost += 1;
                    self.note(&turn, "landed, reply lost");
                    return Err(turn.unanswered());
                }
                self.lock().counts.resent += 1;
                self.note(&turn, "landed, reply lost, sent again");
                let second = send().await;
                self.pause(&turn, Moment::AfterEffect).await;
                self.end(&turn, second)
            }
            Some(Fault::Cut) | None => {
                let result = send().await;
                self.pause(&turn, Moment::AfterEffect).await;
                self.end(&turn, result)
            }
        }
    }

    /// A request that changes nothing.
    pub(super) async fn read<T: Send>(
        &self,
        operation: &'static str,
        place: String,
        send: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let turn = self.begin(operation, place, Nature::Read).await;
        self.finish_read(&turn, send).await
    }

    /// A GET, whose body can break off.
    pub(super) async fn read_body(
        &self,
        place: String,
        send: impl Future<Output = Result<GetObject>> + Send,
    ) -> Result<GetObject> {
        let turn = self.begin("GetObject", place, Nature::Body).await;
        let mut got = self.finish_read(&turn, send).await?;
        if turn.fault == Some(Fault::Cut) {
            self.lock().counts.cut += 1;
            self.note(&turn, "body cut");
            let broken = turn.refused(ErrorKind::Unavailable, "IncompleteBody", "the connection was lost in the body");
            got.body = got.body.take(1).chain(futures::stream::iter([Err(broken)])).boxed();
        }
        Ok(got)
    }

    async fn finish_read<T: Send>(&self, turn: &Turn, send: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match turn.fault {
            Some(Fault::Throttle) => Err(self.throttle(turn)),
            Some(Fault::Unavailable) => Err(self.lose(turn)),
            Some(Fault::Refused(kind)) => Err(self.deny(turn, kind)),
            _ => {
                let result = send.await;
                self.pause(turn, Moment::AfterEffect).await;
                self.end(turn, result)
            }
        }
    }

    /// Numbers the request, draws its fault, lands what is due before it, and pauses.
    async fn begin(&self, operation: &'static str, place: String, nature: Nature) -> Turn {
        let (turn, due) = {
            let mut state = self.lock();
            state.counts.requests += 1;
            let due = state.due();
            let fault = state.fault(nature, &place);
            (Turn { request: state.counts.requests, operation, place, fault }, due)
        };
        self.land(due).await;
        self.pause(&turn, Moment::BeforeEffect).await;
        turn
    }

    async fn pause(&self, turn: &Turn, moment: Moment) {
        if let Some(pause) = &self.pause {
            let place = turn.place.clone();
            pause(&Point { request: turn.request, operation: turn.operation, place, moment }).await;
        }
    }

    fn throttle(&self, turn: &Turn) -> StoreError {
        self.lock().counts.throttled += 1;
        self.note(turn, "throttled");
        turn.throttled()
    }

    fn lose(&self, turn: &Turn) -> StoreError {
        self.lock().counts.unavailable += 1;
        self.note(turn, "lost before the effect");
        turn.unanswered()
    }

    fn deny(&self, turn: &Turn, kind: ErrorKind) -> StoreError {
        self.lock().counts.refused += 1;
        self.note(turn, "refused");
        turn.refused(kind, &format!("{kind:?}"), "requests for this object are refused")
    }

    fn put_off(&self, turn: &Turn, send: impl FnOnce() -> BoxFuture<'static, Result<()>> + Send + 'static) {
        self.note(turn, "put off");
        let mut state = self.lock();
        state.counts.late += 1;
        let within = state.faults.late_within;
        let due = (within > 0).then(|| turn.request + state.random.u64(1..=within));
        let (request, operation, place) = (turn.request, turn.operation, turn.place.clone());
        state.late.push(Late { request, operation, place, due, send: Box::new(send) });
    }

    fn end<T>(&self, turn: &Turn, result: Result<T>) -> Result<T> {
        self.note(turn, &outcome(&result));
        result
    }

    fn note(&self, turn: &Turn, what: &str) {
        self.lock().note(format!("{} {} {}: {what}", turn.request, turn.operation, turn.place));
    }
}
