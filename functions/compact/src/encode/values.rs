//! Byte strings one behind the other, and a table that finds those that are there already.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Byte strings by number, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Values {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All of them, one behind the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds one and returns its number.
    pub(super) fn push(&mut self, value: &[u8]) -> u32 {
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(value);
        // A row group is flushed long before its bytes need more than 32 bits.
        self.ends.push(self.bytes.len() as u32);
        number
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let end = self.ends.get(at).copied().unwrap_or_default() as usize;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default() as usize;
        self.bytes.get(begin..end).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|number| self.get(number))
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Finds the number of a byte string that is among [`Values`] already. The seed differs from process to process (keys and
/// user agents are chosen by strangers); numbers don't depend on it.
#[derive(Debug, Default)]
pub(super) struct Finder {
    table: HashTable<u32>,
    state: RandomState,
    last: u32,
}

impl Finder {
    /// The number of the value, which is added where it is new.
    pub(super) fn number(&mut self, value: &[u8], values: &mut Values) -> u32 {
        // Neighbours are often equal: buckets, owners, endpoints.
        if values.get(self.last) == value && values.len() > 0 {
            return self.last;
        }
        let hash = self.state.hash_one(value);
        let found = self.table.find(hash, |number| values.get(*number) == value).copied();
        self.last = found.unwrap_or_else(|| {
            let number = values.push(value);
            self.table.insert_unique(hash, number, |number| self.state.hash_one(values.get(*number)));
            number
        });
        self.last
    }

    pub(super) fn shrink(&mut self, values: &Values) {
        self.table.shrink_to_fit(|number| self.state.hash_one(values.get(*number)));
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.last = 0;
    }
}
