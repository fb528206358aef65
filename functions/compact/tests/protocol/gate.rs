//! The scheduler's hold on a worker: it stops before and after every request's effect, until it is let through.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::storage::faulty::Pause;
use futures::FutureExt;
use tokio::sync::{Notify, oneshot};

/// Where a worker's requests wait.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<oneshot::Sender<()>>,
    finished: bool,
}

/// Some of the paused clock's time, for a moment of real time.
///
/// While a thread of any worker makes a part, Tokio doesn't move the paused clock on by itself; and the thread may wait for
/// its worker, which stands at its gate. Whoever steps aside for a few milliseconds meanwhile would do so for ever.
async fn time_passes() {
    let _ = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await;
    tokio::time::advance(Duration::from_millis(20)).await;
}

impl Gate {
    /// For the worker's store.
    pub(crate) fn pause(&self) -> Pause {
        let gate = self.clone();
        Arc::new(move |_| {
            let (sender, receiver) = oneshot::channel();
            gate.lock().waiting.push(sender);
            gate.0.changed.notify_one();
            async move {
                // A scheduler that is gone holds nobody.
                let _ = receiver.await;
            }
            .boxed()
        })
    }

    /// The worker is done.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.0.changed.notify_one();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.lock().finished
    }

    /// Waits until the worker stands at a request, or is done. What runs meanwhile sends no request.
    pub(crate) async fn still(&self) {
        loop {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            {
                let mut state = self.lock();
                state.waiting.retain(|sender| !sender.is_closed());
                if state.finished || !state.waiting.is_empty() {
                    return;
                }
            }
            tokio::select! {
                biased;
                () = self.0.changed.notified() => {}
                () = time_passes() => {}
            }
        }
    }

    /// Lets the request through that has waited longest.
    pub(crate) fn let_through(&self) {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            let _ = state.waiting.remove(0).send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
