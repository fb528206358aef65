//! Byte strings one behind the other, and a table that finds those that are there already.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::blocks::{BLOCK, Blocks};

/// Byte strings by number. None lies in two blocks.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: Blocks<u8>,
    /// Where each ends, in bytes from the beginning of the first block. A row group is made long before they need more than 32
    /// bits: [`crate::Settings::memory`] is bounded.
    ends: Blocks<u32>,
    /// Those that are longer than a block, by number. Where they would end, they are empty.
    long: BTreeMap<u32, Vec<u8>>,
    long_bytes: usize,
}

impl Values {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the values, with what is left free behind the last one of each block.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.long_bytes
    }

    /// What they take, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes() + self.ends.size()
    }

    /// Adds one and returns its number.
    pub(super) fn push(&mut self, value: &[u8]) -> u32 {
        let number = self.ends.len() as u32;
        if !self.bytes.append(value) {
            self.long.insert(number, value.to_vec());
            self.long_bytes += value.len();
        }
        self.ends.push(self.bytes.len() as u32);
        number
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let end = self.ends.get(at).unwrap_or_default() as usize;
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).unwrap_or_default() as usize;
        if end <= begin {
            return self.long.get(&number).map_or(&[], Vec::as_slice);
        }
        // It is in the block of its last byte, behind the one before it or at the block's beginning.
        let block = (end - 1) / BLOCK;
        let offset = block * BLOCK;
        self.bytes.block(block).get(begin.max(offset) - offset..end - offset).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|number| self.get(number))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that fill blocks exactly, nearly and by far, with empty ones at every place.
    fn texts() -> Vec<Vec<u8>> {
        let lengths =
            [0, 1, BLOCK - 1, 0, 0, BLOCK, 0, BLOCK + 1, 0, 3 * BLOCK, 1, 70, BLOCK - 70, 2, BLOCK / 2, BLOCK / 2, 0, 5];
        let text = |(n, length): (usize, &usize)| vec![b'a' + (n % 26) as u8; *length];
        lengths.iter().enumerate().map(text).collect()
    }

    #[test]
    fn texts_come_back_whatever_their_length() {
        let mut values = Values::default();
        let texts: Vec<Vec<u8>> = texts().into_iter().cycle().take(100).collect();
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(values.push(text), number);
        }
        assert!(values.iter().eq(texts.iter().map(Vec::as_slice)));
        assert_eq!(values.len(), texts.len());
        assert!(values.bytes() >= texts.iter().map(Vec::len).sum());
        assert_eq!(values.get(100), b"", "no such number");
    }

    #[test]
    fn an_equal_text_has_the_same_number_whatever_its_length() {
        let (mut values, mut finder) = (Values::default(), Finder::default());
        let distinct = texts().into_iter().collect::<std::collections::BTreeSet<_>>().len();
        let numbers = |finder: &mut Finder, values: &mut Values| -> Vec<u32> {
            texts().iter().map(|text| finder.number(text, values)).collect()
        };
        let first = numbers(&mut finder, &mut values);
        assert_eq!(numbers(&mut finder, &mut values), first);
        assert_eq!(values.len(), distinct);
    }
}
