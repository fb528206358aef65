//! A column of 64-bit numbers.

use parquet::basic::Encoding;
use parquet::errors::Result;

use super::chunk::{Chunk, Range};
use super::delta::delta;
use super::{Encoded, Order, keep, pages};

/// No number of a log is negative, but a time before 1970, which is never null.
const NULL: i64 = i64::MIN;

/// The rows' numbers.
#[derive(Debug, Default)]
pub(crate) struct NumberColumn {
    rows: Vec<i64>,
}

impl NumberColumn {
    pub(crate) fn push(&mut self, value: Option<i64>) {
        self.rows.push(value.unwrap_or(NULL));
    }

    pub(crate) fn extend(&mut self, values: impl Iterator<Item = Option<i64>>) {
        self.rows.extend(values.map(|value| value.unwrap_or(NULL)));
    }

    /// What it holds, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.rows.len() * size_of::<i64>()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Gives the room of rows that are gone back.
    pub(crate) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
    }

    /// Forgets all rows but these. Their room stays.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        keep(&mut self.rows, rows);
    }

    /// Writes the rows. Where `ascending`, the order makes them so.
    pub(crate) fn encode(&self, order: Order<'_>, ascending: bool, mut chunk: Chunk<'_>) -> Result<Encoded> {
        let mut all: Option<(i64, i64)> = None;
        let mut filled = Vec::new();
        pages(&self.rows, order, |rows| {
            filled.clear();
            filled.extend(rows.iter().copied().filter(|row| *row != NULL));
            let range = filled.iter().fold(None, |range, value| widened(range, *value, *value));
            if let Some((min, max)) = range {
                all = widened(all, min, max);
            }
            let encode = |out: &mut Vec<u8>| delta(filled.iter().copied(), out);
            chunk.page(rows.iter().map(|row| *row != NULL), range.map(bytes), Encoding::DELTA_BINARY_PACKED, encode)
        })?;
        chunk.finish(all.map(bytes).as_ref(), ascending)
    }
}

fn widened(range: Option<(i64, i64)>, min: i64, max: i64) -> Option<(i64, i64)> {
    Some(range.map_or((min, max), |(least, greatest)| (least.min(min), greatest.max(max))))
}

fn bytes((min, max): (i64, i64)) -> Range {
    Range { min: min.to_le_bytes().to_vec(), max: max.to_le_bytes().to_vec() }
}
