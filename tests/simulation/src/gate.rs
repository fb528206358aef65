//! Where an invocation's requests wait until the scheduler lets one of them go.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};

use tokio::sync::Notify;

/// One request that waits.
struct Ticket {
    /// It changes something.
    write: bool,
    granted: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// The gate of one invocation.
#[derive(Default)]
pub(super) struct Gate {
    waiting: Mutex<Vec<Arc<Ticket>>>,
}

impl Gate {
    /// Ends when the scheduler has let it through.
    pub(super) async fn pass(&self, write: bool) {
        let ticket = Arc::new(Ticket { write, granted: AtomicBool::new(false), waker: Mutex::default() });
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&ticket));
        poll_fn(|context| {
            if ticket.granted.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            *ticket.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// How many requests wait. Those whose caller has given them up don't count.
    pub(super) fn waiting(&self) -> usize {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|ticket| Arc::strong_count(ticket) > 1);
        waiting.len()
    }

    /// A write is about to be sent.
    pub(super) fn holds_write(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|ticket| ticket.write)
    }

    /// Lets the one at `index` of those that wait go.
    pub(super) fn grant(&self, index: usize) {
        let ticket = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(index);
        ticket.granted.store(true, Ordering::SeqCst);
        if let Some(waker) = ticket.waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

/// Remembers that a future wants to be polled, and tells who waits for that.
#[derive(Default)]
pub(super) struct Alarm {
    rung: AtomicBool,
    notify: Notify,
}

impl Alarm {
    /// Whether it has rung since the last call.
    pub(super) fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }

    /// Waits until it rings: for a task of the blocking pool, or for a timer.
    pub(super) async fn rings(&self) {
        while !self.take() {
            self.notify.notified().await;
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }
}
