//! One batch, from its claim to its commit: the inputs are read, then its outputs are written, then it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use brigade::budget::Held;
use brigade::ledger::Seen;
use brigade::storage::{Condition, ErrorKind, Location, PutOptions, StoreError};
use brigade::verdict::{Reason, Verdict};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use serde_json::json;

use super::Pass;
use super::fetch::Fetched;
use super::work::Work;
use crate::product::{Made, Output, Unmade, Unreadable};
use crate::protocol::claim::{self, Begun};
use crate::protocol::shard::{Batch, Shard};

/// Outputs that are written at once.
const PUTS_AT_ONCE: usize = 4;
/// Of one output; what stands in the way is another's write of the same name, or a lost reply.
const PUT_ATTEMPTS: u32 = 3;

/// A batch whose outputs are durable and whose inputs are done.
pub(super) struct Published {
    pub(super) made: Made,
    pub(super) written: u64,
    /// Inputs that were read: what is deleted or tagged now.
    pub(super) read: BTreeSet<String>,
    /// The others, each with its verdict: left out, given back, or set aside.
    pub(super) others: BTreeMap<String, Verdict>,
    /// How many of them are set aside.
    pub(super) set_aside: u64,
    pub(super) seen: Seen<Shard>,
}

/// What reading a batch's inputs came to.
#[derive(Default)]
struct Inputs {
    read: BTreeSet<String>,
    /// There is no object.
    left_out: BTreeMap<String, Verdict>,
    /// They can't be read as they are, or now.
    failed: BTreeMap<String, Verdict>,
}

