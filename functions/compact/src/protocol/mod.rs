//! The protocol by which each log line is published exactly once, whatever is delivered twice, dies or is slow.
//!
//! ```text
//! 1  read the shard's ledger document
//! 2  compare-and-swap: claim the inputs that nobody has published or claimed, as one batch with a name of its own
//! 3  GET the inputs, AFTER the claim.  404 → that input is left out, the batch keeps its name
//!                                     403, 5xx → retry, nothing is left out
//! 4  PUT each part under the batch's name, If-None-Match: *.  412 → it is there already
//! 5  compare-and-swap: the batch's inputs are done
//! 6  delete, tag or keep the inputs
//! 7  later, compare-and-swap: forget what is done and whose object is gone
//! ```
//!
//! Why it holds. Two batches never share an input, since claims go through one document. All that a batch publishes
//! has the batch's name, so that whoever works on it, and however often, publishes each part once. Nothing published is ever
//! merged, renamed or deleted. An input is deleted only when all its lines are published (5 before 6), and forgotten only when
//! its object is gone; who claims it again then finds nothing to read (3 after 2).
//!
//! - A shard is a log source's prefix and a delivery hour, which a log object's key tells without being read ([`inputs`]).
//! - A batch that another has open is finished when its lease has run out, and only by who holds messages of its inputs.
//!   Until then those messages are given back. Lease and owner save cost alone: nothing wrong happens without them.
//! - An input that can't be read now (403) would keep its batch's other inputs waiting. So the batch's first owner, as long as
//!   nobody took the batch over, may give inputs back before anything is published ([`claim::give_back`]): nobody else can
//!   have read them for this batch.
//!
//! All of this is pure: values in, values out.

pub mod claim;
pub mod inputs;
pub mod shard;
