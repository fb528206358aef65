//! Every kind of file, changed at random: each is rendered or rejected, soon, and nothing breaks.

use super::list;
use super::settings;
use brigade_thumbnail::pixels::{Format, Limits, Settings, peek, render};
use std::collections::BTreeMap;

/// Changed copies of each kind.
const COPIES: usize = 24;

/// A generator of Marsaglia's kind: the same files in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// One change of the ways in which files break, and in which attackers break them.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        const LOUD: [u8; 6] = [0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF];
        if bytes.is_empty() {
            return;
        }
        // Headers are short and decide most; without a preference bitstreams would get all changes.
        let reach = if self.below(2) == 0 { bytes.len().min(256) } else { bytes.len() };
        let (start, length) = (self.below(reach), 1 + self.below(32));
        let end = (start + length).min(bytes.len());
        match self.below(8) {
            0 | 1 => bytes[start] = self.below(256) as u8,
            2 => bytes[start] ^= 1 << self.below(8),
            3 | 4 => bytes[start] = LOUD[self.below(LOUD.len())],
            5 => bytes[start..end].fill(0xFF),
            6 => drop(bytes.drain(start..end)),
            _ => {
                let again = bytes[start..end].to_vec();
                bytes.splice(start..start, again);
            }
        }
    }
}

#[test]
fn a_changed_file_is_rendered_or_rejected() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let (good, bad) = (list::GOOD.iter().map(|kind| &kind.bytes), list::BAD.iter().map(|kind| &kind.bytes));
    // What is large takes time, and its changes would fall where nothing reads.
    for source in good.chain(bad).filter(|bytes| bytes.len() < 64 << 10) {
        for _ in 0..COPIES {
            let mut changed = source.clone();
            for _ in 0..=random.below(4) {
                random.change(&mut changed);
            }
            let limits = Limits { pixels: 4 << 20, memory: 16 << 20, ..settings(&[]).limits };
            let settings = Settings { format: Format::Jpeg, limits, ..settings(&[24]) };
            let result = render(&changed, &settings);
            assert!(peek(&changed).is_ok() || result.is_err(), "what has no header has no thumbnails");
            *outcomes.entry(result.as_ref().map_or_else(|reject| reject.code(), |_| "ok")).or_default() += 1;
        }
    }
    eprintln!("{outcomes:?}");
    for code in ["ok", "corrupt", "unsupported", "not-an-image", "too-many-pixels", "too-much-memory"] {
        assert!(outcomes.contains_key(code), "no changed file came out as {code}: {outcomes:?}");
    }
}
