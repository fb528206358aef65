//! An invocation whose time is not enough for all that it was given.

use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::ObjectEvent;
use brigade::storage::faulty::{Moment, Point};
use brigade::verdict::Outcome;
use brigade::worker::{Together, Worker};
use brigade_compact::Compact;
use tokio::time::timeout_at;

use crate::stage::{At, Stage, codes, handle};

const FOR_EVER: Duration = Duration::from_secs(1_000_000);
const ONE_DAY_LATER: Duration = Duration::from_secs(26 * 3600);

/// Before the `GetObject` of a log object of ten o'clock.
fn at_ten(point: &Point) -> bool {
    point.operation == "GetObject" && point.place.contains("logs/2026-11-22-10-") && point.moment == Moment::BeforeEffect
}

/// With a minute, and behind the fence of the batch loop, which drops what has not ended by itself.
async fn handle_in_time(function: &Compact, events: &[ObjectEvent]) -> Vec<Outcome> {
    let deadline = Deadline::after(Duration::from_secs(60));
    let events: Vec<_> = events.iter().collect();
    timeout_at(deadline.work_ends(), function.handle_all(&events, deadline)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_slow_shard_takes_nothing_from_those_that_are_done() {
    let stage = Stage::new();
    let mut events = Vec::new();
    for (hour, id) in (10..17).zip(["a", "b", "c", "d", "e", "f", "g"]) {
        events.push(stage.log(hour, &id.to_uppercase(), &[id]).await);
    }
    let function = stage.slow(&[], at_ten, FOR_EVER);
    let done = ["done"; 6];
    assert_eq!(codes(&handle_in_time(&function, &events).await), [&["deadline"][..], &done].concat());
    assert_eq!(stage.lines().await, ["b", "c", "d", "e", "f", "g"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_batch_takes_nothing_from_those_of_its_shard_that_are_done() {
    let stage = Stage::new();
    let mut events = [stage.log(10, "A", &["a"]).await, stage.log(10, "B", &["b"]).await];
    // Each is a batch by itself.
    events.iter_mut().for_each(|event| event.size = Some(4_000_000));
    let second = |point: &Point| at_ten(point) && point.place.ends_with("-B");
    let function = stage.slow(&[("BRIGADE_FILE_SIZE", "1MB")], second, FOR_EVER);
    assert_eq!(codes(&handle_in_time(&function, &events).await), ["done", "deadline"]);
    assert_eq!(stage.lines().await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn one_slow_window_takes_nothing_from_the_schedules_account() {
    fn of_eleven(point: &Point, place: &str) -> bool {
        let place = format!("{place}/2026-11-22-11");
        point.operation == "GetObject" && point.place.contains(&place) && point.moment == Moment::BeforeEffect
    }
    let hourly = &[("BRIGADE_FLUSH", "hour"), ("BRIGADE_RAW", "delete")];
    let requests: [At; 2] = [|point| of_eleven(point, "windows"), |point| of_eleven(point, "_open")];
    for slow in requests {
        let stage = Stage::new();
        for (hour, id) in [(10, "a"), (11, "b")] {
            let event = stage.log(hour, &id.to_uppercase(), &[id]).await;
            assert_eq!(codes(&handle(&stage.function(hourly, u64::from(hour)), &[event]).await), ["done"]);
        }
        stage.let_pass(ONE_DAY_LATER);
        let function = stage.slow(hourly, slow, FOR_EVER);
        let deadline = Deadline::after(Duration::from_secs(60));
        let outcome = timeout_at(deadline.work_ends(), function.on_schedule(deadline)).await.unwrap();
        assert_eq!(codes(std::slice::from_ref(&outcome)), ["deadline"]);
        for figure in [("lines", 1), ("forgotten", 2)] {
            assert!(outcome.figures.contains(&figure), "{outcome:?}");
        }
        assert_eq!(stage.lines().await, ["a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_batch_is_begun_in_time_that_is_too_short_for_it() {
    let stage = Stage::new();
    let events = [stage.log(10, "A", &["a"]).await, stage.log(11, "B", &["b"]).await];
    // One after the other; a minute is enough for one of them.
    let function = stage.slow(&[("BRIGADE_CONCURRENCY", "1")], at_ten, Duration::from_secs(40));
    assert_eq!(codes(&handle_in_time(&function, &events).await), ["done", "unstarted"]);
    assert_eq!(codes(&handle_in_time(&function, &events[1..]).await), ["done"], "in the first half one is always begun");
}
