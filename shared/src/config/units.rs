//! Numbers with units, as variables carry them.

const UNITS: [(&str, u64); 7] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1)];

/// `100MB`, `64KiB`, `5B`: a whole number and a unit, no space needed.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let parsed = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim();
        number.parse::<u64>().ok()?.checked_mul(*factor)
    });
    parsed.ok_or_else(|| format!("expected a whole number with a unit, such as 100MB or 64KiB, not {text:?}"))
}

/// `100M`, `5k`, `1000`: a count, with an optional k, M or G.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, factor) = match text.char_indices().last() {
        Some((at, 'k')) => (text.get(..at), 1_000),
        Some((at, 'M')) => (text.get(..at), 1_000_000),
        Some((at, 'G')) => (text.get(..at), 1_000_000_000),
        _ => (Some(text), 1),
    };
    let parsed = number.and_then(|n| n.parse::<u64>().ok()).and_then(|n| n.checked_mul(factor));
    parsed.ok_or_else(|| format!("expected a whole number, such as 1000 or 100M, not {text:?}"))
}

/// The largest unit that keeps at least one digit before the point: `1.5 MB`.
pub fn format_bytes(bytes: u64) -> String {
    for (unit, factor) in [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("kB", 1_000)] {
        if bytes >= factor {
            return format!("{:.1} {unit}", bytes as f64 / factor as f64);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit_and_must_fit() {
        for (text, expected) in [
            ("100MB", Some(100_000_000)),
            ("64KiB", Some(65_536)),
            ("64 KiB", Some(65_536)),
            ("5B", Some(5)),
            ("100", None),
            ("MB", None),
            ("-1MB", None),
            ("99999999999GB", None),
            ("1.5MB", None),
        ] {
            assert_eq!(parse_bytes(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn counts_may_have_a_suffix() {
        for (text, expected) in
            [("1000", Some(1_000)), ("100M", Some(100_000_000)), ("5k", Some(5_000)), ("", None), ("k", None), ("1é", None)]
        {
            assert_eq!(parse_count(text).ok(), expected, "{text}");
        }
    }
}
