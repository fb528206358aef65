//! A column of text: as numbers in a dictionary where values come again, as they are where they don't.

use parquet::basic::Encoding;
use parquet::errors::Result;

use super::bits::{hybrid, width};
use super::chunk::{Chunk, Range};
use super::delta::delta;
use super::values::{Finder, Values};
use super::{Blocks, Encoded, Order, pages};

/// Not a value.
const NULL: u32 = u32::MAX;
/// After so many different values it is known whether they come again.
const TRIAL: usize = 1024;
/// Readers hold a dictionary in memory.
const MAX_DICTIONARY: usize = 2 << 20;

/// What is known of a column beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Values may come again; whether they do is found out.
    Repeating,
    /// Every value is another one, and no range of them tells anything.
    Random,
}

/// The rows' texts.
#[derive(Debug)]
pub(crate) struct TextColumn {
    usage: Use,
    /// Whether equal values are looked for.
    shared: bool,
    /// Numbers of values.
    rows: Blocks<u32>,
    nulls: usize,
    values: Values,
    finder: Finder,
}

impl TextColumn {
    pub(crate) fn new(usage: Use) -> Self {
        let shared = usage == Use::Repeating;
        Self { usage, shared, rows: Blocks::default(), nulls: 0, values: Values::default(), finder: Finder::default() }
    }

    pub(crate) fn is_random(&self) -> bool {
        self.usage == Use::Random
    }

    /// Adds rows. Their texts have to be UTF-8, unless the column is one of bytes.
    pub(crate) fn extend<'a>(&mut self, values: impl Iterator<Item = Option<&'a [u8]>>) {
        if self.shared {
            values.for_each(|value| self.push(value));
            let filled = self.rows.len() - self.nulls;
            // Then the table costs more than it saves; the column stays so for the batch.
            if self.values.len() >= TRIAL && self.values.len() * 2 > filled {
                self.shared = false;
                self.finder = Finder::default();
            }
        } else {
            values.for_each(|value| self.push(value));
        }
    }

    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        let number = match value {
            None => {
                self.nulls += 1;
                NULL
            }
            Some(value) if self.shared => self.finder.number(value, &mut self.values),
            Some(value) => self.values.push(value),
        };
        self.rows.push(number);
    }

    /// What it holds, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        self.rows.size() + self.values.size()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { shared: self.shared, ..Self::new(self.usage) };
    }

    /// Forgets all rows but these.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        let mut kept = Self { shared: self.shared, ..Self::new(self.usage) };
        rows.iter().for_each(|row| kept.push(self.text(*row)));
        *self = kept;
    }

    /// A column of these rows alone.
    pub(crate) fn of(&self, rows: &[u32]) -> Self {
        let mut part = Self::new(self.usage);
        part.extend(rows.iter().map(|row| self.text(*row)));
        part
    }

    fn text(&self, row: u32) -> Option<&[u8]> {
        let number = self.rows.get(row as usize).filter(|number| *number != NULL)?;
        Some(self.values.get(number))
    }

    /// Writes the rows.
    pub(crate) fn encode(&self, order: Order<'_>, chunk: Chunk<'_>) -> Result<Encoded> {
        let filled = self.rows.len() - self.nulls;
        if filled == 0 {
            self.encode_nothing(order, chunk)
        } else if self.values.len() * 2 <= filled && self.values.bytes() <= MAX_DICTIONARY {
            self.encode_numbers(order, chunk)
        } else {
            self.encode_values(order, chunk)
        }
    }

    fn encode_nothing(&self, order: Order<'_>, mut chunk: Chunk<'_>) -> Result<Encoded> {
        pages(&self.rows, order, |rows| chunk.page(rows.iter().map(|_| false), None, Encoding::PLAIN, |_| ()))?;
        chunk.finish(None, false)
    }

    fn encode_numbers(&self, order: Order<'_>, mut chunk: Chunk<'_>) -> Result<Encoded> {
        chunk.dictionary(self.values.len(), |out| {
            for value in self.values.iter() {
                out.extend_from_slice(&(value.len() as u32).to_le_bytes());
                out.extend_from_slice(value);
            }
        })?;
        let sorted = Sorted::new(&self.values);
        let bits = width(self.values.len().saturating_sub(1) as u64).max(1);
        let mut numbers = Vec::new();
        pages(&self.rows, order, |rows| {
            numbers.clear();
            numbers.extend(rows.iter().copied().filter(|row| *row != NULL));
            let encode = |out: &mut Vec<u8>| {
                out.push(bits as u8);
                hybrid(&numbers, bits, out);
            };
            let filled = rows.iter().map(|row| *row != NULL);
            chunk.page(filled, sorted.range(&numbers, &self.values), Encoding::RLE_DICTIONARY, encode)
        })?;
        chunk.finish(sorted.whole(&self.values).as_ref(), false)
    }

    fn encode_values(&self, order: Order<'_>, mut chunk: Chunk<'_>) -> Result<Encoded> {
        let mut all: Option<Range> = None;
        let mut texts = Vec::new();
        pages(&self.rows, order, |rows| {
            texts.clear();
            texts.extend(rows.iter().filter(|row| **row != NULL).map(|row| self.values.get(*row)));
            let range = if self.is_random() { None } else { range(&texts) };
            if let Some(range) = &range {
                all = Some(match all.take() {
                    None => range.clone(),
                    Some(all) => Range { min: all.min.min(range.min.clone()), max: all.max.max(range.max.clone()) },
                });
            }
            let encode = |out: &mut Vec<u8>| {
                delta(texts.iter().map(|text| text.len() as i64), out);
                texts.iter().for_each(|text| out.extend_from_slice(text));
            };
            let filled = rows.iter().map(|row| *row != NULL);
            chunk.page(filled, range, Encoding::DELTA_LENGTH_BYTE_ARRAY, encode)
        })?;
        chunk.finish(all.as_ref(), false)
    }
}

fn range(texts: &[&[u8]]) -> Option<Range> {
    let (min, max) = texts.iter().min().zip(texts.iter().max())?;
    Some(Range { min: min.to_vec(), max: max.to_vec() })
}

/// A dictionary's values in the order of their bytes, so that the range of a page is one of small numbers.
struct Sorted {
    numbers: Vec<u32>,
    ranks: Vec<u32>,
}

impl Sorted {
    fn new(values: &Values) -> Self {
        let mut numbers: Vec<u32> = (0..values.len() as u32).collect();
        numbers.sort_unstable_by(|a, b| values.get(*a).cmp(values.get(*b)));
        let mut ranks = vec![0; numbers.len()];
        for (rank, number) in (0..).zip(&numbers) {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank;
            }
        }
        Self { numbers, ranks }
    }

    fn range(&self, numbers: &[u32], values: &Values) -> Option<Range> {
        let ranks = || numbers.iter().filter_map(|number| self.ranks.get(*number as usize));
        self.between(*ranks().min()?, *ranks().max()?, values)
    }

    fn whole(&self, values: &Values) -> Option<Range> {
        self.between(0, self.numbers.len().checked_sub(1)? as u32, values)
    }

    fn between(&self, min: u32, max: u32, values: &Values) -> Option<Range> {
        let text = |rank: u32| self.numbers.get(rank as usize).map(|number| values.get(*number).to_vec());
        Some(Range { min: text(min)?, max: text(max)? })
    }
}
