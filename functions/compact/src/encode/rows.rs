//! The rows of a column of numbers: what all of them share, whatever they are encoded as.

use super::keep;

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
#[derive(Debug, Default)]
pub(crate) struct Rows<T> {
    pub(super) values: Vec<T>,
}

impl<T: Missing> Rows<T> {
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or(T::MISSING));
    }

    pub(crate) fn extend(&mut self, values: impl Iterator<Item = Option<T>>) {
        self.values.extend(values.map(|value| value.unwrap_or(T::MISSING)));
    }

    /// What it holds, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.values.len() * size_of::<T>()
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    /// Gives the room of rows that are gone back.
    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
    }

    /// Forgets all rows but these. Their room stays.
    pub(crate) fn keep(&mut self, rows: &[u32]) {
        keep(&mut self.values, rows);
    }

    /// A column of these rows alone.
    pub(crate) fn of(&self, rows: &[u32]) -> Self {
        Self { values: rows.iter().filter_map(|row| self.values.get(*row as usize).copied()).collect() }
    }
}
