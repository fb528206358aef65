//! Which changes of a batch are claimed, and what becomes of the others with them. Pure.

use std::collections::BTreeMap;

use brigade::ledger::{Change, Id, Relation};

/// What becomes of one change of a batch. Numbers are places among the leaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the newest of its key, and goes to the ledger.
    Leads(usize),
    /// It is the same change as that one, delivered again.
    Same(usize),
    /// It is older than that one, and goes as soon as that one's claim stands.
    Overtaken(usize),
    /// It can't be compared with that one: it comes back when that one is settled.
    Later,
}

/// A batch, arranged by keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arranged {
    /// One change for each key: its place in the batch.
    pub(crate) leaders: Vec<usize>,
    /// For each change of the batch.
    pub(crate) places: Vec<Place>,
}

/// Arranges a batch.
pub(crate) fn arrange(changes: &[Change]) -> Arranged {
    let mut newest: BTreeMap<Id, usize> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let leader = newest.entry(change.key).or_insert(index);
        if changes.get(*leader).is_some_and(|leader| change.relation_to(leader) == Relation::Newer) {
            *leader = index;
        }
    }
    // In the order of arrival, so that who is served first depends on no digest.
    let mut leaders: Vec<usize> = newest.values().copied().collect();
    leaders.sort_unstable();
    let place_of: BTreeMap<usize, usize> = leaders.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    let place = |(index, change): (usize, &Change)| {
        let leader = newest.get(&change.key).copied().unwrap_or(index);
        let place = place_of.get(&leader).copied().unwrap_or_default();
        match changes.get(leader).map(|leader| change.relation_to(leader)) {
            _ if leader == index => Place::Leads(place),
            Some(Relation::Same) => Place::Same(place),
            Some(Relation::Older) => Place::Overtaken(place),
            _ => Place::Later,
        }
    };
    let places = changes.iter().enumerate().map(place).collect();
    Arranged { leaders, places }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade::event::Sequencer;
    use brigade::ledger::{Digest, Order};

    fn change(key: &str, sequencer: &str) -> Change {
        let (object, identity) = (Digest::of(&[key]), Digest::of(&[key, sequencer]));
        let order = Order::of_sequencer(Sequencer::new(sequencer).as_ref());
        Change { object, identity, key: object.id(), id: identity.id(), order, time: None, of_content: true }
    }

    #[test]
    fn the_newest_of_each_key_leads() {
        use Place::*;
        type Row = (&'static str, Vec<Change>, Vec<usize>, Vec<Place>);
        let rows: [Row; 6] = [
            ("nothing", vec![], vec![], vec![]),
            ("two keys", vec![change("b", "1"), change("a", "1")], vec![0, 1], vec![Leads(0), Leads(1)]),
            ("delivered twice", vec![change("a", "1"), change("a", "1")], vec![0], vec![Leads(0), Same(0)]),
            (
                "in any order",
                vec![change("a", "2"), change("a", "3"), change("a", "1"), change("a", "2")],
                vec![1],
                vec![Overtaken(0), Leads(0), Overtaken(0), Overtaken(0)],
            ),
            ("not to be compared", vec![change("a", "1"), change("a", "02")], vec![0], vec![Leads(0), Later]),
            (
                "one of three can't be compared",
                vec![change("a", "1"), change("a", "02"), change("a", "3")],
                vec![2],
                vec![Overtaken(0), Later, Leads(0)],
            ),
        ];
        for (situation, changes, leaders, places) in rows {
            assert_eq!(arrange(&changes), Arranged { leaders, places }, "{situation}");
        }
    }
}
