//! `brigade logs compact`: logs into partitioned Parquet, without a function; a journal beside the table keeps account.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use brigade::config::parse_bytes;
use brigade::storage::Location;
use brigade_compact::{
    COLUMNS, Columns, CompactError, Compactor, Counts, Directory, FILE_SIZE, Interval, PARTITION, Part, Settings, Sink,
};
use serde_json::json;

use super::inputs::{Place, as_it_was, find, unpacked, unreadable};
use super::journal::{Batch, Journal};
use super::objects::{BucketSink, Objects, place};
use super::progress::Progress;
use super::shelf::Shelf;
use crate::failure::Failure;
use crate::print;

/// Threads at once.
const MAX_THREADS: usize = 64;

/// Turn access logs into Parquet, partitioned as bucket=…/dt=…/ by the day of the request.
///
/// Each log is put into the table once, however often and wherever this runs, at once or again, over the same logs and more:
/// what is in the table already is left out. Account of it is kept beside the table, in a folder with _batches behind its
/// name: a document for each batch (of 1 GiB of text or 10,000 logs at most), created with its number before anything of it
/// is written, so that no two runs have the same log. A batch whose run died is finished by the next run that names any log
/// of it, with the same options. A log is known by its name in S3 or its path without links, and must not change: one of
/// another size or ETag is refused (exit code 1) when all others are done. Files that are moved, or mounted elsewhere on
/// another machine, are new; and so is what the function brigade-compact has put into the same table. Where the table lies in
/// what is read, it is left out, with its rejects and account. Files that can't be read, or are no whole gzip, and objects that
/// have to be restored first are left out; that is told (exit code 3) when all others are done.
///
/// Lines that are no records go to a table beside it, in a folder with _rejects behind its name: source, line, reason,
/// raw_line. Account and region stand before the bucket where the log's name is partitioned by date.
///
/// Prints what was read and written. The exit code is 0 also where lines were rejected, and 3 where something could not be
/// read or written; batches that were done by then stay.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade logs compact logs/ --out access_logs\n  \
    brigade logs compact 's3://LOGS/photos/2026-11-*' --out s3://TABLES/access_logs --threads 4\n  \
    duckdb -c \"SELECT operation, count(*) FROM 'access_logs/**/*.parquet' GROUP BY ALL\"")]
pub(super) struct Arguments {
    /// Files (compressed by gzip or not), folders, patterns in quotes, `s3://bucket/prefix`, `s3://bucket/pattern*`.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<String>,
    /// Where the table is: a folder, or `s3://bucket/prefix`.
    #[arg(long, value_name = "DIR")]
    out: String,
    /// Batches at once, each with about 50 MB of memory (with parts in S3, and one part's bytes): 1 to 64.
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_threads)]
    threads: usize,
    #[arg(long, default_value = "all", help = COLUMNS.meaning, value_parser = Columns::parse, allow_hyphen_values = true)]
    columns: Columns,
    #[arg(long, default_value = "day", help = PARTITION.meaning, value_parser = Interval::parse)]
    partition: Interval,
    #[arg(long, default_value = "128MB", help = FILE_SIZE.meaning, value_parser = parse_bytes)]
    file_size: u64,
    /// Print the summary as one object of JSON.
    #[arg(long)]
    json: bool,
}

fn parse_threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n)).ok_or_else(|| format!("expected 1 to {MAX_THREADS}"))
}

/// What came of it.
#[derive(Default)]
struct Summary {
    counts: Counts,
    batches: usize,
    written: Vec<Part>,
    existing: Vec<Part>,
}

impl Summary {
    fn add(&mut self, counts: Counts, written: Vec<Part>, existing: Vec<Part>) {
        self.batches += 1;
        let all = &mut self.counts;
        all.inputs += counts.inputs;
        all.bytes += counts.bytes;
        all.lines += counts.lines;
        all.rejects += counts.rejects;
        all.blanks += counts.blanks;
        all.mended += counts.mended;
        self.written.extend(written);
        self.existing.extend(existing);
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { columns, partition, file_size, .. } = arguments;
    let settings = Settings { columns: columns.clone(), interval: *partition, file_size: *file_size, ..Settings::default() };
    refuse_bucket(&arguments.out)?;
    let objects = Objects::for_places(arguments.inputs.iter().chain([&arguments.out]))?;
    let shelf = Shelf::beside(&arguments.out, &objects)?;
    let mut inputs = find(&arguments.inputs, &objects)?;
    shelf.leave_out(&mut inputs);
    if inputs.is_empty() {
        return Err(Failure::Environment(format!(
            "all that is there is the table's own: no log lies outside of {}",
            arguments.out
        )));
    }
    let journal = Journal::open(shelf, format!("{} {settings:?}", brigade_compact::FORMAT), &inputs)?;
    let left = journal.left();
    journal.leave_out(&[unreadable(&left, arguments.threads), objects.unreadable(&left)].concat());
    let work = Work { settings, objects, progress: Progress::new(journal.bytes()), journal, out: &arguments.out };
    let (summary, failed) = work.all(arguments.threads);
    work.progress.clear();
    report(&summary, work.journal.before(), work.progress.seconds(), arguments.json)?;
    match failed {
        None => work.journal.check(),
        Some(failure) => Err(failure),
    }
}

/// In S3 a table is what has a prefix in common.
fn refuse_bucket(out: &str) -> Result<(), Failure> {
    match place(out) {
        Some((_, prefix)) if prefix.trim_matches('/').is_empty() => Err(Failure::Usage(format!(
            "--out: {out} names a bucket alone; a table needs a prefix, beside which its rejects lie"
        ))),
        _ => Ok(()),
    }
}

struct Work<'a> {
    settings: Settings,
    objects: Objects,
    progress: Progress,
    journal: Journal,
    out: &'a str,
}

