//! Log objects in, parts out: lines are read, parsed, gathered by partition, and written as Parquet.
//!
//! What comes out depends on nothing but the sources in their order, the batch's id and the settings: the same parts under the
//! same names, byte for byte within one release. So a part that exists already is the one that would have been written.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::mem;

use parquet::schema::types::TypePtr;

use crate::columns::Columns;
use crate::encode::Encoder;
use crate::lines::{LineReader, MAX_LINE, Piece, split};
use crate::partition::{Interval, Partition};
use crate::parts::{Part, PartName, Sink, Table};
use crate::record::{Kind, Record, Reject, is_blank, parse};
use crate::source::{LogKey, Origin};
use crate::table::{PartFile, Records, Rejected, Rejects, io_error, records_schema, rejects_schema};

/// Version of what is written: columns, their types, layout, notes in the footer.
pub const FORMAT: u32 = 1;

/// Rejects wait until they take this part of what records may.
const REJECTS: usize = 16;
/// Rows that wait take no more: a column finds its texts by numbers of 32 bits, and a block of records may come on top.
const MOST: usize = 3 << 30;
/// Records that go through the columns together.
const RECORDS_AT_ONCE: usize = 256;

/// What the parts look like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `BRIGADE_COLUMNS`.
    pub columns: Columns,
    /// `BRIGADE_PARTITION`.
    pub interval: Interval,
    /// `BRIGADE_FILE_SIZE`: a part with so many bytes is closed after the row group that it is at.
    pub file_size: u64,
    /// Bytes of the rows that wait, of all partitions together; beyond, the largest partition's become a row group. No more
    /// than 3 GiB are taken. The process needs about 20 MiB more.
    pub memory: usize,
    /// Partitions that are open at once; beyond, the one that was used the longest ago is closed.
    pub partitions: usize,
    /// A partition is one part, whatever its size and its records' order: all its rows wait until the batch ends, and are then
    /// sorted; neither `file_size` nor `partitions` counts. Where `memory` is not enough for that, the part gets a row group
    /// before its end, is sorted within each of them alone, and does not say that it is sorted.
    pub whole: bool,
    /// Bytes of the rows of one row group, of those that are made of a whole part.
    pub row_group: usize,
    /// Level of ZSTD.
    pub level: i32,
}

impl Default for Settings {
    fn default() -> Self {
        let columns = Columns::default();
        Self {
            columns,
            interval: Interval::Day,
            file_size: 128_000_000,
            memory: 24 << 20,
            partitions: 64,
            whole: false,
            row_group: 48 << 20,
            level: 3,
        }
    }
}

/// Why a batch was given up. Parts that its sink took already are complete, but not all of the batch.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The source could not be read.
    #[error("{source_name}: {error}")]
    Read {
        /// Its name.
        source_name: String,
        /// What its reader said.
        #[source]
        error: io::Error,
    },
    /// A part could not be written.
    #[error("writing a part: {0}")]
    Write(#[source] io::Error),
}

impl From<parquet::errors::ParquetError> for CompactError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Write(io_error(error))
    }
}

/// What was read, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sources.
    pub inputs: u64,
    /// Bytes of the sources.
    pub bytes: u64,
    /// Lines, blank ones left out: records and rejects.
    pub lines: u64,
    /// Lines that are no records.
    pub rejects: u64,
    /// Lines that were skipped.
    pub blanks: u64,
    /// Texts with bytes that are no UTF-8, stored with U+FFFD in their place.
    pub mended: u64,
}

/// One batch.
pub struct Compactor<S: Sink> {
    settings: Settings,
    batch: String,
    sink: S,
    schema: TypePtr,
    encoder: Encoder,
    reader: LineReader,
    open: Vec<Open<S::File>>,
    /// Parts that were begun, by their partition's folder: a partition can be closed and come again.
    begun: BTreeMap<String, u32>,
    rejects: Rejects,
    rejects_file: Option<PartFile<S::File>>,
    clock: u64,
    size: usize,
    counts: Counts,
}

