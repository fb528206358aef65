//! The column of HTTP statuses: a few different numbers of three digits.

use parquet::basic::Encoding;
use parquet::errors::Result;

use super::bits::{hybrid, width};
use super::chunk::{Chunk, Range};
use super::rows::{Missing as _, Rows};
use super::{Encoded, Order, pages};

/// Statuses.
pub(crate) type StatusColumn = Rows<u32>;

const NULL: u32 = u32::MISSING;

impl StatusColumn {
    /// Writes the rows: a sorted dictionary, and numbers in it.
    pub(crate) fn encode(&self, order: Order<'_>, mut chunk: Chunk<'_>) -> Result<Encoded> {
        let mut seen = [false; 1000];
        for row in self.values.iter() {
            if let Some(slot) = seen.get_mut(row as usize) {
                *slot = true;
            }
        }
        let statuses: Vec<u32> = (0..).zip(seen).filter(|(_, seen)| *seen).map(|(status, _)| status).collect();
        let mut numbers = [0_u32; 1000];
        for (number, status) in (0..).zip(&statuses) {
            if let Some(slot) = numbers.get_mut(*status as usize) {
                *slot = number;
            }
        }
        let encoding = if statuses.is_empty() { Encoding::PLAIN } else { Encoding::RLE_DICTIONARY };
        if !statuses.is_empty() {
            chunk.dictionary(statuses.len(), |out| out.extend(statuses.iter().flat_map(|status| status.to_le_bytes())))?;
        }
        let bits = width(statuses.len().saturating_sub(1) as u64).max(1);
        let mut found = Vec::new();
        pages(&self.values, order, |rows| {
            found.clear();
            found.extend(rows.iter().filter_map(|row| numbers.get(*row as usize)));
            let encode = |out: &mut Vec<u8>| {
                if encoding == Encoding::RLE_DICTIONARY {
                    out.push(bits as u8);
                    hybrid(&found, bits, out);
                }
            };
            chunk.page(rows.iter().map(|row| *row != NULL), range(rows.iter().copied()), encoding, encode)
        })?;
        chunk.finish(range(self.values.iter()).as_ref(), false)
    }
}

fn range(rows: impl Iterator<Item = u32>) -> Option<Range> {
    let bounds = rows
        .filter(|row| *row != NULL)
        .fold(None, |bounds, row| Some(bounds.map_or((row, row), |(min, max): (u32, u32)| (min.min(row), max.max(row)))));
    let (min, max) = bounds?;
    Some(Range { min: min.to_le_bytes().to_vec(), max: max.to_le_bytes().to_vec() })
}
