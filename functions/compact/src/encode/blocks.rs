//! Values in blocks of one size. They take what they hold and less than a block more, nothing is copied when they grow, and
//! what one column gives back fits the next one: the allocator is left with no holes, however long a process runs.

use std::mem;
use std::ops::Range;

/// Bytes of a block. glibc gives larger pieces back to the system one by one, until it has learned not to: their size is what
/// makes a process's memory depend on how long it has run.
pub(super) const BLOCK: usize = 64 << 10;

/// Values of a few bytes, by number.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T: Copy> Blocks<T> {
    const VALUES: usize = BLOCK / size_of::<T>();

    pub(super) fn len(&self) -> usize {
        self.full.len() * Self::VALUES + self.last.len()
    }

    /// Bytes of the values.
    pub(super) fn size(&self) -> usize {
        self.len() * size_of::<T>()
    }

    pub(super) fn get(&self, at: usize) -> Option<T> {
        self.block(at / Self::VALUES).get(at % Self::VALUES).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.full.iter().chain([&self.last]).flatten().copied()
    }

    pub(super) fn push(&mut self, value: T) {
        if self.last.len() == Self::VALUES {
            self.begin();
        }
        self.grow(1);
        self.last.push(value);
    }

    pub(super) fn extend(&mut self, values: impl Iterator<Item = T>) {
        match values.size_hint().1 {
            Some(most) if most <= Self::VALUES - self.last.len() => {
                self.grow(most);
                self.last.extend(values);
            }
            _ => values.for_each(|value| self.push(value)),
        }
    }

    /// Copies the values to `out` that these numbers have.
    pub(super) fn copy(&self, numbers: Range<usize>, out: &mut Vec<T>) {
        let mut at = numbers.start;
        while at < numbers.end {
            let begin = at % Self::VALUES;
            let block = self.block(at / Self::VALUES);
            let some = block.get(begin..block.len().min(begin + (numbers.end - at))).unwrap_or_default();
            if some.is_empty() {
                return;
            }
            out.extend_from_slice(some);
            at += some.len();
        }
    }

    pub(super) fn block(&self, number: usize) -> &[T] {
        match self.full.get(number) {
            Some(full) => full,
            None if number == self.full.len() => &self.last,
            None => &[],
        }
    }

    /// The first block grows, since a process has many columns of few values; those behind it are whole from their beginning.
    fn grow(&mut self, more: usize) {
        let filled = self.last.len();
        if self.last.capacity() < filled + more {
            self.last.reserve_exact((filled + more).next_power_of_two().min(Self::VALUES).saturating_sub(filled));
        }
    }

    fn begin(&mut self) {
        self.full.push(mem::replace(&mut self.last, Vec::with_capacity(Self::VALUES)));
    }
}

impl Blocks<u8> {
    /// Adds bytes that are to lie in one block: what the last one has left stays free where they don't fit it. `false`: there
    /// are more of them than a block has, and none was added.
    pub(super) fn append(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > BLOCK {
            return false;
        }
        if self.last.len() + bytes.len() > BLOCK {
            self.begin();
        }
        self.grow(bytes.len());
        self.last.extend_from_slice(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_over_the_ends_of_blocks() {
        const BLOCK_OF_NUMBERS: usize = BLOCK / 8;
        for count in [0, 1, BLOCK_OF_NUMBERS - 1, BLOCK_OF_NUMBERS, BLOCK_OF_NUMBERS + 1, 3 * BLOCK_OF_NUMBERS + 5] {
            for step in [1, 7, 256, 2 * BLOCK_OF_NUMBERS] {
                let expected: Vec<i64> = (0..count as i64).collect();
                let mut blocks = Blocks::default();
                expected.chunks(step).for_each(|some| blocks.extend(some.iter().copied()));
                assert_eq!((blocks.len(), blocks.size()), (count, 8 * count));
                assert!(blocks.iter().eq(expected.iter().copied()), "{count} by {step}");
                assert!((0..count).all(|at| blocks.get(at) == Some(at as i64)), "{count} by {step}");
                assert_eq!(blocks.get(count), None);
                for range in [0..count, count / 3..count / 2, count / 2..count] {
                    let mut out = Vec::new();
                    blocks.copy(range.clone(), &mut out);
                    assert_eq!(out, expected[range], "{count} by {step}");
                }
            }
        }
    }

    #[test]
    fn no_block_is_larger_than_its_values_need() {
        let mut blocks = Blocks::default();
        for n in 0..40_000_u32 {
            blocks.extend(std::iter::once(n));
            let room: usize = blocks.full.iter().chain([&blocks.last]).map(|block| size_of::<u32>() * block.capacity()).sum();
            assert!(room <= (2 * blocks.size()).min(blocks.size() + BLOCK), "{room} bytes for {}", blocks.size());
        }
    }
}
