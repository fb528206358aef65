//! What a plan asks about changes is found out: in sealed segments, at the object, and where that could be as it is after
//! several changes, in all segments since.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::head::Forgotten;
use super::past::{Past, Remembered};
use super::plan::{Against, FoundOut};
use super::{Change, Head, LedgerError, Standing, States};

/// Looks at objects at once, in one shard.
const LOOKS_AT_ONCE: usize = 16;

/// What is asked about one change.
pub(super) struct Question<'a> {
    /// Its place in the plan.
    pub(super) position: usize,
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) change: &'a Change,
    pub(super) against: Against,
    known: Result<Remembered, LedgerError>,
}

impl<'a> Question<'a> {
    pub(super) fn new(position: usize, index: usize, change: &'a Change, against: Against) -> Self {
        Self { position, index, change, against, known: Ok(Remembered::default()) }
    }

    /// The answer, when all has been asked. An error is that of the single change.
    pub(super) fn answer(self) -> Result<FoundOut, LedgerError> {
        let known = self.known?;
        Ok(FoundOut { standing: known.standing.unwrap_or(Standing::Fits), against: self.against, token: known.token })
    }

    /// Where it stands is not known yet, and can be.
    fn is_open(&self) -> bool {
        self.known.as_ref().is_ok_and(|known| known.standing.is_none())
    }

    fn standing(&self) -> Option<Standing> {
        self.known.as_ref().ok()?.standing
    }

    /// What the head had forgotten, and S3's date, where nothing lay there: there alone segments can tell.
    fn nothing_lay_there(&self) -> Option<(Forgotten, i64)> {
        match self.against {
            Against::Nothing { forgotten, at } => Some((forgotten, at)),
            Against::Mark(_) => None,
        }
    }

    fn learn(&mut self, remembered: Result<Remembered, LedgerError>) {
        self.known = match (&self.known, remembered) {
            (Ok(known), Ok(more)) => {
                Ok(Remembered { standing: more.standing.or(known.standing), token: more.token.or(known.token) })
            }
            (Err(error), _) => Err(error.clone()),
            (Ok(_), Err(error)) => Err(error),
        };
    }
}

/// What a look, or a segment, has told about a change of which the head has no mark.
#[derive(Clone, Copy, Debug)]
struct Look {
    standing: Standing,
    /// What the head had forgotten before it.
    forgotten: Forgotten,
    /// S3's date before it, in milliseconds since 1970.
    at: i64,
}

/// What one claim of a shard has found out so far.
pub(super) struct Inquiry<'a> {
    past: Past<'a>,
    /// What the head had forgotten when segments were listed.
    forgotten: Forgotten,
    /// By place in the plan. Such an object is looked at once: what has passed the change since can only be in segments.
    looks: BTreeMap<usize, Look>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(past: Past<'a>) -> Self {
        Self { past, forgotten: Forgotten::default(), looks: BTreeMap::new() }
    }

    /// Finds out what `head` does not tell.
    pub(super) async fn find_out(&mut self, questions: &mut [Question<'_>], head: &Head, states: &dyn States) {
        if self.forgotten != head.forgotten() {
            // What it has forgotten since lies in segments that were not there.
            self.past.list_again();
            self.forgotten = head.forgotten();
        }
        let past: Vec<_> = questions.iter_mut().filter(|asked| asked.nothing_lay_there().is_some()).collect();
        let changes: Vec<&Change> = past.iter().map(|asked| asked.change).collect();
        let remembered = self.past.at(&changes).await;
        std::iter::zip(past, remembered).for_each(|(asked, remembered)| asked.learn(remembered));
        look(questions.iter_mut().filter(|asked| self.is_to_be_looked_at(asked)).collect(), states).await;
        for asked in questions.iter_mut() {
            self.note(asked);
        }
        // Without a horizon nothing was forgotten; what came after it is in the head.
        let Some(horizon) = head.horizon else { return };
        let sought = questions.iter_mut().filter_map(|asked| Some((self.follow_up_from(asked)?, asked)));
        let (since, sought): (Vec<i64>, Vec<&mut Question<'_>>) = sought.unzip();
        let changes: Vec<(&Change, i64)> = std::iter::zip(&sought, since).map(|(asked, since)| (asked.change, since)).collect();
        let remembered = self.past.since(&changes, horizon).await;
        std::iter::zip(sought, remembered).for_each(|(asked, remembered)| asked.learn(remembered));
    }

    fn is_to_be_looked_at(&self, asked: &Question<'_>) -> bool {
        let is_kept = asked.nothing_lay_there().is_some() && self.looks.contains_key(&asked.position);
        asked.is_open() && !is_kept
    }

    /// Keeps what a look has told, or tells it again.
    fn note(&mut self, asked: &mut Question<'_>) {
        let Some((forgotten, at)) = asked.nothing_lay_there() else { return };
        match (asked.standing(), self.looks.get(&asked.position)) {
            (None, Some(look)) if asked.is_open() => {
                asked.learn(Ok(Remembered::of(look.standing)));
                // It is as old as the look.
                asked.against = Against::Nothing { forgotten, at: look.at };
            }
            (Some(standing), None) => drop(self.looks.insert(asked.position, Look { standing, forgotten, at })),
            _ => {}
        }
    }

    /// From when on a look must be followed up.
    fn follow_up_from(&self, asked: &Question<'_>) -> Option<i64> {
        let ((forgotten, _), look) = (asked.nothing_lay_there()?, self.looks.get(&asked.position)?);
        match asked.standing()? {
            Standing::Fits => asked.change.time,
            // Only what was made after the look can have passed it.
            Standing::Current if look.forgotten != forgotten => Some(look.at),
            _ => None,
        }
    }
}

async fn look(of: Vec<&mut Question<'_>>, states: &dyn States) {
    let looks: Vec<_> = of
        .into_iter()
        .map(|asked| async move {
            let standing = states.standing(asked.index).await.map_err(LedgerError::Unseen);
            asked.learn(standing.map(Remembered::of));
        })
        .collect();
    stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).collect::<Vec<()>>().await;
}
