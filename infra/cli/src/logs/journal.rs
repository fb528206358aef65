//! Which logs are in a table: a numbered document for each batch, beside the table. Whoever creates the next number has claimed
//! what is in it, having seen all that is claimed before; so no log is in two batches, whoever runs where and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brigade::event::ObjectKey;
use brigade::hex;
use brigade::storage::Location;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::inputs::{Input, Place, text_bytes};
use super::objects::place;
use super::shelf::Shelf;
use crate::failure::Failure;

/// The version of both kinds of documents.
const VERSION: u32 = 1;
/// A batch is full with so many bytes of text, ...
const BATCH_BYTES: u64 = 1 << 30;
/// ... or so many inputs.
const BATCH_INPUTS: usize = 10_000;

/// Logs that can't be read are told one by one, up to so many.
const SHOWN: usize = 20;

/// `{number}.json`: a batch that was begun. `{number}.done.json` tells that its parts are there.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    v: u32,
    /// What its parts are named after.
    batch: String,
    /// How its parts are written: only so are they the same when they are written again.
    settings: String,
    inputs: Vec<Log>,
}

/// A log as documents tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Log {
    name: String,
    /// Of a file: where it is, without links. Objects have their name alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// As its list tells it: of this run's logs alone.
    #[serde(skip)]
    archived: bool,
}

/// `{number}.done.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    v: u32,
    parts: usize,
}

/// Inputs that are read together.
#[derive(Debug)]
pub(super) struct Batch {
    number: u64,
    /// Tells what is in it and how it is written.
    pub(super) id: String,
    pub(super) inputs: Vec<Input>,
}

/// What a run has to do, in the light of what others do.
pub(super) struct Journal {
    shelf: Shelf,
    settings: String,
    state: Mutex<State>,
}

/// What is known of a table.
struct State {
    /// The number that nobody has, as far as is known.
    next: u64,
    /// By where they are: logs that nobody has claimed, ...
    left: BTreeMap<String, Log>,
    /// ... batches that others have begun, with how many of this run's logs, ...
    begun: VecDeque<(u64, Document, u64)>,
    /// ... how many logs are in the table already, ...
    before: u64,
    /// ... and those that are there as something else, with the document that tells it.
    changed: Vec<(String, u64)>,
    /// Logs that can't be read, each with the reason.
    unreadable: Vec<String>,
}

impl Journal {
    /// Looks at what is there. `settings` is what the parts depend on beside their inputs.
    pub(super) fn open(shelf: Shelf, settings: String, found: &[Input]) -> Result<Self, Failure> {
        let mut left = BTreeMap::new();
        for input in found {
            let log = Log::new(input)?;
            left.insert(log.place().to_owned(), log);
        }
        let state = State { next: 1, left, begun: VecDeque::new(), before: 0, changed: Vec::new(), unreadable: Vec::new() };
        let journal = Self { shelf, settings, state: Mutex::new(state) };
        let names: BTreeSet<String> = journal.shelf.list()?.into_iter().collect();
        let done: BTreeSet<u64> = names.iter().filter_map(|name| name.strip_suffix(".done.json")?.parse().ok()).collect();
        let numbers: BTreeSet<u64> = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        let empty = !done.is_empty() && journal.shelf.table_is_empty()?;
        for number in numbers {
            let done = done.contains(&number);
            if done && empty && journal.done(number)?.is_some_and(|done| done.parts > 0) {
                return Err(journal.gone(number));
            }
            let document = journal.document(number)?;
            let mut state = journal.state();
            state.see(number, document, done);
            state.next = number + 1;
        }
        Ok(journal)
    }

    /// What nobody has claimed.
    pub(super) fn left(&self) -> Vec<Input> {
        self.state().left.values().cloned().filter_map(Log::input).collect()
    }

