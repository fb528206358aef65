//! The host's live stream: what happens to functions, for whoever watches.

use std::time::Duration;

use tokio::sync::broadcast;

/// Events kept for a slow reader. A reader further behind loses the oldest and is told how many.
const KEPT: usize = 4_096;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HostEvent {
    /// A process runs and asked for its first invocation.
    Started {
        /// The function.
        function: String,
        /// Which of its processes, `index-generation`.
        sandbox: String,
    },
    /// A function was handed work.
    Invoked {
        /// The function.
        function: String,
        /// The invocation.
        request_id: String,
        /// Messages in the batch; 0 for a direct invocation.
        messages: usize,
    },
    /// A function answered, and the host accepted the answer.
    Replied {
        /// The function.
        function: String,
        /// The invocation.
        request_id: String,
        /// Messages that the answer returned to the queue.
        failures: usize,
        /// From hand-over to answer.
        duration: Duration,
    },
    /// An invocation, and with it the whole batch, failed: an error, a timeout, a dead process or an unusable answer.
    Failed {
        /// The function.
        function: String,
        /// The invocation.
        request_id: String,
        /// Messages that stay in the queue; 0 for a direct invocation.
        messages: usize,
        /// What happened.
        cause: String,
    },
    /// A line of a function's output.
    Log {
        /// The function.
        function: String,
        /// Which of its processes.
        sandbox: String,
        /// The line, without its end; cut at 64 KiB.
        line: String,
    },
    /// A process ended and another takes its place.
    Restarted {
        /// The function.
        function: String,
        /// The process that ended.
        sandbox: String,
        /// How it ended.
        cause: String,
    },
    /// A function does not start; the host has stopped trying.
    Broken {
        /// The function.
        function: String,
        /// Its exit status and the end of its log.
        message: String,
    },
    /// Something about the set-up that works but would hurt; said once.
    Warning {
        /// The function.
        function: String,
        /// What, and what to change.
        message: String,
    },
    /// This reader was too slow: so many events are gone.
    Missed {
        /// How many.
        count: u64,
    },
}

/// A reader's end of the stream.
#[derive(Debug)]
pub struct HostEvents(broadcast::Receiver<HostEvent>);

impl HostEvents {
    /// The next event; `None` once the host is gone.
    pub async fn next(&mut self) -> Option<HostEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(HostEvent::Missed { count }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The host's end of the stream.
#[derive(Clone, Debug)]
pub(super) struct Announcer(broadcast::Sender<HostEvent>);

impl Announcer {
    pub(super) fn new() -> Self {
        Announcer(broadcast::Sender::new(KEPT))
    }

    /// Tells all readers; without readers, nobody.
    pub(super) fn tell(&self, event: HostEvent) {
        // The only error is that nobody listens.
        let _ = self.0.send(event);
    }

    pub(super) fn subscribe(&self) -> HostEvents {
        HostEvents(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_lost() {
        let announcer = Announcer::new();
        let mut events = announcer.subscribe();
        for n in 0..KEPT + 10 {
            announcer.tell(HostEvent::Warning { function: "f".into(), message: n.to_string() });
        }
        assert_eq!(events.next().await, Some(HostEvent::Missed { count: 10 }));
        assert_eq!(events.next().await, Some(HostEvent::Warning { function: "f".into(), message: "10".into() }));
        drop(announcer);
        while let Some(event) = events.next().await {
            assert!(matches!(event, HostEvent::Warning { .. }));
        }
    }
}
