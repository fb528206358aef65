//! Lines that are no records, collected until they make a row group.

use std::io::Write;

use parquet::errors::{ParquetError, Result};

use super::PartFile;
use crate::encode::{Chunk, Encoder, NumberColumn, TextColumn, Use};
use crate::record::Reject;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejected<'a> {
    pub(crate) source: &'a str,
    /// From 1.
    pub(crate) line: u64,
    pub(crate) reason: Reject,
    pub(crate) raw: &'a [u8],
}

/// The rows of a row group.
#[derive(Debug)]
pub(crate) struct Rejects {
    source: TextColumn,
    line: NumberColumn,
    reason: TextColumn,
    raw: TextColumn,
    rows: usize,
}

impl Rejects {
    pub(crate) fn new() -> Self {
        let text = || TextColumn::new(Use::Repeating);
        Self { source: text(), line: NumberColumn::default(), reason: text(), raw: TextColumn::new(Use::Random), rows: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn size(&self) -> usize {
        self.source.size() + self.line.size() + self.reason.size() + self.raw.size()
    }

    pub(crate) fn push(&mut self, rejected: Rejected<'_>) {
        self.source.push(Some(rejected.source.as_bytes()));
        self.line.push(i64::try_from(rejected.line).ok());
        self.reason.push(Some(rejected.reason.code().as_bytes()));
        self.raw.push(Some(rejected.raw));
        self.rows += 1;
    }

    /// Appends the rows to the file, in the order in which they came, and begins anew.
    pub(crate) fn flush<W: Write + Send>(&mut self, file: &mut PartFile<W>, encoder: &mut Encoder) -> Result<()> {
        file.row_group(self.rows, encoder, |number, descriptor, encoder| {
            // Raw lines are text without a table of values; they gain by the usual level.
            let chunk = Chunk::new(descriptor, false, encoder);
            match number {
                0 => self.source.encode(None, chunk),
                1 => self.line.encode(None, false, chunk),
                2 => self.reason.encode(None, chunk),
                3 => self.raw.encode(None, chunk),
                _ => Err(ParquetError::General("the table has four columns".to_owned())),
            }
        })?;
        [&mut self.source, &mut self.reason, &mut self.raw].into_iter().for_each(TextColumn::clear);
        self.line.clear();
        self.rows = 0;
        Ok(())
    }
}
