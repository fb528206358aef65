//! `brigade logs compact` as cron runs it: again, over more, at once, killed. Each line is in the table once.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Get, List, Location, PutOptions, Store, paging};
use brigade_compact::invariants;
use brigade_local::LocalCloud;
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::Value;

/// How often each line is in a table.
type Lines = BTreeMap<String, usize>;

/// A folder of logs and a table.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// With so many logs of three lines each.
    fn with(logs: std::ops::Range<usize>) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.folder.path().join("day")).unwrap();
        world.add(logs);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&self, logs: std::ops::Range<usize>) {
        for n in logs {
            std::fs::write(self.path(&format!("day/{n:03}.log")), text(n)).unwrap();
        }
    }

    /// Of the command, in the world's folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.env_clear().current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["logs", "compact", "--json"]).args(arguments);
        command
    }

    /// The summary.
    fn compact(&self, arguments: &[&str]) -> Value {
        summary(&self.command(arguments).output().unwrap())
    }

    /// What it says on standard error; nothing is refused but with this code.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    }

    /// Begins in a cloud.
    fn start_in(&self, cloud: &LocalCloud, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.env("AWS_ENDPOINT_URL", cloud.endpoint()).env("AWS_REGION", brigade_local::REGION);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").spawn().unwrap()
    }

    /// What a glob over the table sees.
    fn lines(&self, table: &str) -> Lines {
        let mut lines = Lines::new();
        for part in self.parts(table) {
            for line in invariants::lines_of(std::fs::read(part).unwrap().into()).unwrap() {
                *lines.entry(line).or_default() += 1;
            }
        }
        lines
    }

    fn parts(&self, table: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        below(&self.path(table), &mut found);
        found.retain(|path| path.extension().is_some_and(|ext| ext == "parquet"));
        found.sort();
        found
    }
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A log object.
async fn put(cloud: &LocalCloud, key: &str, text: String, storage_class: Option<&str>) {
    let at = Location::new(BucketName::new("logs"), ObjectKey::new(key).unwrap());
    let options = PutOptions { storage_class: storage_class.map(str::to_owned), ..PutOptions::default() };
    cloud.store().put(&at, text.into(), options).await.unwrap();
}

/// A log of three lines, of two days.
fn text(log: usize) -> String {
    let line = |line: usize| {
        format!(
            "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be photos [{day:02}/Nov/2026:23:59:00 +0000] \
             192.0.2.3 arn:aws:iam::000000000000:user/u {id} REST.GET.OBJECT a.jpg \"GET /photos/a.jpg HTTP/1.1\" 200 - 113 \
             113 7 6 \"-\" \"an agent\" - aGlkaGlkaGlk SigV4 - AuthHeader photos.s3.us-east-1.amazonaws.com - - - -\n",
            day = 20 + line % 2,
            id = id(log, line),
        )
    };
    (0..3).map(line).collect()
}

fn id(log: usize, line: usize) -> String {
    format!("{log:08X}{line:08X}")
}

/// Each line of so many logs, once.
fn once(logs: usize) -> Lines {
    (0..logs).flat_map(|log| (0..3).map(move |line| (id(log, line), 1))).collect()
}

#[test]
fn a_run_over_more_logs_adds_what_is_new() {
    let world = World::with(0..3);
    assert_eq!(world.compact(&["day/", "--out", "table"])["inputs"], 3);
    let parts = world.parts("table");
    let again = world.compact(&["day/", "--out", "table"]);
    assert_eq!((&again["inputs"], &again["inputs_before"], &again["bytes"]), (&0.into(), &3.into(), &0.into()), "{again}");
    assert_eq!(world.parts("table"), parts, "twice is as once");

    world.add(3..5);
    let more = world.compact(&["day/", "--out", "table"]);
    assert_eq!((&more["inputs"], &more["inputs_before"]), (&2.into(), &3.into()), "{more}");
    assert_eq!(world.lines("table"), once(5));

    // A log that is named otherwise is the same one.
    let absolute = world.path("day/001.log");
    let named = world.compact(&[absolute.to_str().unwrap(), "day/../day/*.log", "--out", "./table/"]);
    assert_eq!(named["inputs"], 0, "{named}");
    assert_eq!(world.lines("table"), once(5));
}

