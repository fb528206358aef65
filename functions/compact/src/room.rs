//! How the function's memory is shared out: what log objects in flight may hold, and what batches in the making. Pure.

/// What the process itself needs: code, clients, buffers.
const PROCESS: u64 = 96 << 20;
/// The least that is left for log objects in flight, and for batches.
const LEAST: u64 = 16 << 20;
/// What a batch needs whatever is in it: the line reader's buffer, compression's contexts, a request's buffers.
const FIXED: u64 = 8 << 20;

/// What one name in a ledger document takes (`tests/document.rs`).
const NAME: u64 = 256;

/// Bytes of text that make one byte of Parquet, cautiously: it is about six.
pub(crate) const TEXT_OF_PARQUET: u64 = 5;
/// Bytes of text that one byte of a bundle makes: ZSTD packs logs four to five times.
pub(crate) const TEXT_OF_BUNDLE: u64 = 5;

/// The bound on what log objects in flight hold together, and the bound on what batches do, in bytes: of a function with
/// `memory`.
pub(crate) fn shares(memory: u64) -> (u64, u64) {
    let free = memory.saturating_sub(PROCESS);
    let inputs = (free / 4).max(LEAST);
    (inputs, free.saturating_sub(inputs).max(LEAST))
}

/// What a batch of so many bytes of text takes at most, until its parts are written: the rows in their columns (with the room
/// that vectors have to grow), and beside them a row group that is being encoded and the parts.
pub(crate) fn weight(text: u64) -> u64 {
    text.saturating_add(text / 4).saturating_add(FIXED)
}

/// What a ledger document takes beside a batch: as it was read, as it is changed, and as it is written. A small one is among
/// what every batch needs.
pub(crate) fn document(names: usize) -> u64 {
    (names as u64).saturating_mul(NAME).saturating_sub(FIXED / 4)
}

/// The bytes of text of the largest batch that is not heavier.
pub(crate) fn largest(weight: u64) -> u64 {
    weight.saturating_sub(FIXED) / 5 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_holds_no_more_than_its_memory() {
        const MB: u64 = 1 << 20;
        for (memory, inputs, batches, text) in [
            // Too little for anything but small batches, and the least that Lambda has.
            (128, 16, 16, 6),
            (256, 40, 120, 89),
            (512, 104, 312, 243),
            (1024, 232, 696, 550),
            (10_240, 2536, 7608, 6080),
        ] {
            let shares = shares(memory * MB);
            assert_eq!((shares.0 / MB, shares.1 / MB, largest(shares.1) / MB), (inputs, batches, text), "{memory}");
            assert!(PROCESS + shares.0 + shares.1 <= memory.max(128) * MB);
            assert!(weight(largest(shares.1)) <= shares.1);
        }
    }
}
