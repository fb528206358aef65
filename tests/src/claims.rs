//! Claims in the ledger, as its tests make them.

#![expect(clippy::panic, reason = "the helpers of tests fail like tests do")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade::config::Place;
use brigade::event::{BucketName, Sequencer};
use brigade::ledger::{Answer, Change, Claims, Digest, Documents, End, Ending, Layout, Order, Standing, States, Terms};
use brigade::storage::{Nonces, Store, StoreError};

/// What is left of a holder's time, the longest request and the slack.
pub const LEASE: Duration = Duration::from_secs(50);

/// The ledger knows all that is asked.
pub struct Nobody;

#[async_trait]
impl States for Nobody {
    async fn standing(&self, index: usize) -> Result<Standing, StoreError> {
        panic!("change {index} was to be settled by the ledger alone");
    }
}

/// A process's claims in the ledger `one` of a bucket; each process has a seed of its own.
pub fn claims(store: &Arc<dyn Store>, bucket: &BucketName, seed: u64) -> Claims {
    let documents = Documents::new(Arc::clone(store), Nonces::new(fastrand::Rng::with_seed(seed)));
    let place = Place { bucket: bucket.clone(), prefix: "ledger/".to_owned() };
    Claims::new(documents, Layout { place, name: "one".to_owned(), depth: 4, retention: Duration::from_secs(18 * 86_400) })
}

/// The change number `number` of a key, at this time in milliseconds since 1970.
pub fn change(key: &str, number: u64, time: i64) -> Change {
    let (object, identity) = (Digest::of(&[key]), Digest::of(&[key, &number.to_string()]));
    let order = Order::of_sequencer(Sequencer::new(&format!("{number:018X}")).as_ref());
    Change { object, identity, key: object.id(), id: identity.id(), order, time: Some(time), of_content: true }
}

/// An answer for each change; an error fails the test.
pub async fn claim(claims: &Claims, changes: &[Change], states: &dyn States, owner: &str, lease: Duration) -> Vec<Answer> {
    let changes: Vec<&Change> = changes.iter().collect();
    let answers = claims.claim(&changes, states, Terms { owner, lease }).await;
    answers.into_iter().map(Result::unwrap).collect()
}

/// The ends of what was claimed.
pub fn ends(changes: &[Change], answers: &[Answer]) -> Vec<End> {
    let end = |(change, answer): (&Change, &Answer)| match answer {
        Answer::Claimed(token) => Some(End { key: change.key, token: *token, ending: Ending::Settled }),
        _ => None,
    };
    changes.iter().zip(answers).filter_map(end).collect()
}
