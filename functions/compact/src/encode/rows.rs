//! The rows of a column of numbers: what all of them share, whatever they are encoded as.

use super::Blocks;

/// A number that stands for none.
pub(crate) trait Missing: Copy + PartialEq {
    /// No row has it as a value.
    const MISSING: Self;
}

impl Missing for i64 {
    /// No number of a log is negative, but a time before 1970, which is never null.
    const MISSING: Self = i64::MIN;
}

impl Missing for u32 {
    /// Not a status.
    const MISSING: Self = u32::MAX;
}

/// The rows' numbers.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    pub(super) values: Blocks<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { values: Blocks::default() }
    }
}

impl<T: Missing> Rows<T> {
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or(T::MISSING));
    }

    pub(crate) fn extend(&mut self, values: impl Iterator<Item = Option<T>>) {
        self.values.extend(values.map(|value| value.unwrap_or(T::MISSING)));
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, row: u32) -> Option<T> {
        self.values.get(row as usize)
    }

    pub(crate) fn last(&self) -> Option<T> {
        self.values.get(self.values.len().checked_sub(1)?)
    }

    /// What it holds, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.values.size()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forgets all rows but these.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        *self = self.of(rows);
    }

    /// A column of these rows alone.
    pub(crate) fn of(&self, rows: &[u32]) -> Self {
        let mut part = Self::default();
        part.values.extend(rows.iter().filter_map(|row| self.get(*row)));
        part
    }
}
