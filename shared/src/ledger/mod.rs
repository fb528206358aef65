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

mod document;
mod error;

pub use document::{Documents, MAX_DOCUMENT_BYTES, Replaced, Seen, Step, Stored, Updated};
pub use error::LedgerError;