#[test]
fn a_table_within_what_is_read_is_no_log() {
    let world = World::with(0..3);
    std::fs::write(world.path("day/bad.log"), "no record\n").unwrap();
    for rejects in [1, 0, 0] {
        let summary = world.compact(&["day", "--out", "day/t"]);
        assert_eq!(summary["rejects"], rejects, "{summary}");
        assert_eq!(world.lines("day/t"), once(3));
    }
}

#[test]
fn columns_may_begin_with_what_is_left_out() {
    let world = World::with(0..1);
    let summary = world.compact(&["day", "--out", "t", "--columns", "-hostid,#remoteip"]);
    assert_eq!(summary["lines"], 3, "{summary}");
}

#[test]
fn other_options_do_not_make_a_log_new() {
    let world = World::with(0..2);
    world.compact(&["day/", "--out", "table"]);
    world.add(2..3);
    assert_eq!(world.compact(&["day/", "--out", "table", "--partition", "hour"])["inputs"], 1);
    assert_eq!(world.lines("table"), once(3));
}

#[test]
fn runs_at_once_over_logs_that_overlap_put_each_line_in_once() {
    let world = World::with(0..300);
    for round in 0..4 {
        let table = format!("table{round}");
        let some: [&[&str]; 4] = [&["day/"], &["day/0*", "day/1*"], &["day/*1.log", "day/2*"], &["day/"]];
        let start = |inputs: &&[&str]| world.command(&[inputs, ["--out", &table].as_slice()].concat()).spawn().unwrap();
        let runs: Vec<Child> = some.iter().map(start).collect();
        for run in runs {
            summary(&run.wait_with_output().unwrap());
        }
        assert_eq!(world.lines(&table), once(300), "{table}");
    }
}

#[test]
fn what_a_killed_run_began_is_finished_by_the_next() {
    let world = World::with(0..20);
    let mut kills = 0;
    for round in 1..=30 {
        world.add(round * 20..(round + 1) * 20);
        let mut run = world.command(&["day/", "--out", "table"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(u64::try_from(round).unwrap() % 10 * 4));
        kills += usize::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
        assert!(world.lines("table").values().all(|times| *times == 1));
    }
    world.compact(&["day/", "--out", "table"]);
    assert_eq!(world.lines("table"), once(620));
    assert!(kills > 0, "no run was killed");
}

#[test]
fn a_batch_without_its_mark_is_written_again_under_its_names() {
    let world = World::with(0..3);
    world.compact(&["day/", "--out", "table"]);
    let (parts, lost) = (world.parts("table"), world.path("table_batches/00000001.done.json"));
    let bytes = std::fs::read(&parts[0]).unwrap();
    std::fs::remove_file(&lost).unwrap();
    std::fs::remove_file(&parts[0]).unwrap();
    world.add(3..4);

    let said = world.refused(&["day/", "--out", "table", "--partition", "hour"], 1);
    assert!(said.contains("table_batches/00000001.json") && said.contains("other options"), "{said}");
    // One log of it is enough to find it.
    let finished = world.compact(&["day/001.log", "--out", "table"]);
    assert_eq!((&finished["parts"], &finished["existing"]), (&1.into(), &1.into()), "{finished}");
    assert_eq!(std::fs::read(&parts[0]).unwrap(), bytes);
    assert!(lost.exists());
    assert_eq!(world.lines("table"), once(4));
}

#[test]
fn a_log_that_has_changed_is_refused_and_keeps_no_other_one() {
    let world = World::with(0..3);
    world.compact(&["day/", "--out", "table"]);
    std::fs::write(world.path("day/001.log"), text(1) + &text(9)).unwrap();
    world.add(3..4);
    let said = world.refused(&["day/", "--out", "table"], 1);
    assert!(said.contains("day/001.log") && said.contains("00000001.json"), "{said}");
    assert_eq!(world.lines("table"), once(4));
}

#[test]
fn a_log_that_cannot_be_read_keeps_no_other_one() {
    let world = World::with(0..3);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text(3).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(world.path("day/003.log"), &packed[..packed.len() / 2]).unwrap();
    for _ in 0..2 {
        let said = world.refused(&["day/", "--out", "table"], 3);
        assert!(said.contains("day/003.log: ") && said.contains("read: 1 of the logs"), "{said}");
        assert_eq!(world.lines("table"), once(3));
    }
    // The rest of it has arrived.
    std::fs::write(world.path("day/003.log"), packed).unwrap();
    world.compact(&["day/", "--out", "table"]);
    assert_eq!(world.lines("table"), once(4));
}

#[test]
fn what_is_printed_before_an_end_that_cannot_be_read_is_printed() {
    let world = World::with(0..0);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(text(0).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    std::fs::write(world.path("cut.gz"), &packed[..packed.len() - 20]).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    let output = command.args(["logs", "parse"]).arg(world.path("cut.gz")).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.iter().filter(|byte| **byte == b'\n').count()), (Some(3), 2));
}