/// A partition that takes records.
struct Open<F: io::Write + Send> {
    partition: Partition,
    rows: Records,
    size: usize,
    file: Option<Writing<F>>,
    used: u64,
}

/// The part that is being written, its name, and the times in it.
type Writing<F> = (PartFile<F>, PartName, (i64, i64));

impl<S: Sink> Compactor<S> {
    /// A batch whose parts are named after `batch`: letters, digits, `-` and `_`.
    pub fn new(settings: Settings, batch: &str, sink: S) -> Result<Self, CompactError> {
        let settings = Settings { memory: settings.memory.min(MOST), ..settings };
        let valid = !batch.is_empty() && batch.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !valid {
            return Err(CompactError::Write(io::Error::other(format!("{batch:?} is no name of a batch"))));
        }
        let encoder = Encoder::new(settings.level).map_err(CompactError::Write)?;
        Ok(Self {
            schema: records_schema(&settings.columns)?,
            settings,
            batch: batch.to_owned(),
            sink,
            encoder,
            reader: LineReader::default(),
            open: Vec::new(),
            begun: BTreeMap::new(),
            rejects: Rejects::new(),
            rejects_file: None,
            clock: 0,
            size: 0,
            counts: Counts::default(),
        })
    }

    /// What was read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads one log object to its end. `name` is its place (`s3://bucket/key`), which rejects are stored with; account and
    /// region are taken from it where it is partitioned by date. Where the reader fails, the batch has to be given up: the
    /// lines before are in already.
    pub fn read(&mut self, name: &str, reader: impl Read) -> Result<(), CompactError> {
        let origin = LogKey::parse(name).and_then(|key| key.origin);
        self.counts.inputs += 1;
        let mut lines = mem::take(&mut self.reader);
        let mut number = 0;
        let outcome = lines.read(reader, |piece| match piece {
            Piece::Lines(piece) => self.take(name, origin, piece, &mut number).map_err(Failed::Write),
            Piece::TooLong(raw) => {
                number += 1;
                self.reject(Rejected { source: name, line: number, reason: Reject::TooLong, raw }).map_err(Failed::Write)
            }
        });
        self.reader = lines;
        outcome.map_err(|failed| match failed {
            Failed::Read(error) => CompactError::Read { source_name: name.to_owned(), error },
            Failed::Write(error) => error,
        })
    }

    /// Lines of one source, `number` of which came before.
    fn take(&mut self, name: &str, origin: Option<Origin<'_>>, piece: &[u8], number: &mut u64) -> Result<(), CompactError> {
        let ascii = piece.is_ascii();
        self.counts.bytes += piece.len() as u64;
        let mut block = Vec::with_capacity(RECORDS_AT_ONCE);
        for line in split(piece) {
            *number += 1;
            if is_blank(line) {
                self.counts.blanks += 1;
                continue;
            }
            match parse(line) {
                Ok(record) => {
                    block.push(record);
                    if block.len() == RECORDS_AT_ONCE {
                        self.append(origin, &block, ascii)?;
                        block.clear();
                    }
                }
                Err(reason) => {
                    let raw = line.get(..MAX_LINE).unwrap_or(line);
                    self.reject(Rejected { source: name, line: *number, reason, raw })?;
                }
            }
        }
        self.append(origin, &block, ascii)
    }

