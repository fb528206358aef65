//! What becomes of one change, by what lies in the ledger for its key. This is the whole protocol; the rest carries it out.

/// What lies there for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lies {
    /// Nothing, and the head reaches back far enough to say so.
    Nothing,
    /// Nothing, but the change is older than what the head holds.
    Forgotten,
    /// A claim that was completed.
    Done,
    /// An open claim with this owner's nonce: its own, whose reply was lost.
    Mine,
    /// Another's open claim whose lease runs.
    Held,
    /// An open claim whose lease has run out, or that was given back.
    Left,
}

/// Where a change stands to the one that lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// It is that one.
    Same,
    /// It came after it.
    Newer,
    /// It came before it.
    Older,
    /// The two values don't tell.
    Unknown,
}

/// What was found out about a change elsewhere: in a sealed segment, or by a look at the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The object is as this change left it, and nothing has changed it since.
    Current,
    /// The object is as this change would have left it. Others may have come since, and gone again.
    Fits,
    /// A newer change has passed it.
    Overtaken,
    /// It was forwarded.
    Forwarded,
}

/// What becomes of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Claim it, with a new number.
    Claim,
    /// Claim it with the number that it has: it may have been forwarded under it.
    TakeOver,
    /// It is claimed by this owner already.
    Hold,
    /// It was forwarded: nothing to do.
    Duplicate,
    /// A newer change was claimed: nothing to do, ever.
    Superseded,
    /// Another holds the key: come back when the lease has run out.
    Wait,
    /// Find out its [`Standing`] first.
    Ask,
}

/// The table.
///
/// | lies there | same | newer | older | order unknown |
/// |---|---|---|---|---|
/// | nothing | claim | claim | claim | claim |
/// | forgotten | *ask* | *ask* | *ask* | *ask* |
/// | done | duplicate | claim | superseded | *ask* |
/// | mine | hold | wait | superseded | wait |
/// | held | wait | wait | superseded | wait |
/// | left | take over | claim | superseded | *ask* |
///
/// *ask*, answered: current → claim; fits, and no segment knows better → claim; overtaken → superseded; forwarded →
/// duplicate.
///
/// The column "older" is what keeps the order: the claim itself raised the mark, and no older change gets past it, not even
/// where the newer one's holder has died. The rows "mine" and "held" are what keeps two holders apart.
pub fn decide(lies: Lies, relation: Relation, found_out: Option<Standing>) -> Decision {
    match (lies, relation) {
        (Lies::Nothing, _) => Decision::Claim,
        (Lies::Forgotten, _) | (Lies::Done | Lies::Left, Relation::Unknown) => match found_out {
            None => Decision::Ask,
            Some(Standing::Current | Standing::Fits) => Decision::Claim,
            Some(Standing::Overtaken) => Decision::Superseded,
            Some(Standing::Forwarded) => Decision::Duplicate,
        },
        (_, Relation::Older) => Decision::Superseded,
        (Lies::Done, Relation::Same) => Decision::Duplicate,
        (Lies::Mine, Relation::Same) => Decision::Hold,
        (Lies::Mine | Lies::Held, _) => Decision::Wait,
        (Lies::Left, Relation::Same) => Decision::TakeOver,
        (Lies::Done | Lies::Left, Relation::Newer) => Decision::Claim,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_is_documented() {
        use Decision::*;
        let columns = [Relation::Same, Relation::Newer, Relation::Older, Relation::Unknown];
        let rows = [
            (Lies::Nothing, [Claim, Claim, Claim, Claim]),
            (Lies::Forgotten, [Ask, Ask, Ask, Ask]),
            (Lies::Done, [Duplicate, Claim, Superseded, Ask]),
            (Lies::Mine, [Hold, Wait, Superseded, Wait]),
            (Lies::Held, [Wait, Wait, Superseded, Wait]),
            (Lies::Left, [TakeOver, Claim, Superseded, Ask]),
        ];
        let answers = [
            (Standing::Current, Claim),
            (Standing::Fits, Claim),
            (Standing::Overtaken, Superseded),
            (Standing::Forwarded, Duplicate),
        ];
        for (lies, row) in rows {
            for (relation, expected) in columns.into_iter().zip(row) {
                assert_eq!(decide(lies, relation, None), expected, "{lies:?} {relation:?}");
                for (standing, answered) in answers {
                    let expected = if expected == Ask { answered } else { expected };
                    assert_eq!(decide(lies, relation, Some(standing)), expected, "{lies:?} {relation:?} {standing:?}");
                }
            }
        }
    }
}
