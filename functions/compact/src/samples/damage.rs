//! Lines that are no records: cut off, overwritten, from another log.

use fastrand::Rng;

use super::pools::base64;

/// Writes a damaged copy of a sound line, whose 18th field begins at `tail`.
pub(super) fn write(sound: &str, tail: usize, rng: &mut Rng, line: &mut String) {
    let head = sound.get(..tail).unwrap_or_default();
    let bracket = sound.find('[').unwrap_or_default();
    let (before, time) = sound.split_at_checked(bracket).unwrap_or((sound, ""));
    match rng.u8(..8) {
        // The writer died: before the time, where no quote can be taken for another.
        0 => line.push_str(sound.get(..rng.usize(..bracket.max(1)) + 1).unwrap_or("x")),
        1 => line.push_str(head.trim_end()),
        2 => line.push_str(head),
        3 => {
            line.push_str(before);
            line.push_str(&time.replacen('/', "-", 2));
        }
        4 => {
            line.push_str(before);
            line.push_str(&time.replacen(" +0000]", " +0200]", 1));
        }
        5 => {
            line.push_str(before);
            line.push(' ');
            line.push_str(time);
        }
        6 => line.push_str(&base64(rng, 120)),
        _ => line.push_str("203.0.113.9 - - [22/Nov/2026:05:17:09 +0000] \"GET / HTTP/1.1\" 200 612 \"-\" \"curl/8.5.0\""),
    }
}