#[test]
fn a_place_that_can_be_no_table_is_refused_before_anything_is_claimed() {
    let world = World::with(0..1);
    std::fs::write(world.path("file"), "").unwrap();
    for (out, code) in [("", 2), ("/", 2), (".", 2), ("day/..", 2), ("file", 3)] {
        let said = world.refused(&["day/", "--out", out], code);
        assert!(said.contains(out), "{said}");
    }
    let said = world.refused(&["day/", "--out", "day"], 3);
    assert!(said.contains("no log lies outside of day"), "{said}");
    assert_eq!(std::fs::read_dir(world.folder.path()).unwrap().count(), 2, "day and file");
}

#[test]
#[cfg(unix)]
fn links_that_lead_nowhere_are_named_and_those_that_lead_back_are_left_out() {
    let world = World::with(0..2);
    std::os::unix::fs::symlink(".", world.path("day/back")).unwrap();
    std::os::unix::fs::symlink("..", world.path("day/up")).unwrap();
    world.compact(&["day", "--out", "table"]);
    assert_eq!(world.lines("table"), once(2));
    std::os::unix::fs::symlink("nowhere", world.path("day/broken")).unwrap();
    assert!(world.refused(&["day", "--out", "table"], 3).contains("day/broken: "));
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_no_document_can_hold_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::with(0..1);
    std::fs::write(world.path("day").join(std::ffi::OsStr::from_bytes(b"\xff.log")), text(1)).unwrap();
    assert!(world.refused(&["day", "--out", "table"], 3).contains("the name is not UTF-8"));
    assert_eq!(std::fs::read_dir(world.folder.path()).unwrap().count(), 1, "only day");
}

#[test]
fn an_unfinished_batch_whose_log_is_gone_says_what_to_do() {
    let world = World::with(0..2);
    world.compact(&["day/", "--out", "table"]);
    std::fs::remove_file(world.path("table_batches/00000001.done.json")).unwrap();
    std::fs::remove_file(world.path("day/000.log")).unwrap();
    let said = world.refused(&["day/", "--out", "table"], 3);
    assert!(said.contains("day/000.log") && said.contains("table_batches/00000001.json has it"), "{said}");
    assert_eq!(world.lines("table"), once(2));
}

