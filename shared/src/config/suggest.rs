//! "Did you mean …": the nearest declared name.

/// The candidate nearest to `word`, if it is near enough to be a slip of the pen.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = word.len().div_ceil(3).clamp(1, 5);
    candidates.into_iter().map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Levenshtein's distance, in bytes; names are ASCII and short.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("INPUT", "INPUTS", 1), ("SIZES", "SIZSE", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["INPUT", "OUTPUT", "SIZES", "MODE", "MAX_DELETES"];
        for (word, expected) in [
            ("SIZE", Some("SIZES")),
            ("SZIES", Some("SIZES")),
            ("OUPUT", Some("OUTPUT")),
            ("MAX_DELETE", Some("MAX_DELETES")),
            ("SHARDS", None),
            ("SOMETHING_ELSE", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
    }
}
