//! Waiting until all work is done, without polling.

use std::time::Duration;

use super::LocalCloud;
use crate::sqs::{Depth, SqsError};

/// The cloud did not come to rest.
#[derive(Debug, thiserror::Error)]
pub enum NotIdle {
    /// Time was up; each queue that still held messages is named.
    #[error("not idle after {after:?}: {busy:?}")]
    Busy {
        /// The bound that was given.
        after: Duration,
        /// Queues with their depths.
        busy: Vec<(String, Depth)>,
    },
    /// A queue that was named does not exist.
    #[error(transparent)]
    Queue(#[from] SqsError),
}

impl LocalCloud {
    /// Waits until every change is announced and these queues (by name, URL or ARN) hold no message at all: none visible,
    /// none in flight, none delayed. `within` is real time.
    ///
    /// A function's message leaves its queue after the function's writes, so that a cloud that is idle by this measure has
    /// no work under way in the functions that these queues feed.
    ///
    /// # Errors
    /// See [`NotIdle`].
    pub async fn idle(&self, queues: &[&str], within: Duration) -> Result<(), NotIdle> {
        match tokio::time::timeout(within, self.rest(queues)).await {
            Ok(result) => result,
            Err(_) => Err(NotIdle::Busy { after: within, busy: self.busy(queues)? }),
        }
    }

    async fn rest(&self, queues: &[&str]) -> Result<(), NotIdle> {
        loop {
            self.notifier.idle().await;
            let before = self.notifier.counts().changes;
            for queue in queues {
                self.queues.wait_for(queue, |depth| depth.total() == 0).await?;
            }
            // Work that ended while other queues were looked at may have made changes, and those messages.
            if self.notifier.counts().changes == before && self.busy(queues)?.is_empty() {
                return Ok(());
            }
        }
    }

    fn busy(&self, queues: &[&str]) -> Result<Vec<(String, Depth)>, NotIdle> {
        let mut busy = Vec::new();
        for queue in queues {
            let depth = self.queues.depth(queue)?;
            if depth.total() > 0 {
                busy.push(((*queue).to_owned(), depth));
            }
        }
        Ok(busy)
    }
}