    /// Leaves out what can't be read: a batch is published with all that it has claimed, so that one would hold up all others.
    pub(super) fn leave_out(&self, unreadable: &[(Input, String)]) {
        let mut state = self.state();
        let names: BTreeSet<&str> = unreadable.iter().map(|(input, _)| input.name.as_str()).collect();
        state.left.retain(|_, log| !names.contains(log.name.as_str()));
        state.unreadable.extend(unreadable.iter().map(|(input, why)| format!("{}: {why}", input.name)));
    }

    /// Bytes that are to be read, as far as is known.
    pub(super) fn bytes(&self) -> u64 {
        let state = self.state();
        let begun = state.begun.iter().flat_map(|(_, document, _)| &document.inputs);
        state.left.values().chain(begun).map(|log| log.size).sum()
    }

    /// Claims the next batch; when nothing is left, finishes what others have begun and not brought to its end.
    pub(super) fn next(&self) -> Result<Option<Batch>, Failure> {
        let mut state = self.state();
        while !state.left.is_empty() {
            let document = cut(&state.left, &self.settings);
            let number = state.next;
            let bytes =
                serde_json::to_vec(&document).map_err(|error| Failure::environment(self.shelf.shown(&name(number)), error))?;
            if self.shelf.create(&name(number), bytes)? {
                state.next += 1;
                for log in &document.inputs {
                    state.left.remove(log.place());
                }
                return self.batch(number, document).map(Some);
            }
            let other = self.document(number)?;
            state.see(number, other, false);
            state.next += 1;
        }
        while let Some((number, document, logs)) = state.begun.pop_front() {
            if self.done(number)?.is_some() {
                state.before += logs;
            } else if document.settings == self.settings {
                return self.batch(number, document).map(Some);
            } else {
                let (at, settings) = (self.shelf.shown(&name(number)), &document.settings);
                return Err(Failure::Findings(format!(
                    "{at}: this batch was begun with other options, and only they finish it: {settings} (here {})",
                    self.settings
                )));
            }
        }
        Ok(None)
    }

    /// All parts of the batch are there.
    pub(super) fn finish(&self, batch: &Batch, parts: usize) -> Result<(), Failure> {
        self.shelf.create(&done_name(batch.number), json!({"v": VERSION, "parts": parts}).to_string().into_bytes())?;
        Ok(())
    }

    /// How many of the logs were in the table before.
    pub(super) fn before(&self) -> u64 {
        self.state().before
    }

