//! FIFO deduplication: within five minutes, a repeated id is accepted and not delivered again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brigade::hex;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// How long an id is remembered.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// The ids sent within the window, with the receipt that a repetition gets.
#[derive(Debug)]
pub(crate) struct Dedup<T> {
    seen: BTreeMap<String, (OffsetDateTime, T)>,
    by_age: BTreeSet<(OffsetDateTime, String)>,
}

impl<T> Default for Dedup<T> {
    fn default() -> Self {
        Self { seen: BTreeMap::new(), by_age: BTreeSet::new() }
    }
}

impl<T: Clone> Dedup<T> {
    /// The first send's receipt, where the id was sent within the window.
    pub(crate) fn find(&mut self, key: &str, now: OffsetDateTime) -> Option<T> {
        while let Some((at, _)) = self.by_age.first()
            && *at + WINDOW <= now
        {
            if let Some((_, old)) = self.by_age.pop_first() {
                self.seen.remove(&old);
            }
        }
        self.seen.get(key).map(|(_, sent)| sent.clone())
    }

    pub(crate) fn remember(&mut self, key: String, sent: T, now: OffsetDateTime) {
        self.by_age.insert((now, key.clone()));
        self.seen.insert(key, (now, sent));
    }
}

/// What stands in for an absent deduplication id: the SHA-256 of the body (not of the attributes).
pub(crate) fn content_id(body: &str) -> String {
    hex(Sha256::digest(body.as_bytes()))
}
