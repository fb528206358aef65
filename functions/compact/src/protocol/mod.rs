//! The protocol by which each log line is published exactly once, whatever is delivered twice, dies or is slow.
//!
//! ```text
//! 1  read the shard's ledger document
//! 2  compare-and-swap: claim the inputs that nobody has published or claimed, as one batch with a name of its own
//! 3  GET the inputs, AFTER the claim.  404 → that input is left out, the batch keeps its name
//! 4  compare-and-swap: the batch is being published.  What can't be read (403, 5xx) is given back to be claimed anew;
//!                                        where the batch was being published before, all of it waits instead
//! 5  PUT each part under the batch's name, If-None-Match: *.  412 → it is there already
//! 6  compare-and-swap: the batch's inputs are done
//! 7  delete, tag or keep the inputs
//! 8  later, compare-and-swap: forget what is done and whose object is gone
//! ```
//!
//! Why it holds. Two batches never share an input, since claims go through one document. All that a batch publishes
//! has the batch's name, so that whoever works on it, and however often, publishes each part once. Nothing published is ever
//! merged, renamed or deleted. An input is deleted only when all its lines are published (6 before 7), and forgotten only when
//! its object is gone; who claims it again then finds nothing to read (3 after 2).
//!
//! - A shard is a log source's prefix and a delivery hour, which a log object's key tells without being read ([`inputs`]).
//! - A batch that another has open is finished when its lease has run out, and only by who holds messages of its inputs.
//!   Until then those messages are given back. Lease and owner save cost alone: nothing wrong happens without them.
//! - A batch is finished in the [way](way::Way) in which it was begun, which is stored with it. Another partitioning, table or
//!   choice of columns would publish the same lines under other names, beside what is published.
//! - An input that can't be read now (403) would keep its batch's other inputs waiting. So it is given back, as long as nothing
//!   of the batch can be published: no part may have its lines when another batch claims it. That is what step 4 is for. A
//!   part is PUT only after its mark is durable, the mark is set by the batch's owner alone, and it is set together with
//!   giving back: so whoever takes over a batch without a mark knows that nobody has sent a PUT for it, nor ever will under
//!   the old claim, however slow he is or late his requests land. (To list the batch's parts at a take-over instead saves this
//!   request, and is wrong: a PUT that its dead owner has sent may land after the listing, with the lines of an input that was
//!   given back then. Only trust in leases would exclude that, and nothing else here trusts them.)
//! - An input that nobody can ever read (a bundle that is damaged) is set aside: as with one that is gone, the batch goes on
//!   without it under its name.
//!
//! All of this is pure: values in, values out.

pub mod claim;
pub mod inputs;
pub mod shard;
pub mod way;
