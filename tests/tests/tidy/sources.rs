//! Rules for Rust files.

use crate::tree::{File, files, none};

/// A file that is longer holds more than one idea.
const MAX_LINES: usize = 500;
/// rustfmt holds code to it, but leaves comments alone.
const MAX_COMMENT_LINE: usize = 128;
/// This test spells out what it looks for.
const THIS: &str = "tests/tests/tidy/";

/// Something that only a few places may name.
struct Door {
    spelling: &'static str,
    /// Beginnings of paths.
    places: &'static [&'static str],
    instead: &'static str,
}

const SDK: &[&str] = &[
    "shared/src/aws",
    "shared/src/storage/s3/",
    "shared/src/worker/queue/sqs.rs",
    "shared/src/worker/topic/sns.rs",
    "infra/wire/src/aws/",
];
const SDK_INSTEAD: &str = "only the adapters know the SDK: ask a `Store`, a `Queue` or a `Topic`";
const WALL_CLOCKS: &[&str] = &[
    "shared/src/worker/shell.rs",
    "shared/src/storage/embedded/mod.rs",
    "infra/local/src/clock.rs",
    // What a client of the real protocol sees: a deadline and a trace header, both compared with the client's own clock.
    "infra/local/src/lambda/sandbox.rs",
    "infra/local/src/lambda/invocation.rs",
    // The answer to a part that was copied; nothing is decided by it.
    "infra/local/src/s3/copy.rs",
];
const CLOCK_INSTEAD: &str = "take the time as an argument, or from the cloud's `Clock`, so that a test can set it";

const DOORS: &[Door] = &[
    Door { spelling: "aws_sdk_", places: SDK, instead: SDK_INSTEAD },
    Door { spelling: "aws_config", places: SDK, instead: SDK_INSTEAD },
    Door { spelling: "aws_smithy", places: SDK, instead: SDK_INSTEAD },
    Door {
        spelling: "lambda_runtime",
        places: &["shared/src/worker/shell.rs"],
        instead: "only the shell knows the Lambda runtime: implement `Worker`, and let `serve` run it",
    },
    Door {
        spelling: "env::var",
        // Cargo tells the commands that it runs where it is itself.
        places: &[
            "shared/src/config/reader.rs",
            "shared/src/aws/",
            "infra/local/src/lambda/process.rs",
            "infra/cli/src/binary.rs",
        ],
        instead: "declare a `Variable` and read it from `config::Environment`, which `main` passes on",
    },
    Door { spelling: "now_utc", places: WALL_CLOCKS, instead: CLOCK_INSTEAD },
    Door { spelling: "SystemTime::now", places: WALL_CLOCKS, instead: CLOCK_INSTEAD },
    Door {
        spelling: "Rng::new()",
        // Request ids must differ from those of the process's former lives.
        places: &["infra/local/src/query.rs"],
        instead: "take the seed as an argument (`Rng::with_seed`), so that a run can be repeated",
    },
];

/// Nowhere, tests included.
const BANNED: &[(&str, &str)] = &[
    ("#[allow(", "write #[expect(lint, reason = \"…\")], which tells when it is not needed any more"),
    ("#![allow(", "write #![expect(lint, reason = \"…\")], which tells when it is not needed any more"),
    ("todo!(", "finish it, or leave it out and say so in the documentation"),
    ("unimplemented!(", "finish it, or leave it out and say so in the documentation"),
    ("dbg!(", "remove it"),
    ("should_panic", "return an error and assert that; or assert on `catch_unwind`, which tells which line panicked"),
];

const VAGUE_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];

fn rust_files() -> Vec<File> {
    files(&[".rs"]).into_iter().filter(|file| !file.path.starts_with(THIS)).collect()
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/examples/")
        || path.contains("/fuzz/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path == "shared/src/aws/scripted.rs"
}

/// The lines that are deployed, numbered from 1: without comments, and without the tests at the file's end.
fn deployed(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let tests = file.text.find("#[cfg(test)]\nmod tests {").unwrap_or(file.text.len());
    let lines = file.text.get(..tests).unwrap_or_default().lines().zip(1..);
    lines.map(|(line, number)| (number, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn every_module_says_what_it_is() {
    let silent = rust_files().into_iter().filter(|file| !file.text.starts_with("//! "));
    none(silent.map(|file| format!("{}: open it with `//! ` and what the module is for", file.path)).collect())
}

#[test]
fn names_say_something() {
    let mut problems = Vec::new();
    for file in rust_files() {
        for part in file.path.trim_end_matches(".rs").split('/').filter(|part| VAGUE_NAMES.contains(part)) {
            problems.push(format!("{}: {part:?} fits anything; name it after what it holds", file.path));
        }
    }
    none(problems)
}

#[test]
fn files_are_small() {
    let long = rust_files().into_iter().filter(|file| file.text.lines().count() > MAX_LINES);
    let problem = |file: File| {
        let lines = file.text.lines().count();
        format!("{}: {lines} lines, at most {MAX_LINES}; move one of its ideas into a file of its own", file.path)
    };
    none(long.map(problem).collect())
}

#[test]
fn comments_fit_the_line() {
    let mut problems = Vec::new();
    for file in rust_files() {
        for (line, number) in file.text.lines().zip(1..) {
            let long = line.trim_start().starts_with("//") && line.chars().count() > MAX_COMMENT_LINE;
            if long {
                problems.push(format!("{}:{number}: break the comment at {MAX_COMMENT_LINE} characters", file.path));
            }
        }
    }
    none(problems)
}

#[test]
fn what_has_a_door_comes_through_it() {
    let mut problems = Vec::new();
    for file in rust_files().iter().filter(|file| !is_test(&file.path)) {
        for door in DOORS.iter().filter(|door| !door.places.iter().any(|place| file.path.starts_with(place))) {
            for (number, _) in deployed(file).filter(|(_, line)| line.contains(door.spelling)) {
                problems.push(format!("{}:{number}: {}: {}", file.path, door.spelling, door.instead));
            }
        }
    }
    none(problems)
}

#[test]
fn every_door_is_used() {
    let files = rust_files();
    let unused = |door: &Door, place: &str| {
        let mut inside = files.iter().filter(|file| file.path.starts_with(place));
        !inside.any(|file| deployed(file).any(|(_, line)| line.contains(door.spelling)))
    };
    // Three spellings of one door (the SDK) and two of another (the clock) share their places.
    let stale = |place: &str| DOORS.iter().filter(|door| door.places.contains(&place)).all(|door| unused(door, place));
    let places: std::collections::BTreeSet<&str> = DOORS.iter().flat_map(|door| door.places.iter().copied()).collect();
    let stale = places.into_iter().filter(|place| stale(place));
    none(stale.map(|place| format!("{place}: needs no exception any more; remove it from this test")).collect())
}

#[test]
fn nothing_is_silenced_or_left_open() {
    let mut problems = Vec::new();
    for file in rust_files() {
        for (line, number) in file.text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            let found = BANNED.iter().filter(|(spelling, _)| line.contains(spelling));
            problems.extend(found.map(|(spelling, instead)| format!("{}:{number}: {spelling}: {instead}", file.path)));
        }
    }
    none(problems)
}
