//! The two things that a store takes from outside: the time, and randomness from a seed.

use time::OffsetDateTime;

use super::change::{Clock, Order};

/// S3's version ids have 32 characters of this alphabet.
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// An odd factor and its inverse modulo 2^64 hide the order in a version id, and find it again.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const INVERSE: u64 = inverse(FACTOR);

/// Newton's iteration: each step doubles the number of right bits.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

pub(super) struct Supply {
    pub(super) clock: Clock,
    random: fastrand::Rng,
    last: Order,
}

impl Supply {
    pub(super) fn new(clock: Clock, seed: u64) -> Self {
        Self { clock, random: fastrand::Rng::with_seed(seed), last: Order(0) }
    }

    pub(super) fn reseed(&mut self, seed: u64) {
        self.random = fastrand::Rng::with_seed(seed);
    }

    /// The time of a change, and its place in the order of all changes.
    pub(super) fn moment(&mut self) -> (OffsetDateTime, Order) {
        let now = (self.clock)();
        self.last = self.last.next(now);
        (now, self.last)
    }

    /// A version id that looks random and holds `order`, so that a listing can go on after a version that was removed.
    pub(super) fn version_id(&mut self, order: Order) -> String {
        let hidden = order.0.wrapping_mul(FACTOR);
        let mut id: String = (0..11).map(|place| letter(hidden >> (6 * place))).collect();
        id.extend((0..21).map(|_| letter(self.random.u64(..))));
        id
    }

    /// An upload id.
    pub(super) fn upload_id(&mut self) -> String {
        (0..64).map(|_| letter(self.random.u64(..))).collect()
    }

    /// An etag that is no digest, as under SSE-KMS.
    pub(super) fn opaque_etag(&mut self) -> String {
        format!("{:032x}", self.random.u128(..))
    }
}

fn letter(bits: u64) -> char {
    ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'0').into()
}

/// The order inside of a version id of this store; `None` where the text is no such id.
pub(super) fn order_of(version_id: &str) -> Option<Order> {
    if !is_version_id(version_id) {
        return None;
    }
    let places = version_id.bytes().take(11).enumerate();
    let hidden = places.fold(0, |sum, (place, letter)| {
        let bits = ALPHABET.iter().position(|known| *known == letter).unwrap_or_default() as u64;
        sum | bits << (6 * place)
    });
    Some(Order(hidden.wrapping_mul(INVERSE)))
}

/// The text has the form of a version id other than `null`.
pub(super) fn is_version_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| ALPHABET.contains(&b))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_version_id_gives_its_order_back() {
        let mut supply = Supply::new(Arc::new(|| OffsetDateTime::UNIX_EPOCH), 7);
        for order in [0, 1, 63, 64, u64::MAX, 0x6553_f100_0000_0000] {
            let id = supply.version_id(Order(order));
            assert!(is_version_id(&id), "{id}");
            assert_eq!(order_of(&id).map(|o| o.0), Some(order), "{id}");
        }
        assert!(order_of("null").is_none());
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = |seed| {
            let mut supply = Supply::new(Arc::new(|| OffsetDateTime::UNIX_EPOCH), seed);
            (supply.version_id(Order(1)), supply.upload_id(), supply.opaque_etag())
        };
        assert_eq!(ids(3), ids(3));
        assert_ne!(ids(3), ids(4));
    }
}