impl Pass<'_> {
    /// Publishes the batch. `Err`: it stays open, and all its messages must come back.
    pub(super) async fn publish(&self, batch: &Batch, seen: Seen<Shard>, room: &Arc<Held>) -> Result<Published, Verdict> {
        let shard = Shard::new(self.bucket, self.stem);
        let mut unreadable = BTreeMap::new();
        // A round has found all inputs that are so: that is rare enough to read the others once more.
        let (mut inputs, made) = loop {
            match self.read(&shard, batch, &unreadable, room).await {
                Ok(read) => break read,
                Err(Unmade::Unreadable(found)) if !self.shift.left().is_zero() => {
                    unreadable.extend(found.into_iter().map(|input| (self.name(input.at()), input)));
                }
                Err(unmade) => return Err(not_made(&unmade)),
            }
        };
        let mut aside = BTreeMap::new();
        for (name, input) in unreadable {
            match input {
                Unreadable::Damaged(_, reason) => drop(aside.insert(name, reason)),
                // It can't be read here.
                Unreadable::Newer(..) => drop(inputs.failed.insert(name, Verdict::retry("newer", input.to_string()))),
            }
        }
        let seen = self.begin(batch, &inputs.failed, &aside, &made, seen).await?;
        let written = self.write_all(&made.outputs).await?;
        let committed = self
            .engine
            .documents
            .update(&self.document, Some(seen), |shard, _| claim::commit(shard, &batch.id))
            .await
            .map_err(|error| error.verdict())?;
        if committed.answer.is_none() {
            return Err(self.contended());
        }
        let set_aside = aside.len() as u64;
        let aside = aside.into_iter().map(|(name, reason)| {
            let verdict = Verdict::park("damaged", format!("s3://{}/{}{name}: {reason}", self.bucket, self.stem));
            (name, verdict)
        });
        let Inputs { read, left_out, failed } = inputs;
        let others = aside.chain(left_out).chain(failed).collect();
        Ok(Published { made, written, read, others, set_aside, seen: committed.seen })
    }

    /// Reads all inputs but those that are known to be `unreadable`, so many at once, while what has arrived is worked on by
    /// another thread.
    async fn read(
        &self,
        shard: &Shard,
        batch: &Batch,
        unreadable: &BTreeMap<String, Unreadable>,
        room: &Arc<Held>,
    ) -> Result<(Inputs, Made), Unmade> {
        let way = batch.way.as_ref().unwrap_or(&self.way);
        let making = self.products.begin(way, &batch.id, self.rows(batch))?;
        let mut work = Work::new(making, Arc::clone(room));
        let wanted = batch.inputs.iter().filter(|name| !unreadable.contains_key(*name));
        let fetches: Vec<BoxFuture<'_, _>> = wanted.map(|name| self.fetch_one(shard, name).boxed()).collect();
        let mut fetches = stream::iter(fetches).buffer_unordered(self.engine.fetches);
        let mut inputs = Inputs::default();
        loop {
            let fetched = tokio::select! {
                biased;
                done = work.step(), if work.is_busy() => {
                    done?;
                    continue;
                }
                fetched = fetches.next(), if !work.is_full() => fetched,
            };
            let Some((name, at, fetched)) = fetched else { break };
            match (fetched, at) {
                (Fetched::Body(bytes, held), Some(at)) => {
                    inputs.read.insert(name);
                    work.add(at, bytes, held);
                }
                (Fetched::Body(..) | Fetched::Gone, _) => {
                    inputs.left_out.insert(name, Verdict::skip("gone", "the log object does not exist"));
                }
                // What can never be read is given back as well: its lines are not published, so it must not be done.
                (Fetched::Refused(verdict) | Fetched::Failed(verdict), _) => {
                    inputs.failed.insert(name, verdict);
                }
            }
        }
        Ok((inputs, work.finish().await?))
    }

    fn name(&self, at: &Location) -> String {
        let key = at.key.as_str();
        key.strip_prefix(self.stem).unwrap_or(key).to_owned()
    }

    async fn fetch_one(&self, shard: &Shard, name: &str) -> (String, Option<Location>, Fetched) {
        match shard.location(name) {
            Ok(at) => {
                let fetched = self.engine.fetch(&at).await;
                (name.to_owned(), Some(at), fetched)
            }
            Err(error) => (name.to_owned(), None, Fetched::Refused(Verdict::park("bad-key", error.to_string()))),
        }
    }

    /// Nothing of the batch is written by this process yet: what can't be read leaves it, so that the rest need not wait.
    async fn begin(
        &self,
        batch: &Batch,
        failed: &BTreeMap<String, Verdict>,
        aside: &BTreeMap<String, String>,
        made: &Made,
        seen: Seen<Shard>,
    ) -> Result<Seen<Shard>, Verdict> {
        if failed.is_empty() && aside.is_empty() && made.outputs.is_empty() {
            // Nothing will be published, and nothing leaves: that is the same with the mark and without.
            return Ok(seen);
        }
        let back: BTreeSet<String> = failed.keys().cloned().collect();
        let step = |shard: Option<&Shard>, _| claim::begin(shard, batch, &back, aside);
        let begun = self.engine.documents.update(&self.document, Some(seen), step).await.map_err(|error| error.verdict())?;
        match begun.answer {
            Some(Begun::Yes) => {
                // Here, where it is durable: what comes of the batch, or of this invocation, may hide it.
                aside.iter().for_each(|(name, reason)| self.tell_set_aside(name, reason));
                Ok(begun.seen)
            }
            Some(Begun::Others) => Err(Verdict::retry("claimed", "another works on its batch, or has finished it")),
            Some(Begun::Waits) => Err(waits_for(failed)),
            None => Err(self.contended()),
        }
    }

    fn tell_set_aside(&self, name: &str, reason: &str) {
        self.engine.lines.line(&json!({
            "level": "warn",
            "function": "compact",
            "event": "SetAside",
            "reason": "damaged",
            "detail": reason,
            "bucket": self.bucket.as_str(),
            "key": format!("{}{name}", self.stem),
        }));
    }

    /// Answers how many bytes were written; what was there already is not among them.
    async fn write_all(&self, outputs: &[Output]) -> Result<u64, Verdict> {
        let writes: Vec<BoxFuture<'_, _>> = outputs.iter().map(|output| self.write(output).boxed()).collect();
        let mut writes = stream::iter(writes).buffer_unordered(PUTS_AT_ONCE);
        let mut written = 0;
        while let Some(bytes) = writes.next().await {
            written += bytes?;
        }
        Ok(written)
    }

    async fn write(&self, output: &Output) -> Result<u64, Verdict> {
        let mut failed = Verdict::retry("unavailable", output.at.to_string());
        for _ in 0..PUT_ATTEMPTS {
            match self.put(output).await {
                Ok(()) => return Ok(output.body.len() as u64),
                // Somebody who worked on the same batch was here before, or this is an own write whose reply was lost.
                Err(error) if error.kind == ErrorKind::PreconditionFailed => return Ok(0),
                Err(error) => {
                    let again = error.kind.is_transient();
                    failed = Verdict::Retry(Reason::new("not-written", error.to_string()), None);
                    if !again {
                        break;
                    }
                }
            }
        }
        Err(failed)
    }

    async fn put(&self, output: &Output) -> Result<(), StoreError> {
        let options = PutOptions {
            condition: Condition::IfAbsent,
            content_type: Some(output.content_type.to_owned()),
            metadata: output.metadata.clone(),
            encryption: self.engine.encryption.clone(),
            ..PutOptions::default()
        };
        self.engine.store.put(&output.at, output.body.clone(), options).await.map(drop)
    }
}

/// The batch must be tried again.
fn not_made(unmade: &Unmade) -> Verdict {
    match unmade {
        Unmade::Unreadable(_) => {
            Verdict::retry("unstarted", "no time left to read the batch again without what is damaged or newer")
        }
        Unmade::Panic(_) => Verdict::retry("panic", unmade.to_string()),
        _ => Verdict::retry("not-made", unmade.to_string()),
    }
}

/// Somebody may have published a part of the batch: it waits for the input, and so does whoever brings one of its inputs.
fn waits_for(failed: &BTreeMap<String, Verdict>) -> Verdict {
    match failed.values().next() {
        Some(Verdict::Retry(reason, after)) => Verdict::Retry(reason.clone(), *after),
        other => {
            let reason = other.and_then(Verdict::reason).cloned();
            Verdict::Retry(reason.unwrap_or_else(|| Reason::new("not-read", "an input")), None)
        }
    }
}
