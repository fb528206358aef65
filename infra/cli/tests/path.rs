//! The commands that run the real function binary: photos through the whole path, and single invocations.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use brigade_thumbnail::samples::samples;
use serde_json::Value;

/// `brigade` with a command. Where the workspace's build has the functions already, those are taken; building them for
/// themselves alone would select other features of their dependencies, and take minutes.
fn brigade(command: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_brigade"));
    let folder = program.parent().unwrap();
    let mut brigade = Command::new(program);
    brigade.arg(command);
    let functions = ["thumbnail", "cleanup", "compact", "dedupe"];
    if functions.iter().all(|function| folder.join(format!("brigade-{function}")).is_file()) {
        brigade.arg("--bin-dir").arg(folder);
    }
    brigade
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name)
}

#[test]
fn the_demo_is_right_and_leaves_a_contact_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let output = brigade("demo").arg("--json").arg("--out").arg(folder.path()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let lines = lines(&output);
    let samples = samples().unwrap();
    assert_eq!(lines.len(), samples.len() + 3, "each sample, a text, a folder marker, and the whole");
    for sample in &samples {
        let line = lines.iter().find(|line| line["file"] == sample.name).unwrap();
        assert_eq!(line["verdict"], "done", "{line}");
        assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(sample.width.into()), Some(sample.height.into())));
        for made in line["outputs"].as_array().unwrap() {
            let picture = image::open(made["path"].as_str().unwrap()).unwrap();
            assert_eq!(made["width"].as_u64(), Some(picture.width().into()));
        }
    }
    let verdict = |file: &str| lines.iter().find(|line| line["file"] == file).unwrap()["verdict"].clone();
    assert_eq!((verdict("not-a-photo.jpg"), verdict("holiday photos/")), ("park".into(), "skip".into()));
    let deleted = &lines.last().unwrap()["deleted"];
    assert_eq!((&deleted["file"], &deleted["gone"]), (&lines[0]["file"], &4.into()), "three sizes and the sidecar: {deleted}");
    let sheet = image::open(folder.path().join("contact-sheet.png")).unwrap();
    assert!(sheet.width() > 1000 && sheet.height() > 1000);
}

#[test]
fn the_demo_takes_ones_own_files_and_says_why_one_is_parked() {
    let folder = tempfile::tempdir().unwrap();
    let sample = samples().unwrap().swap_remove(2);
    let (photo, cut) = (folder.path().join("my photo.jpg"), folder.path().join("cut.jpg"));
    std::fs::write(&photo, &sample.bytes).unwrap();
    std::fs::write(&cut, sample.bytes.get(..100).unwrap()).unwrap();
    let output = brigade("demo").arg(&photo).arg(&cut).arg("--json").arg("--out").arg(folder.path().join("out")).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let lines = lines(&output);
    assert_eq!((&lines[0]["verdict"], &lines[1]["verdict"]), (&"done".into(), &"park".into()));
    assert_eq!(lines[1]["reason"], "corrupt");
    assert_eq!(code(&brigade("demo").arg(folder.path().join("absent.jpg")).output().unwrap()), 3);
}

#[test]
fn invoke_gives_an_event_its_object() {
    let folder = tempfile::tempdir().unwrap();
    let sample = samples().unwrap().swap_remove(2);
    let photo = folder.path().join(sample.name);
    std::fs::write(&photo, &sample.bytes).unwrap();
    let output = brigade("invoke").args(["thumbnail", "--json", "--with"]).arg(&photo).arg(event("s3-put.json")).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let document = &lines(&output)[0];
    assert_eq!(document["records"][0]["verdict"], "done", "{document}");
    assert_eq!(document["reply"]["verdicts"][0]["verdict"], "done", "{document}");
}

#[test]
fn invoke_tells_failures_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let no_json = folder.path().join("no.json");
    std::fs::write(&no_json, "no json").unwrap();
    for (file, expected) in [(event("sqs-s3-put.json"), 0), (event("batch-unanswerable.json"), 1), (no_json, 1)] {
        let output = brigade("invoke").arg("thumbnail").arg(&file).output().unwrap();
        assert_eq!(code(&output), expected, "{}: {}{}", file.display(), text(&output.stdout), text(&output.stderr));
    }
    let removal = brigade("invoke").args(["cleanup", "--json"]).arg(event("s3-delete.json")).output().unwrap();
    assert_eq!(code(&removal), 0, "{}", text(&removal.stderr));
    assert_eq!(lines(&removal)[0]["records"][0]["function"], "cleanup");
    let unanswered = brigade("invoke").arg("thumbnail").arg(event("batch-unanswerable.json")).output().unwrap();
    assert_eq!(lines(&unanswered)[0]["errorType"], "Unanswered");
    let forwarded = brigade("invoke").args(["dedupe", "--json"]).arg(event("sqs-duplicate.json")).output().unwrap();
    assert_eq!(code(&forwarded), 0, "the target is there: {}", text(&forwarded.stdout));
    let verdicts: Vec<Value> =
        lines(&forwarded)[0]["records"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
    assert!(verdicts.contains(&"done".into()) && verdicts.contains(&"skip".into()), "{verdicts:?}");
    let absent = brigade("invoke").args(["thumbnail", "absent.json"]).output().unwrap();
    assert_eq!(code(&absent), 3);
    let nobody =
        brigade("invoke").arg("thumbnail").arg(event("s3-put.json")).args(["--endpoint-url", "http://127.0.0.1:1"]).output();
    assert_eq!(code(&nobody.unwrap()), 3);
}

#[test]
fn up_serves_until_it_is_ended() {
    let mut up = brigade("up").args(["--json", "--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = BufReader::new(up.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&seen.next().unwrap().unwrap()).unwrap();
    let endpoint = first["environment"]["AWS_ENDPOINT_URL"].as_str().unwrap().to_owned();
    let invoked =
        brigade("invoke").args(["thumbnail", "--json", "--endpoint-url", &endpoint]).arg(event("s3-put.json")).output();
    let invoked = invoked.unwrap();
    assert_eq!(code(&invoked), 0, "{}", text(&invoked.stderr));
    assert!(lines(&invoked)[0]["reply"]["verdicts"].is_array());
    // A second one finds the port taken.
    let port = endpoint.rsplit(':').next().unwrap();
    let second = brigade("up").args(["--port", port]).output().unwrap();
    assert_eq!(code(&second), 3);
    assert!(text(&second.stderr).contains("in use"), "{}", text(&second.stderr));
    let killed = Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(up.wait().unwrap().code(), Some(0));
    let records = seen.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert!(records.filter(|line| line["type"] == "record").count() > 0, "the invocation's record was shown");
}

#[test]
fn up_refuses_a_variable_that_no_function_has() {
    let output = brigade("up").args(["--port", "0", "--env", "BRIGADE_SIZE=64"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("did you mean BRIGADE_SIZES?"), "{}", text(&output.stderr));
}
