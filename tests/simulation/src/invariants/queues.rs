//! Of queues: when all is quiet, nothing is left in them; and nobody feeds himself.

/// At quiescence: the work queue and its dead-letter queue are empty, so each message was acknowledged or parked.
pub fn nothing_is_left(waiting: usize, dead: usize) -> Vec<String> {
    let count = |number: usize, queue: &str| (number > 0).then(|| format!("{number} messages left in the {queue}"));
    [count(waiting, "work queue"), count(dead, "dead-letter queue")].into_iter().flatten().collect()
}

/// At every moment: whoever announces a source has been told of a removal for it, so that announcements can't feed
/// themselves. `announced`: publications; `removals`: how often its queue has handed out a removal.
pub fn announcements_are_bounded(announced: u64, removals: u64) -> Vec<String> {
    let endless = format!("{announced} announcements, after {removals} removals received");
    (announced > removals).then_some(endless).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted() {
        assert!(nothing_is_left(0, 0).is_empty());
        assert_eq!(nothing_is_left(2, 1), ["2 messages left in the work queue", "1 messages left in the dead-letter queue"]);
    }

    #[test]
    fn an_announcement_needs_a_removal() {
        assert!(announcements_are_bounded(2, 2).is_empty());
        assert_eq!(announcements_are_bounded(3, 2), ["3 announcements, after 2 removals received"]);
    }
}