    /// Hands records on to their partitions, those of one in a row together.
    fn append(&mut self, origin: Option<Origin<'_>>, records: &[Record<'_>], ascii: bool) -> Result<(), CompactError> {
        self.counts.lines += records.len() as u64;
        let mut rest = records;
        while let Some(first) = rest.first() {
            let mut at = self.find(first, origin)?;
            if self.begins_anew(at, first) {
                at = self.end_part(at)?;
            }
            let Some(open) = self.open.get_mut(at) else { break };
            let interval = self.settings.interval;
            let together = rest.iter().take_while(|record| open.partition.holds(record, origin, interval)).count();
            let (these, others) = rest.split_at(together);
            self.counts.mended += open.rows.extend(these, ascii);
            open.used = self.clock;
            let size = open.rows.size();
            self.size = self.size + size - open.size;
            open.size = size;
            rest = others;
            if self.size > self.settings.memory {
                self.flush_largest()?;
            }
        }
        Ok(())
    }

    /// The number of the record's partition, which is opened where it is not.
    fn find(&mut self, record: &Record<'_>, origin: Option<Origin<'_>>) -> Result<usize, CompactError> {
        let interval = self.settings.interval;
        self.clock += 1;
        if let Some(at) = self.open.iter().position(|open| open.partition.holds(record, origin, interval)) {
            return Ok(at);
        }
        if !self.settings.whole && self.open.len() >= self.settings.partitions.max(1) {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, open)| open.used).map(|(at, _)| at);
            if let Some(at) = oldest {
                let open = self.open.swap_remove(at);
                self.size -= open.size;
                self.close(open)?;
            }
        }
        let partition = Partition::of(record, origin, interval);
        self.open.push(Open { partition, rows: Records::new(&self.settings.columns), size: 0, file: None, used: self.clock });
        Ok(self.open.len() - 1)
    }

    /// Whether the record is from before the part that is being written: what comes now goes to the next one.
    fn begins_anew(&self, at: usize, record: &Record<'_>) -> bool {
        let file = self.open.get(at).and_then(|open| open.file.as_ref());
        !self.settings.whole && file.is_some_and(|(_, _, (begin, _))| record.time <= *begin)
    }

    /// Ends the partition's part with the rows that wait, which would else mingle with those to come: the newest of them would
    /// wait in the place of what is late among these.
    fn end_part(&mut self, at: usize) -> Result<usize, CompactError> {
        let mut open = self.open.swap_remove(at);
        self.size -= open.size;
        self.flush(&mut open, true)?;
        self.close_file(&mut open)?;
        open.size = open.rows.size();
        self.size += open.size;
        self.open.push(open);
        Ok(self.open.len() - 1)
    }

    fn flush_largest(&mut self) -> Result<(), CompactError> {
        let largest = self.open.iter().enumerate().max_by_key(|(_, open)| open.size).map(|(at, _)| at);
        let Some(mut open) = largest.map(|at| self.open.swap_remove(at)) else { return Ok(()) };
        self.size -= open.size;
        self.flush(&mut open, false)?;
        open.size = open.rows.size();
        self.size += open.size;
        self.open.push(open);
        Ok(())
    }

    /// Makes a row group of what waits. A part is sorted by time from its beginning to its end, so a row group that begins
    /// before the one before it ends goes to the next part.
    fn flush(&mut self, open: &mut Open<S::File>, last: bool) -> Result<(), CompactError> {
        let due = open.rows.due(last);
        let Some((begin, end)) = due.times else { return Ok(()) };
        let full = |file: &PartFile<_>| file.bytes() >= self.settings.file_size;
        let ends = |(file, _, times): &Writing<_>| !self.settings.whole && (begin < times.1 || full(file));
        if open.file.as_ref().is_some_and(ends) {
            self.close_file(open)?;
        }
        let (file, _, times) = match &mut open.file {
            Some(file) => file,
            none => none.insert(self.begin(&open.partition, (begin, end), last)?),
        };
        open.rows.flush(&due, file, &mut self.encoder)?;
        *times = (times.0.min(begin), times.1.max(end));
        Ok(())
    }

    /// Begins the next part of the partition, `alone` with one row group.
    fn begin(&mut self, partition: &Partition, times: (i64, i64), alone: bool) -> Result<Writing<S::File>, CompactError> {
        let folder = partition.folder(self.settings.interval);
        let number = self.begun.entry(folder.clone()).or_default();
        let file = match *number {
            0 => format!("{}.parquet", self.batch),
            number => format!("{}-{number}.parquet", self.batch),
        };
        *number += 1;
        let name = PartName { table: Table::Records, folder, file };
        let file = self.sink.create(&name).map_err(CompactError::Write)?;
        // Readers take what is said of all row groups for the order of the file.
        let sorted = alone || !self.settings.whole;
        let time = self.settings.columns.stored().position(|(field, _)| sorted && field.kind == Kind::Time);
        Ok((PartFile::new(file, self.schema.clone(), time)?, name, times))
    }

    fn close(&mut self, mut open: Open<S::File>) -> Result<(), CompactError> {
        // Who has no file yet has all the rows of the part.
        if self.settings.whole && open.file.is_none() && open.rows.size() > self.settings.row_group {
            let all = mem::replace(&mut open.rows, Records::new(&self.settings.columns));
            for rows in all.in_order(self.settings.row_group) {
                open.rows = rows;
                self.flush(&mut open, true)?;
            }
        } else {
            self.flush(&mut open, true)?;
        }
        self.close_file(&mut open)
    }

    fn close_file(&mut self, open: &mut Open<S::File>) -> Result<(), CompactError> {
        let Some((file, name, times)) = open.file.take() else { return Ok(()) };
        self.complete(file, name, Some(times))
    }

    fn complete(&mut self, file: PartFile<S::File>, name: PartName, times: Option<(i64, i64)>) -> Result<(), CompactError> {
        let rows = file.rows();
        let (file, bytes) = file.finish(&self.notes())?;
        self.sink.finish(Part { name, rows, bytes, times }, file).map_err(CompactError::Write)
    }

    /// What a footer says: counts are the batch's up to here, which for the batch's last parts are all.
    fn notes(&self) -> [(&'static str, String); 8] {
        let Counts { inputs, lines, rejects, blanks, mended, .. } = self.counts;
        [
            ("brigade.v", FORMAT.to_string()),
            ("brigade.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("brigade.batch", self.batch.clone()),
            ("brigade.inputs", inputs.to_string()),
            ("brigade.lines", lines.to_string()),
            ("brigade.rejects", rejects.to_string()),
            ("brigade.blanks", blanks.to_string()),
            ("brigade.mended", mended.to_string()),
        ]
    }

    fn reject(&mut self, rejected: Rejected<'_>) -> Result<(), CompactError> {
        self.counts.lines += 1;
        self.counts.rejects += 1;
        self.rejects.push(rejected);
        if self.rejects.size() > self.settings.memory / REJECTS { self.flush_rejects() } else { Ok(()) }
    }

    fn flush_rejects(&mut self) -> Result<(), CompactError> {
        if self.rejects.len() == 0 {
            return Ok(());
        }
        if self.rejects_file.is_none() {
            let file = self.sink.create(&self.rejects_name()).map_err(CompactError::Write)?;
            self.rejects_file = Some(PartFile::new(file, rejects_schema()?, None)?);
        }
        if let Some(file) = &mut self.rejects_file {
            self.rejects.flush(file, &mut self.encoder)?;
        }
        Ok(())
    }

    fn rejects_name(&self) -> PartName {
        PartName { table: Table::Rejects, folder: String::new(), file: format!("{}.parquet", self.batch) }
    }

    /// Completes all parts. Until then none of the last ones is.
    pub fn finish(mut self) -> Result<(Counts, S), CompactError> {
        for open in mem::take(&mut self.open) {
            self.close(open)?;
        }
        self.flush_rejects()?;
        if let Some(file) = self.rejects_file.take() {
            self.complete(file, self.rejects_name(), None)?;
        }
        Ok((self.counts, self.sink))
    }
}

/// Which side failed.
enum Failed {
    Read(io::Error),
    Write(CompactError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}
