//! Two listings in one order, pure: derived keys, and the sources that they belong to.
//!
//! A listing is sorted by the bytes of its keys. Derived keys are `{key}/{segment}`, so they come in the order of `{key}/`,
//! which is not that of `{key}`: `a-b` comes behind `a`, but `a-b/` before `a/`, because `-` sorts before the slash. And
//! the derived keys of one source need not stand together: all those of `a/b` are between `a/1.jpg` and `a/info.json`.
//!
//! Both are solved with a stack of keys of which each begins with the one below it. A key has 1,024 bytes at most, and so has
//! such a stack no more than that many entries, however long the listings are.

use std::collections::VecDeque;

/// Puts sources, which come in the order of their keys, into the order of their directories, `{key}/`.
#[derive(Debug, Default)]
pub(super) struct ByDirectory {
    /// Each begins with the one below, followed by a character that sorts before the slash.
    held: Vec<String>,
    ready: VecDeque<String>,
}

impl ByDirectory {
    /// Takes the next source.
    pub(super) fn push(&mut self, key: &str) {
        while let Some(top) = self.held.pop_if(|top| !comes_first(key, top)) {
            self.ready.push_back(top);
        }
        self.held.push(key.to_owned());
    }

    /// There are no more.
    pub(super) fn finish(&mut self) {
        self.ready.extend(self.held.drain(..).rev());
    }

    /// The next one in the new order, as far as that is certain.
    pub(super) fn pop(&mut self) -> Option<String> {
        self.ready.pop_front()
    }
}

/// The directory of `later` sorts before that of `key`, although `later` itself sorts behind it.
fn comes_first(later: &str, key: &str) -> bool {
    later.strip_prefix(key).and_then(|rest| rest.bytes().next()).is_some_and(|next| next < b'/')
}

/// Whether a source must be known before this derived key can be judged: its directory doesn't sort behind the key.
pub(super) fn is_due(source: &str, derived: &str) -> bool {
    source.bytes().chain([b'/']).le(derived.bytes())
}

/// What a derived key turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Its source is there.
    HasSource,
    /// The first one of a source that is not there.
    Orphan(String),
    /// One more of such a source.
    OfOrphan,
    /// No derived object of any source: there is no slash in it.
    Stray,
}

/// Judges derived keys, in their order, by sources in the order of [`ByDirectory`].
#[derive(Debug, Default)]
pub(super) struct Join {
    /// Directories that the last derived key lies in, with whether their source is there. Each begins with the one below.
    open: Vec<(String, bool)>,
}

impl Join {
    /// Takes a source that [`is_due`] before `derived`, or that is known from elsewhere to be there.
    pub(super) fn source(&mut self, key: &str, derived: &str) {
        let directory = format!("{key}/");
        // A directory that this key doesn't lie in, no later key lies in: what shares a beginning stands together.
        if derived.starts_with(&directory) {
            self.leave(derived);
            self.open.push((directory, true));
        }
    }

    /// Judges the next derived key, when all sources that are due before it were given.
    pub(super) fn derived(&mut self, key: &str) -> Judged {
        self.leave(key);
        let Some((source, _)) = key.rsplit_once('/') else { return Judged::Stray };
        if source.is_empty() {
            return Judged::Stray;
        }
        match self.open.last() {
            Some((directory, is_there)) if directory.len() == source.len() + 1 => {
                if *is_there {
                    Judged::HasSource
                } else {
                    Judged::OfOrphan
                }
            }
            _ => {
                self.open.push((format!("{source}/"), false));
                Judged::Orphan(source.to_owned())
            }
        }
    }

    fn leave(&mut self, key: &str) {
        while self.open.pop_if(|(directory, _)| !key.starts_with(directory.as_str())).is_some() {}
    }
}