    /// Fails where a log could not be read, or is in the table and has another size or ETag now.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let state = self.state();
        if !state.unreadable.is_empty() {
            let (all, shown) = (state.unreadable.len(), state.unreadable.iter().take(SHOWN));
            let shown: Vec<&str> = shown.map(String::as_str).chain((all > SHOWN).then_some("…")).collect();
            let told = format!("left out, since they can't be read: {all} of the logs; all others are done");
            return Err(Failure::Environment(format!("{told}\n{}", shown.join("\n"))));
        }
        let Some((log, number)) = state.changed.first() else { return Ok(()) };
        Err(Failure::Findings(format!(
            "{log}: not read, since {} has it with another size or ETag ({} such logs): its lines would be in the table twice; \
             give what is new a name of its own, or choose another --out",
            self.shelf.shown(&name(*number)),
            state.changed.len()
        )))
    }

    /// What to do with a batch that can't be read any more.
    pub(super) fn stuck(&self, batch: &Batch, error: impl std::fmt::Display) -> Failure {
        Failure::Environment(format!(
            "{error}; {} has it. Run again when it is there as it was. If it never will be, stop all runs, remove that document \
             and all parts named {}*.parquet, and run again",
            self.shelf.shown(&name(batch.number)),
            batch.id
        ))
    }

    fn gone(&self, number: u64) -> Failure {
        let at = self.shelf.shown("");
        let document = self.shelf.shown(&name(number));
        Failure::Findings(format!("{document} tells of parts, and the table is empty: remove {at} too to begin a new table"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn document(&self, number: u64) -> Result<Document, Failure> {
        let name = name(number);
        let bytes = self.shelf.read(&name)?;
        let bytes = bytes.ok_or_else(|| Failure::environment(self.shelf.shown(&name), "it was removed while this ran"))?;
        let document: Document = self.parsed(&name, &bytes)?;
        self.checked(&name, document.v)?;
        Ok(document)
    }

    fn done(&self, number: u64) -> Result<Option<Done>, Failure> {
        let name = done_name(number);
        let Some(bytes) = self.shelf.read(&name)? else { return Ok(None) };
        let done: Done = self.parsed(&name, &bytes)?;
        self.checked(&name, done.v)?;
        Ok(Some(done))
    }

    fn parsed<'a, T: Deserialize<'a>>(&self, name: &str, bytes: &'a [u8]) -> Result<T, Failure> {
        serde_json::from_slice(bytes).map_err(|error| Failure::environment(self.shelf.shown(name), error))
    }

    fn checked(&self, name: &str, version: u32) -> Result<(), Failure> {
        if version == VERSION {
            return Ok(());
        }
        Err(Failure::environment(self.shelf.shown(name), format!("version {version}, of another release")))
    }

    fn batch(&self, number: u64, document: Document) -> Result<Batch, Failure> {
        let inputs: Option<Vec<Input>> = document.inputs.into_iter().map(Log::input).collect();
        let inputs = inputs.ok_or_else(|| Failure::environment(self.shelf.shown(&name(number)), "it names what is no log"))?;
        Ok(Batch { number, id: document.batch, inputs })
    }
}

impl State {
    /// Takes from what is left what a document has.
    fn see(&mut self, number: u64, document: Document, done: bool) {
        let mut logs = 0;
        for log in &document.inputs {
            match self.left.remove(log.place()) {
                None => {}
                Some(found) if found.is_as(log) => logs += 1,
                Some(found) => self.changed.push((found.name, number)),
            }
        }
        match done {
            true => self.before += logs,
            false if logs > 0 => self.begun.push_back((number, document, logs)),
            // Another run's, of other logs.
            false => {}
        }
    }
}

impl Log {
    fn new(input: &Input) -> Result<Self, Failure> {
        let Input { name, size, place, archived } = input.clone();
        Ok(match place {
            Place::Object(_, etag) => Self { name, path: None, size, etag: Some(etag), archived },
            Place::File(path) => {
                let path = fs::canonicalize(path).map_err(|error| Failure::environment(&name, error))?;
                Self { name, path: Some(path.to_string_lossy().into_owned()), size, etag: None, archived }
            }
        })
    }

    /// What it is known by.
    fn place(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.name)
    }

    fn is_as(&self, other: &Self) -> bool {
        (self.size, &self.etag) == (other.size, &other.etag)
    }

    fn input(self) -> Option<Input> {
        let Self { name, path, size, etag, archived } = self;
        let place = match path {
            Some(path) => Place::File(PathBuf::from(path)),
            None => {
                let (bucket, key) = place(&name)?;
                Place::Object(Location::new(bucket, ObjectKey::new(key).ok()?), etag?)
            }
        };
        Some(Input { name, size, place, archived })
    }
}

fn name(number: u64) -> String {
    format!("{number:08}.json")
}

fn done_name(number: u64) -> String {
    format!("{number:08}.done.json")
}

/// The first logs, as many as make a batch.
fn cut(left: &BTreeMap<String, Log>, settings: &str) -> Document {
    let mut inputs: Vec<Log> = Vec::new();
    let mut bytes = 0_u64;
    for log in left.values() {
        bytes = bytes.saturating_add(text_bytes(&log.name, log.size));
        if !inputs.is_empty() && (bytes > BATCH_BYTES || inputs.len() >= BATCH_INPUTS) {
            break;
        }
        inputs.push(log.clone());
    }
    Document { v: VERSION, batch: id(&inputs, settings), settings: settings.to_owned(), inputs }
}

fn id(inputs: &[Log], settings: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(settings);
    for log in inputs {
        hash.update(format!("\n{}\0{}\0{}\0{}", log.name, log.place(), log.size, log.etag.as_deref().unwrap_or_default()));
    }
    hex(hash.finalize().iter().take(8))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
