//! Of queues: when all is quiet, nothing is left in them.

/// At quiescence: the work queue and its dead-letter queue are empty, so each message was acknowledged or parked.
pub fn nothing_is_left(waiting: usize, dead: usize) -> Vec<String> {
    let count = |number: usize, queue: &str| (number > 0).then(|| format!("{number} messages left in the {queue}"));
    [count(waiting, "work queue"), count(dead, "dead-letter queue")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted() {
        assert!(nothing_is_left(0, 0).is_empty());
        assert_eq!(nothing_is_left(2, 1), ["2 messages left in the work queue", "1 messages left in the dead-letter queue"]);
    }
}
