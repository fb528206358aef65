//! A column of 64-bit numbers.

use parquet::basic::Encoding;
use parquet::errors::Result;

use super::chunk::{Chunk, Range};
use super::delta::delta;
use super::rows::{Missing as _, Rows};
use super::{Encoded, Order, pages};

/// Numbers of 64 bits.
pub(crate) type NumberColumn = Rows<i64>;

const NULL: i64 = i64::MISSING;

impl NumberColumn {
    /// Writes the rows. Where `ascending`, the order makes them so.
    pub(crate) fn encode(&self, order: Order<'_>, ascending: bool, mut chunk: Chunk<'_>) -> Result<Encoded> {
        let mut all: Option<(i64, i64)> = None;
        let mut filled = Vec::new();
        pages(&self.values, order, |rows| {
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
