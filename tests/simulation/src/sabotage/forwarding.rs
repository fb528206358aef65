//! dedupe's ledger with one guard removed: heads are shown to an invocation, and kept of it, as they would be without it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::ledger::{Change, Head, Id, Mark, Relation};
use brigade::storage::{EmbeddedStore, Get, Location, Store};
use bytes::Bytes;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::Forwarding;
use crate::stream::Target;

/// A stranger's nonce.
const STRANGER: &str = "5742a9ce2d06f981";
/// As far as every other invocation's clock is ahead of S3's, where leases are too short.
const AHEAD: Duration = Duration::seconds(60);

/// A head as it lies in the store.
#[derive(Serialize, Deserialize)]
struct Document {
    v: u32,
    nonce: String,
    #[serde(flatten)]
    head: Head,
}

/// Claims by identity: what the ledger would hold if each change were a key of its own.
pub(crate) type ByIdentity = Arc<Mutex<BTreeMap<Id, Mark>>>;

/// What one invocation is lied to.
pub(crate) struct Lies {
    forwarding: Option<Forwarding>,
    owner: String,
    /// Its clock is one of those that are ahead.
    is_ahead: bool,
    by_identity: ByIdentity,
    target: Arc<Target>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest change of each key that the invocation is to forward.
    leaders: Vec<Change>,
    /// Numbers that it has claimed.
    claimed: BTreeMap<Id, u64>,
    /// Of marks that were shown under a number of its own: the true one.
    renumbered: BTreeMap<Id, u64>,
}

impl Lies {
    pub(crate) fn new(
        forwarding: Option<Forwarding>,
        owner: String,
        invocation: &str,
        by_identity: &ByIdentity,
        target: &Arc<Target>,
    ) -> Self {
        let is_ahead = invocation.bytes().last().is_some_and(|digit| digit % 2 == 1);
        let (by_identity, target) = (Arc::clone(by_identity), Arc::clone(target));
        Self { forwarding, owner, is_ahead, by_identity, target, state: Mutex::default() }
    }

    /// What the invocation is to forward.
    pub(crate) fn wants(&self, changes: Vec<Change>) {
        let is_overtaken =
            |one: &Change| changes.iter().any(|other| other.key == one.key && other.relation_to(one) == Relation::Newer);
        self.lock().leaders = changes.iter().filter(|one| !is_overtaken(one)).cloned().collect();
    }

    /// How far this invocation's clock is ahead of S3's.
    pub(crate) fn ahead(&self) -> Duration {
        let lies = matches!(self.forwarding, Some(Forwarding::LeaseTooShort | Forwarding::NoToken | Forwarding::Outlived));
        if lies && self.is_ahead { AHEAD } else { Duration::ZERO }
    }

    /// Segments are not there.
    pub(crate) fn hides(&self, prefix: &str) -> bool {
        self.forwarding == Some(Forwarding::NoSegments) && prefix.contains("/segments/")
    }

    /// A head as the invocation is shown it.
    pub(crate) fn told(&self, bytes: Bytes, now: Option<OffsetDateTime>, invocation: &str) -> Bytes {
        let edit = |document: &mut Document| match self.forwarding {
            Some(Forwarding::NoNonce) => {
                document.nonce = STRANGER.to_owned();
                owned_by(&mut document.head, &self.owner, STRANGER);
            }
            Some(Forwarding::NoToken) if self.target.has_sent(invocation) => self.renumber(&mut document.head),
            Some(Forwarding::OlderTakesOver) => self.show_as_same(&mut document.head, now),
            Some(Forwarding::ByIdentity) => self.show_by_identity(&mut document.head),
            _ => {}
        };
        self.edited(bytes, edit)
    }

    /// A head as it is kept of what the invocation writes.
    pub(crate) fn kept(&self, bytes: Bytes) -> Bytes {
        let edit = |document: &mut Document| match self.forwarding {
            Some(Forwarding::NoNonce) => owned_by(&mut document.head, STRANGER, &self.owner),
            Some(Forwarding::NoToken) => {
                let mut state = self.lock();
                for mark in document.head.marks.values_mut() {
                    if let Some(token) = state.renumbered.get(&mark.key) {
                        mark.token = *token;
                    } else if mark.open.as_ref().is_some_and(|open| open.owner == self.owner) {
                        state.claimed.insert(mark.key, mark.token);
                    }
                }
            }
            _ => {}
        };
        self.edited(bytes, edit)
    }

    /// Remembers by identity what was written, if it was.
    pub(crate) async fn landed(&self, written: &Bytes, store: &EmbeddedStore, at: &Location) {
        if self.forwarding != Some(Forwarding::ByIdentity) {
            return;
        }
        let Ok(got) = store.get(at, Get::default()).await else { return };
        let there = got.body.try_collect::<Vec<Bytes>>().await.map(|pieces| pieces.concat()).unwrap_or_default();
        if there != *written {
            return;
        }
        let Ok(document) = serde_json::from_slice::<Document>(written) else { return };
        let mut by_identity = self.by_identity.lock().unwrap_or_else(PoisonError::into_inner);
        for leader in &self.lock().leaders {
            if let Some(mark) = document.head.marks.get(&leader.key).filter(|mark| mark.change == leader.id) {
                by_identity.insert(leader.id, mark.clone());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edited(&self, bytes: Bytes, edit: impl FnOnce(&mut Document)) -> Bytes {
        if self.forwarding.is_none() {
            return bytes;
        }
        let Ok(mut document) = serde_json::from_slice::<Document>(&bytes) else { return bytes };
        edit(&mut document);
        serde_json::to_vec(&document).map(Bytes::from).unwrap_or(bytes)
    }

    /// Whatever number lies there, it is the one that this invocation has claimed.
    fn renumber(&self, head: &mut Head) {
        let mut state = self.lock();
        let claimed = state.claimed.clone();
        for mark in head.marks.values_mut() {
            if let Some(token) = claimed.get(&mark.key).filter(|token| **token != mark.token) {
                state.renumbered.insert(mark.key, mark.token);
                mark.token = *token;
            }
        }
    }

    /// A claim whose lease has run out, and that is of a newer change, is shown as one of the same change.
    fn show_as_same(&self, head: &mut Head, now: Option<OffsetDateTime>) {
        let now = now.map(OffsetDateTime::unix_timestamp).unwrap_or_default();
        for leader in &self.lock().leaders {
            let Some(mark) = head.marks.get_mut(&leader.key) else { continue };
            let there = Change { id: mark.change, order: mark.order.clone(), ..leader.clone() };
            let is_left = mark.open.as_ref().is_some_and(|open| open.until < now);
            if is_left && leader.relation_to(&there) == Relation::Older {
                (mark.change, mark.order) = (leader.id, leader.order.clone());
            }
        }
    }

    fn show_by_identity(&self, head: &mut Head) {
        let by_identity = self.by_identity.lock().unwrap_or_else(PoisonError::into_inner);
        for leader in &self.lock().leaders {
            match by_identity.get(&leader.id) {
                Some(mark) => drop(head.marks.insert(leader.key, mark.clone())),
                None => drop(head.marks.remove(&leader.key)),
            }
        }
    }
}

/// The claims of one owner are another's.
fn owned_by(head: &mut Head, owner: &str, other: &str) {
    let open = head.marks.values_mut().filter_map(|mark| mark.open.as_mut());
    open.filter(|open| open.owner == owner).for_each(|open| other.clone_into(&mut open.owner));
}