/// The keys that a listing which begins behind `start` does not show, though a derived key behind `start` may be theirs: in
/// ascending order, first those whose directory `start` lies in, then those whose directory sorts behind it.
pub(super) fn before_the_start(start: &str) -> (Vec<&str>, Vec<&str>) {
    let ends = start.char_indices().map(|(at, _)| at).skip(1).chain([start.len()]).filter(|end| *end > 0);
    let followed_by = |end: &usize| start.as_bytes().get(*end).copied();
    let inside = ends.clone().filter(|end| followed_by(end) == Some(b'/'));
    let behind = ends.filter(|end| followed_by(end).is_none_or(|next| next < b'/'));
    (inside.filter_map(|end| start.get(..end)).collect(), behind.filter_map(|end| start.get(..end)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn reordered(sources: &BTreeSet<String>) -> Vec<String> {
        let (mut order, mut out) = (ByDirectory::default(), Vec::new());
        for key in sources {
            order.push(key);
            assert!(order.held.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
            out.extend(std::iter::from_fn(|| order.pop()));
        }
        order.finish();
        out.extend(std::iter::from_fn(|| order.pop()));
        out
    }

    /// What a sweep finds that begins behind `start`: orphans by source, with the number of their derived keys.
    fn orphans(sources: &BTreeSet<String>, derived: &BTreeSet<String>, start: Option<&str>) -> BTreeMap<String, usize> {
        let (mut order, mut join) = (ByDirectory::default(), Join::default());
        let (inside, behind) = start.map(before_the_start).unwrap_or_default();
        let there =
            |keys: Vec<&str>| keys.into_iter().filter(|key| sources.contains(*key)).map(str::to_owned).collect::<Vec<_>>();
        let (inside, behind) = (there(inside), there(behind));
        behind.iter().for_each(|key| order.push(key));
        sources.iter().filter(|key| start.is_none_or(|start| key.as_str() > start)).for_each(|key| order.push(key));
        order.finish();
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        let mut next = order.pop();
        let mut first = true;
        for key in derived.iter().filter(|key| start.is_none_or(|start| key.as_str() > start)) {
            if std::mem::take(&mut first) {
                inside.iter().for_each(|source| join.source(source, key));
            }
            while let Some(source) = next.take_if(|source| is_due(source, key)) {
                join.source(&source, key);
                next = order.pop();
            }
            match join.derived(key) {
                Judged::Orphan(source) => {
                    assert!(found.insert(source.clone(), 1).is_none(), "{source:?} is told twice");
                }
                Judged::OfOrphan => {
                    let (source, _) = key.rsplit_once('/').unwrap();
                    *found.get_mut(source).unwrap() += 1;
                }
                Judged::HasSource | Judged::Stray => {}
            }
        }
        found
    }

    /// The same, by looking each one up.
    fn expected(sources: &BTreeSet<String>, derived: &BTreeSet<String>, start: Option<&str>) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for key in derived.iter().filter(|key| start.is_none_or(|start| key.as_str() > start)) {
            let Some((source, _)) = key.rsplit_once('/').filter(|(source, _)| !source.is_empty()) else { continue };
            if !sources.contains(source) {
                *found.entry(source.to_owned()).or_default() += 1;
            }
        }
        found
    }

    fn set(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn sources_come_in_the_order_of_their_directories() {
        for (sources, expected) in [
            (set(&["a", "a-b", "a.b", "b"]), vec!["a-b", "a.b", "a", "b"]),
            (set(&["a", "a-", "a--", "a-/", "a0"]), vec!["a--", "a-", "a-/", "a", "a0"]),
            (set(&["a", "a/b", "a b", "a b!", "ab"]), vec!["a b!", "a b", "a", "a/b", "ab"]),
        ] {
            assert_eq!(reordered(&sources), expected);
        }
    }

    #[test]
    fn derived_keys_of_one_source_may_stand_apart() {
        let derived = set(&["a/1.jpg", "a/b/1.jpg", "a/b/info.json", "a/info.json", "a-b/1.jpg", "stray", "/1.jpg"]);
        for (sources, gone) in [
            (set(&[]), vec![("a", 2), ("a-b", 1), ("a/b", 2)]),
            (set(&["a"]), vec![("a-b", 1), ("a/b", 2)]),
            (set(&["a/b"]), vec![("a", 2), ("a-b", 1)]),
            (set(&["a", "a-b"]), vec![("a/b", 2)]),
            (set(&["a", "a-b", "a/b"]), vec![]),
        ] {
            let gone: BTreeMap<String, usize> = gone.into_iter().map(|(key, n)| (key.to_owned(), n)).collect();
            assert_eq!(orphans(&sources, &derived, None), gone, "{sources:?}");
        }
    }

    /// Few characters, around the slash, so that keys share beginnings again and again.
    const KEY: &str = "[ab./ !é-]{1,7}";

    proptest! {
        #[test]
        fn the_order_is_that_of_the_directories(sources in prop::collection::btree_set(KEY, 0..40)) {
            let mut wanted: Vec<String> = sources.iter().map(|key| format!("{key}/")).collect();
            wanted.sort();
            let found: Vec<String> = reordered(&sources).iter().map(|key| format!("{key}/")).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn orphans_are_what_has_no_source(
            sources in prop::collection::btree_set(KEY, 0..30),
            gone in prop::collection::btree_set(KEY, 0..30),
            segments in prop::collection::vec("[a.!-]{1,3}|", 0..4),
            start in prop::option::of(KEY),
        ) {
            let all: Vec<&String> = sources.iter().chain(&gone).collect();
            let of = |key: &&String| segments.iter().map(|segment| format!("{key}/{segment}")).collect::<Vec<_>>();
            let derived: BTreeSet<String> = all.iter().flat_map(of).collect();
            let start = start.as_deref();
            prop_assert_eq!(orphans(&sources, &derived, start), expected(&sources, &derived, start));
        }
    }
}