impl Work<'_> {
    /// Does what there is on so many threads. After the first failure none is begun.
    fn all(&self, threads: usize) -> (Summary, Option<Failure>) {
        let outcome = Mutex::new((Summary::default(), None));
        let outcome_now = || outcome.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while outcome_now().1.is_none() {
                        let done = match self.journal.next() {
                            Ok(Some(batch)) => self.one(&batch),
                            Ok(None) => return,
                            Err(failure) => Err(failure),
                        };
                        let mut outcome = outcome_now();
                        match done {
                            Ok((counts, written, existing)) => outcome.0.add(counts, written, existing),
                            Err(failure) => {
                                outcome.1.get_or_insert(failure);
                            }
                        }
                    }
                });
            }
        });
        outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch, to its end.
    fn one(&self, batch: &Batch) -> Result<(Counts, Vec<Part>, Vec<Part>), Failure> {
        let (counts, written, existing) = self.write(batch)?;
        self.journal.finish(batch, written.len() + existing.len())?;
        Ok((counts, written, existing))
    }

    fn write(&self, batch: &Batch) -> Result<(Counts, Vec<Part>, Vec<Part>), Failure> {
        if let Some((bucket, prefix)) = place(self.out) {
            let sink = BucketSink::new(self.objects.connection()?.clone(), bucket, prefix);
            let (counts, sink) = self.read(batch, sink)?;
            return Ok((counts, sink.written, sink.existing));
        }
        let (counts, mut sink) = self.read(batch, Directory::new(Path::new(self.out.trim_end_matches('/'))))?;
        Ok((counts, std::mem::take(&mut sink.written), std::mem::take(&mut sink.existing)))
    }

    fn read<S: Sink>(&self, batch: &Batch, sink: S) -> Result<(Counts, S), Failure> {
        let failure = |error: CompactError| Failure::Environment(error.to_string());
        let mut compactor = Compactor::new(self.settings.clone(), &batch.id, sink).map_err(failure)?;
        let locations: Vec<(Location, String)> = batch
            .inputs
            .iter()
            .filter_map(|input| match &input.place {
                Place::Object(location, etag) => Some((location.clone(), etag.clone())),
                Place::File(_) => None,
            })
            .collect();
        let mut bodies = if locations.is_empty() { None } else { Some(self.objects.connection()?.get_all(locations)) };
        for input in &batch.inputs {
            let opened: io::Result<Box<dyn Read>> = match (&input.place, &mut bodies) {
                (Place::Object(..), Some(bodies)) => bodies.next().map(|body| Box::new(body) as Box<dyn Read>),
                (Place::File(path), _) => as_it_was(path, input.size).map(|file| Box::new(file) as Box<dyn Read>),
                (Place::Object(..), None) => Err(io::ErrorKind::NotFound.into()),
            };
            let text = opened.and_then(|reader| unpacked(self.progress.of(reader)));
            let text = text.map_err(|error| self.journal.stuck(batch, format!("{}: {error}", input.name)))?;
            compactor.read(&input.name, text).map_err(|error| match error {
                CompactError::Read { .. } => self.journal.stuck(batch, error),
                CompactError::Write(_) => failure(error),
            })?;
        }
        compactor.finish().map_err(failure)
    }
}

fn report(summary: &Summary, before: u64, seconds: f64, json: bool) -> Result<(), Failure> {
    let Counts { inputs, bytes, lines, rejects, blanks, mended } = summary.counts;
    let rate = bytes as f64 / 1e6 / seconds.max(1e-9);
    let total = |parts: &[Part]| parts.iter().map(|part| part.bytes).sum::<u64>();
    let (written, existing) = (&summary.written, &summary.existing);
    if json {
        return Ok(print::line(json!({
            "inputs": inputs, "inputs_before": before, "batches": summary.batches, "bytes": bytes, "lines": lines, "rejects": rejects, "blanks": blanks,
            "mended": mended, "parts": written.len(), "bytes_out": total(written), "existing": existing.len(),
            "bytes_existing": total(existing), "seconds": seconds, "megabytes_per_second": rate,
        }))?);
    }
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let rows = [
        ["read".to_owned(), format!("{} in {inputs} logs, {rate:.0} MB/s", megabytes(bytes))],
        ["in the table before".to_owned(), format!("{before} logs")],
        ["lines".to_owned(), format!("{lines}, {rejects} of them rejected, {mended} values mended")],
        ["written".to_owned(), format!("{} in {} parts", megabytes(total(written)), written.len())],
        ["written before".to_owned(), format!("{} in {} parts", megabytes(total(existing)), existing.len())],
    ];
    Ok(print::line(print::table(&rows))?)
}
