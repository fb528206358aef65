//! What a plan asks about changes is found out: in sealed segments, at the object, and where that could be as it is after
//! several changes, in all segments since.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::past::{Past, Reach, Remembered};
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

    /// Where it stands, as far as that is known and can be.
    fn standing(&self) -> Option<Option<Standing>> {
        self.known.as_ref().ok().map(|known| known.standing)
    }

    /// The head's seals and date, where it has forgotten: there alone segments can tell.
    fn nothing_lay_there(&self) -> Option<(u64, i64)> {
        match self.against {
            Against::Nothing { seals, at } => Some((seals, at)),
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

/// What a look has told.
#[derive(Clone, Copy, Debug)]
struct Look {
    standing: Standing,
    /// How often the head had sealed marks before it.
    seals: u64,
    /// S3's date before it, in milliseconds since 1970.
    at: i64,
}

/// What one claim of a shard has found out so far.
pub(super) struct Inquiry<'a> {
    past: Past<'a>,
    /// How often the head had sealed marks when the segments were listed.
    seals: u64,
    /// By place in the plan. An object is looked at once: what has passed the change since can only be in segments.
    looks: BTreeMap<usize, Look>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(past: Past<'a>) -> Self {
        Self { past, seals: 0, looks: BTreeMap::new() }
    }

    /// Finds out what `head` does not tell.
    pub(super) async fn find_out(&mut self, questions: &mut [Question<'_>], head: &Head, states: &dyn States) {
        if self.seals != head.seals {
            // What it has forgotten since lies in segments that were not there.
            self.past.list_again();
            self.seals = head.seals;
        }
        self.remember(questions, |asked, _| asked.nothing_lay_there().map(|_| Reach::Moment)).await;
        let unknown = |asked: &&mut Question<'_>| asked.standing() == Some(None) && !self.looks.contains_key(&asked.position);
        look(questions.iter_mut().filter(unknown).collect(), states).await;
        for asked in questions.iter_mut() {
            self.note(asked);
        }
        // Without a horizon nothing was forgotten; what came after it is in the head.
        let Some(horizon) = head.horizon else { return };
        self.remember(questions, |asked, looks| reach(asked, looks.get(&asked.position)?, horizon)).await;
    }

    async fn remember(
        &mut self,
        questions: &mut [Question<'_>],
        reach: impl Fn(&Question<'_>, &BTreeMap<usize, Look>) -> Option<Reach>,
    ) {
        let sought = questions.iter_mut().filter_map(|asked| Some((reach(asked, &self.looks)?, asked)));
        let (reaches, sought): (Vec<Reach>, Vec<&mut Question<'_>>) = sought.unzip();
        let changes: Vec<(&Change, Reach)> = std::iter::zip(&sought, reaches).map(|(asked, r)| (asked.change, r)).collect();
        let remembered = self.past.of(&changes).await;
        std::iter::zip(sought, remembered).for_each(|(asked, remembered)| asked.learn(remembered));
    }

    /// Keeps what a look has told, or tells it again.
    fn note(&mut self, asked: &mut Question<'_>) {
        let Some((seals, at)) = asked.nothing_lay_there() else { return };
        match (asked.standing(), self.looks.get(&asked.position)) {
            (Some(None), Some(look)) => asked.learn(Ok(Remembered::of(look.standing))),
            (Some(Some(standing)), None) => drop(self.looks.insert(asked.position, Look { standing, seals, at })),
            _ => {}
        }
    }
}

/// How far a look must be followed up.
fn reach(asked: &Question<'_>, look: &Look, horizon: i64) -> Option<Reach> {
    let (seals, _) = asked.nothing_lay_there()?;
    match asked.standing()?? {
        Standing::Fits => Some(Reach::Since(i64::MIN, horizon)),
        // Only what was made after the look can have passed it.
        Standing::Current if look.seals != seals => Some(Reach::Since(look.at, horizon)),
        _ => None,
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
