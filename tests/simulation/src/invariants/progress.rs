//! Of derived objects, at every moment: never a step back, never a removal of what is new.
//!
//! These are what the conditions on writes and removals are for. When all is quiet, nothing shows of them: a worker's next look
//! would have repaired whatever a write without a condition had broken.

use std::collections::BTreeMap;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::Location;

/// What must hold at every change of a source or of a derived object. Contents are told apart by what `f` makes of them.
///
/// A content that comes back (A, B, A) may be replaced by the B between for a moment, and its output removed, because no
/// condition can tell the two As apart. So it is wrong only
///
/// - where an output is replaced, if every occurrence of the new output's content in the source's history is older than
///   every occurrence of the old output's;
/// - where an output is removed, if the source has had its content ever since before this content was made into an output
///   here for the first time: whoever removes it can't have seen the output and, later, its source gone.
#[derive(Debug, Default)]
pub struct Progress {
    moment: u64,
    sources: BTreeMap<(BucketName, ObjectKey), History>,
    /// Of each derived object that is there: the content it was made from.
    derived: BTreeMap<Location, usize>,
    /// When a content was first made into an output here.
    first: BTreeMap<(Location, usize), u64>,
}

#[derive(Debug, Default)]
struct History {
    /// Contents so far, oldest first.
    contents: Vec<usize>,
    /// The present one, and since when.
    now: Option<(usize, u64)>,
}

impl Progress {
    /// The source has this content now; `None`: it is gone.
    pub fn source_is(&mut self, source: &Location, content: Option<usize>) {
        self.moment += 1;
        let history = self.sources.entry((source.bucket.clone(), source.key.clone())).or_default();
        history.contents.extend(content);
        if history.now.map(|(now, _)| now) != content {
            history.now = content.map(|content| (content, self.moment));
        }
    }

    /// The derived object is gone. Answers the mistake, if it is one. It is none where another configuration has no such
    /// output: then call [`Progress::derived_is_dropped`].
    pub fn derived_is_gone(&mut self, at: &Location, source: &Location) -> Option<String> {
        let content = self.derived.remove(at)?;
        let (now, since) = self.sources.get(&(source.bucket.clone(), source.key.clone()))?.now?;
        let first = *self.first.get(&(at.clone(), content))?;
        let mistake = || format!("{at}: an output of the source's present content was removed, and nobody can have meant it");
        (now == content && since < first).then(mistake)
    }

    /// The derived object is gone, rightly or not.
    pub fn derived_is_dropped(&mut self, at: &Location) {
        self.derived.remove(at);
    }

    /// The derived object was written, from this content of `source`. Answers the step back, if it is one.
    pub fn derived_is(&mut self, at: &Location, source: &Location, content: usize) -> Option<String> {
        self.moment += 1;
        self.first.entry((at.clone(), content)).or_insert(self.moment);
        let before = self.derived.insert(at.clone(), content)?;
        let history = &self.sources.get(&(source.bucket.clone(), source.key.clone()))?.contents;
        let last_of_new = history.iter().rposition(|c| *c == content);
        let first_of_old = history.iter().position(|c| *c == before)?;
        match last_of_new {
            Some(last) if last >= first_of_old => None,
            Some(last) => Some(format!("{at}: an output of change {first_of_old} was replaced by one of change {last}")),
            None => Some(format!("{at}: made from a content that {source} never had")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(key: &str) -> Location {
        Location::new(BucketName::new("photos"), ObjectKey::new(key).unwrap())
    }

    #[test]
    fn a_regress_is_a_step_to_an_older_content() {
        // The source's history, what stood, what replaced it, whether that is a regress.
        let rows: [(&[usize], usize, usize, bool); 5] = [
            (&[0, 1], 0, 1, false),
            (&[0, 1], 1, 0, true),
            (&[0, 1, 0], 0, 1, false),
            (&[0, 1, 2], 2, 1, true),
            (&[0, 1], 1, 1, false),
        ];
        for (history, stood, replaced_by, regress) in rows {
            let mut check = Progress::default();
            history.iter().for_each(|content| check.source_is(&at("k"), Some(*content)));
            assert_eq!(check.derived_is(&at("out"), &at("k"), stood), None);
            assert_eq!(check.derived_is(&at("out"), &at("k"), replaced_by).is_some(), regress, "{history:?}");
        }
    }

    #[test]
    fn a_removal_needs_a_moment_without_the_source() {
        let (k, out) = (at("k"), at("out"));
        let mut check = Progress::default();
        check.source_is(&k, Some(0));
        check.derived_is(&out, &k, 0);
        assert!(check.derived_is_gone(&out, &k).is_some());
        check.derived_is(&out, &k, 0);
        check.source_is(&k, None);
        assert_eq!(check.derived_is_gone(&out, &k), None);
        // The same bytes again: no condition can tell the new output from the old one.
        check.source_is(&k, Some(0));
        check.derived_is(&out, &k, 0);
        assert_eq!(check.derived_is_gone(&out, &k), None);
        // Other bytes can be told.
        check.source_is(&k, Some(1));
        check.derived_is(&out, &k, 1);
        assert!(check.derived_is_gone(&out, &k).is_some());
    }
}
