//! One batch, from its claim to its commit: the inputs are read, then its outputs are written, then it is done.

use std::collections::{BTreeMap, BTreeSet};

use brigade::ledger::Seen;
use brigade::storage::{Condition, ErrorKind, Location, PutOptions, StoreError};
use brigade::verdict::{Reason, Verdict};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use super::Pass;
use super::fetch::Fetched;
use super::work::Work;
use crate::product::{Made, Output};
use crate::protocol::claim;
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
    /// Inputs that were left out, each with its verdict.
    pub(super) left_out: BTreeMap<String, Verdict>,
    /// Inputs that were given back, each with its verdict.
    pub(super) given_back: BTreeMap<String, Verdict>,
    pub(super) seen: Seen<Shard>,
}

/// What reading a batch's inputs came to.
#[derive(Default)]
struct Inputs {
    read: BTreeSet<String>,
    left_out: BTreeMap<String, Verdict>,
    failed: BTreeMap<String, Verdict>,
}

impl Pass<'_> {
    /// Publishes the batch. `Err`: it stays open, and all its messages must come back.
    pub(super) async fn publish(&self, batch: &Batch, seen: Seen<Shard>) -> Result<Published, Verdict> {
        let shard = Shard::new(self.bucket, self.stem);
        let (inputs, made) = self.read(&shard, batch).await?;
        let seen = self.give_back(batch, &inputs.failed, seen).await?;
        let written = self.write_all(&made.outputs).await?;
        let committed = self
            .engine
            .documents
            .update(&self.document, Some(seen), |shard, _| claim::commit(shard, &batch.id))
            .await
            .map_err(|error| error.verdict())?;
        if committed.answer.is_none() {
            return Err(Verdict::retry("contended", format!("{} is written by too many", self.document)));
        }
        let Inputs { read, left_out, failed } = inputs;
        Ok(Published { made, written, read, left_out, given_back: failed, seen: committed.seen })
    }

    /// Reads all inputs, so many at once, while what has arrived is worked on by another thread.
    async fn read(&self, shard: &Shard, batch: &Batch) -> Result<(Inputs, Made), Verdict> {
        let mut work = Work::begin(self.product, &batch.id)?;
        let fetches: Vec<BoxFuture<'_, _>> = batch.inputs.iter().map(|name| self.fetch_one(shard, name).boxed()).collect();
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

    async fn fetch_one(&self, shard: &Shard, name: &str) -> (String, Option<Location>, Fetched) {
        match shard.location(name) {
            Ok(at) => {
                let fetched = self.engine.fetch(&at).await;
                (name.to_owned(), Some(at), fetched)
            }
            Err(error) => (name.to_owned(), None, Fetched::Refused(Verdict::park("bad-key", error.to_string()))),
        }
    }

    /// Nothing of the batch is written yet: what can't be read now goes back, so that the rest need not wait for it.
    async fn give_back(
        &self,
        batch: &Batch,
        failed: &BTreeMap<String, Verdict>,
        seen: Seen<Shard>,
    ) -> Result<Seen<Shard>, Verdict> {
        let Some(first) = failed.values().next() else { return Ok(seen) };
        let names: BTreeSet<String> = failed.keys().cloned().collect();
        let step = |shard: Option<&Shard>, _| claim::give_back(shard, &batch.id, &batch.owner, &names);
        let given = self.engine.documents.update(&self.document, Some(seen), step).await.map_err(|error| error.verdict())?;
        if given.answer == Some(true) { Ok(given.seen) } else { Err(waits_for(first)) }
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

/// Somebody may have published a part of the batch: it waits for the input, and so does whoever brings one of its inputs.
fn waits_for(input: &Verdict) -> Verdict {
    match input {
        Verdict::Retry(..) => input.clone(),
        other => Verdict::Retry(other.reason().cloned().unwrap_or_else(|| Reason::new("not-read", "an input")), None),
    }
}
