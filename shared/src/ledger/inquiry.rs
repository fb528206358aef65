//! What a plan asks about changes is found out: in sealed segments, at the object, and where that could be as it is after
//! several changes, in all segments since.

use futures::{StreamExt, stream};

use super::past::{Past, Reach, Remembered};
use super::plan::{Against, FoundOut};
use super::{Change, LedgerError, Standing, States};

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

    fn stands(&self, standing: Option<Standing>) -> bool {
        self.known.as_ref().is_ok_and(|known| known.standing == standing)
    }

    /// Segments can tell only where the head has forgotten.
    fn is_of_the_past(&self) -> bool {
        matches!(self.against, Against::Nothing(_))
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

/// Finds out. `horizon` is the head's: what came after it needs no segment.
pub(super) async fn find_out(questions: &mut [Question<'_>], past: &mut Past<'_>, horizon: Option<i64>, states: &dyn States) {
    remember(questions.iter_mut().filter(|asked| asked.is_of_the_past()), past, Reach::Moment).await;
    look(questions.iter_mut().filter(|asked| asked.stands(None)), states).await;
    let Some(horizon) = horizon else { return };
    let unsure = |asked: &&mut Question<'_>| asked.is_of_the_past() && asked.stands(Some(Standing::Fits));
    remember(questions.iter_mut().filter(unsure), past, Reach::Until(horizon)).await;
}

async fn remember<'q, 'a: 'q>(of: impl Iterator<Item = &'q mut Question<'a>>, past: &mut Past<'_>, reach: Reach) {
    let of: Vec<&mut Question<'_>> = of.collect();
    let changes: Vec<&Change> = of.iter().map(|asked| asked.change).collect();
    let remembered = past.of(&changes, reach).await;
    std::iter::zip(of, remembered).for_each(|(asked, remembered)| asked.learn(remembered));
}

async fn look<'q, 'a: 'q>(of: impl Iterator<Item = &'q mut Question<'a>>, states: &dyn States) {
    let looks: Vec<_> = of
        .map(|asked| async move {
            let standing = states.standing(asked.index).await.map_err(LedgerError::Unseen);
            asked.learn(standing.map(|standing| Remembered { standing: Some(standing), token: None }));
        })
        .collect();
    stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).collect::<Vec<()>>().await;
}
