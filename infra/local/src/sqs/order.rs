//! Which of the visible messages is handed out next.
//!
//! A standard queue hands out the lowest position first. A FIFO queue hands out a group's messages in order, oldest message
//! first among the groups, and closes a group while any of its messages is in flight; one receive may take several messages
//! of a group (SQS Developer Guide, "FIFO queue delivery logic").

use std::collections::{BTreeMap, BTreeSet};

/// Positions are unique within a queue; lower goes first.
pub(super) type Position = u64;

/// The visible messages of one queue.
#[derive(Debug)]
pub(super) enum Ready {
    /// Any order would do; this one is by position.
    Standard(BTreeSet<Position>),
    /// In order within each group.
    Fifo(Groups),
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<String, Group>,
    /// The heads of the groups that may be received from.
    open: BTreeMap<Position, String>,
    /// The groups that the current receive took from; they close when it ends.
    touched: Vec<String>,
    len: usize,
}

#[derive(Debug, Default)]
struct Group {
    ready: BTreeSet<Position>,
    in_flight: usize,
}

impl Ready {
    pub(super) fn new(fifo: bool) -> Self {
        if fifo { Self::Fifo(Groups::default()) } else { Self::Standard(BTreeSet::new()) }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Standard(ready) => ready.len(),
            Self::Fifo(groups) => groups.len,
        }
    }

    /// A message became visible for the first time.
    pub(super) fn push(&mut self, position: Position, group: &str) {
        match self {
            Self::Standard(ready) => {
                ready.insert(position);
            }
            Self::Fifo(groups) => groups.change(group, true, |g| g.ready.insert(position)),
        }
    }

    /// A message that was in flight became visible again.
    pub(super) fn give_back(&mut self, position: Position, group: &str) {
        self.push(position, group);
        self.end_flight(group);
    }

    /// A message that was in flight is gone.
    pub(super) fn end_flight(&mut self, group: &str) {
        if let Self::Fifo(groups) = self {
            groups.change(group, true, |g| {
                g.in_flight = g.in_flight.saturating_sub(1);
                true
            });
        }
    }

    /// A visible message is gone.
    pub(super) fn remove(&mut self, position: Position, group: &str) {
        match self {
            Self::Standard(ready) => {
                ready.remove(&position);
            }
            Self::Fifo(groups) => groups.change(group, true, |g| g.ready.remove(&position)),
        }
    }

    /// Takes the next message; it counts as in flight. A FIFO group stays open until [`Ready::close`].
    pub(super) fn take(&mut self) -> Option<Position> {
        match self {
            Self::Standard(ready) => ready.pop_first(),
            Self::Fifo(groups) => {
                let (position, group) = groups.open.first_key_value().map(|(p, g)| (*p, g.clone()))?;
                groups.change(&group, false, |g| {
                    g.in_flight += 1;
                    g.ready.remove(&position)
                });
                if groups.touched.last() != Some(&group) {
                    groups.touched.push(group);
                }
                Some(position)
            }
        }
    }

    /// Ends one receive: groups with messages in flight close.
    pub(super) fn close(&mut self) {
        if let Self::Fifo(groups) = self {
            for group in std::mem::take(&mut groups.touched) {
                groups.change(&group, true, |_| true);
            }
        }
    }
}

impl Groups {
    /// Changes a group and keeps `open` true to it. `closes` says whether messages in flight close the group.
    fn change(&mut self, name: &str, closes: bool, change: impl FnOnce(&mut Group) -> bool) {
        let mut group = self.groups.remove(name).unwrap_or_default();
        if let Some(head) = group.ready.first() {
            self.open.remove(head);
        }
        let before = group.ready.len();
        change(&mut group);
        self.len = self.len + group.ready.len() - before;
        if let Some(head) = group.ready.first()
            && (group.in_flight == 0 || !closes)
        {
            self.open.insert(*head, name.to_owned());
        }
        if group.in_flight > 0 || !group.ready.is_empty() {
            self.groups.insert(name.to_owned(), group);
        }
    }
}