#[test]
fn a_table_that_was_removed_is_not_taken_for_complete() {
    let world = World::with(0..2);
    world.compact(&["day/", "--out", "table"]);
    std::fs::remove_dir_all(world.path("table")).unwrap();
    let said = world.refused(&["day/", "--out", "table"], 1);
    assert!(said.contains("remove table_batches/ too"), "{said}");
    std::fs::remove_dir_all(world.path("table_batches")).unwrap();
    world.compact(&["day/", "--out", "table"]);
    assert_eq!(world.lines("table"), once(2));
}

#[test]
fn a_document_of_another_release_is_refused() {
    let world = World::with(0..1);
    world.compact(&["day/", "--out", "table"]);
    let document = world.path("table_batches/00000001.json");
    let text = std::fs::read_to_string(&document).unwrap().replace("\"v\":1", "\"v\":2");
    std::fs::write(&document, text).unwrap();
    assert!(world.refused(&["day/", "--out", "table"], 3).contains("version 2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_s3_too_runs_over_more_and_at_once_put_each_line_in_once() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let store = cloud.store();
    for bucket in ["logs", "tables"] {
        store.create_bucket(&BucketName::new(bucket), brigade_local::REGION).unwrap();
    }
    let world = World::with(0..0);
    let start = |inputs: &[&str]| world.start_in(&cloud, &[inputs, &["--out", "s3://tables/access_logs"]].concat());
    for round in 0..3 {
        for n in round * 20..(round + 1) * 20 {
            put(&cloud, &format!("photos/{n:03}"), text(n), None).await;
        }
        let runs =
            [start(&["s3://logs/photos/"]), start(&["s3://logs/photos/*1", "s3://logs/photos/00"]), start(&["s3://logs/"])];
        for run in runs {
            let output = tokio::task::spawn_blocking(|| run.wait_with_output()).await.unwrap().unwrap();
            summary(&output);
        }
        let (bucket, mut lines) = (BucketName::new("tables"), Lines::new());
        let entries: Vec<_> = paging::list_all(&store, &bucket, List::default()).try_collect().await.unwrap();
        for entry in entries.into_iter().filter(|entry| entry.key.as_str().starts_with("access_logs/")) {
            let got = store.get(&Location::new(bucket.clone(), entry.key), Get::default()).await.unwrap();
            let chunks: Vec<Bytes> = got.body.try_collect().await.unwrap();
            for line in invariants::lines_of(chunks.concat().into()).unwrap() {
                *lines.entry(line).or_default() += 1;
            }
        }
        assert_eq!(lines, once((round + 1) * 20), "round {round}");
    }
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_must_be_restored_first_keeps_no_other_one() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    cloud.store().create_bucket(&BucketName::new("logs"), brigade_local::REGION).unwrap();
    for (n, class) in [None, Some("GLACIER"), Some("GLACIER_IR")].into_iter().enumerate() {
        put(&cloud, &format!("photos/{n}"), text(n), class).await;
    }
    let world = World::with(0..0);
    for _ in 0..2 {
        let run = world.start_in(&cloud, &["s3://logs/photos/", "--out", "table"]);
        let output = tokio::task::spawn_blocking(|| run.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("s3://logs/photos/1: ") && said.contains("read: 1 of the logs"), "{said}");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(world.lines("table"), once(3).into_iter().filter(|(line, _)| !line.starts_with("00000001")).collect());
    }
    // It was archived after its lines were in the table: that takes nothing from them.
    put(&cloud, "photos/1", text(1), None).await;
    let run = world.start_in(&cloud, &["s3://logs/photos/", "--out", "table"]);
    let output = tokio::task::spawn_blocking(|| run.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(summary(&output)["inputs"], 1);
    put(&cloud, "photos/1", text(1), Some("DEEP_ARCHIVE")).await;
    let run = world.start_in(&cloud, &["s3://logs/photos/", "--out", "table"]);
    let output = tokio::task::spawn_blocking(|| run.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(summary(&output)["inputs_before"], 3);
    assert_eq!(world.lines("table"), once(3));
    cloud.shutdown().await;
}
