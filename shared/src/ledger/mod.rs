//! The ledger: who does what, agreed on S3 conditional writes alone.
//!
//! **Documents** ([`Documents`]) are the storage side, and the same for every use: one JSON object in S3 that several
//! writers share, replaced under `If-Match` (or `If-None-Match: *` where there is none). dedupe keeps its claims in them,
//! sharded by key; compact keeps its in them, sharded by delivery hour.
//!
//! ```text
//! let documents = Documents::new(store, Nonces::seeded_by_system());
//! let updated = documents.update(&at, None, |value, date| match decide(value, date) {
//!     Some((new, answer)) => Step::Write(new, answer),
//!     None => Step::Keep(answer),
//! }).await?;
//! // updated.answer: None = contended to the end; updated.seen: what is there now; updated.lost: vain attempts
//! ```
//!
//! - The step is pure. It is shown the document and S3's own clock (the `Date` of the answer), and is asked again whenever
//!   somebody else wrote first: contention is a value, not an error.
//! - Every write carries a fresh nonce. By it a writer knows its own write whose reply was lost; and since no two writes have
//!   the same bytes, no two have the same etag, so that `If-Match` can't take a document for an earlier one of equal content.
//! - A write that was not answered may still land. It can land only on the very document that it was decided on, so it
//!   does no harm; a step must find its own earlier decision in what it is shown (by the owner's nonce in a claim).
//! - A document is bounded (256 KiB by default); more is `TooLarge` and nothing is written. Each carries its `"v"`; a newer one
//!   is not touched.
//! - No time is read here: leases are judged by S3's date, which is the same for all.
//!
//! **Claims** ([`Claims`]) are the ledger by key: at most one open claim for a key, and newest wins. [`decide`] is the whole
//! protocol, as a table. A shard holds the keys whose digests begin with its bits; there is one at first, and it splits where
//! small updates lose too much to each other, or where it is full of open claims. Its head has the open claims and the
//! marks of recent changes; older marks lie in sealed segments by the hour of their events, which are read only for a
//! change that is older than what the head holds, and expire as a whole.
//!
//! ```text
//! {prefix}heads/{ledger}/{shard}.json                                     at most 1,800 marks, 256 KiB
//! {prefix}segments/{ledger}/{hour}/{from}-{to}-{shard}-{nonce}.json       written once, expired by a lifecycle rule
//! ```
//!
//! A holder forwards only what it has claimed, and only as long as its lease runs: the invocation's hard end, the longest
//! timeout of a request and a slack, counted on S3's clock from before the claim. Queues and topics check no fencing token,
//! so this is what keeps an old holder from forwarding after a new one.

mod change;
mod claims;
mod document;
mod error;
mod head;
mod id;
mod inquiry;
mod mark;
mod order;
mod past;
mod plan;
mod segment;
mod shard;
mod state;
mod transition;

pub use change::Change;
pub use claims::{Claims, Layout, States};
pub use document::{Documents, MAX_DOCUMENT_BYTES, Replaced, Seen, Step, Stored, Updated};
pub use error::LedgerError;
pub use head::{Forgotten, Head, MAX_MARKS, Stage};
pub use id::{Digest, Id};
pub use mark::{Mark, Open};
pub use order::Order;
pub use plan::{Against, Answer, End, Ending, FoundOut, Terms, Wanted};
pub use shard::{MAX_DEPTH, Shard};
pub use state::standing;
pub use transition::{Decision, Lies, Relation, Standing, decide};
