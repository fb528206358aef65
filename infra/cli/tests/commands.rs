//! The commands that work on text and files, as a user runs them.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use brigade_thumbnail::samples::samples;
use serde_json::Value;

fn brigade() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    // Whatever the developer has set must not leak into what is tested.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    brigade().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn events() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    files
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_would_be_right() {
    for (arguments, expected) in [
        (vec![], "Usage"),
        (vec!["frobnicate"], "unrecognized subcommand"),
        (vec!["config", "thumbnails"], "possible values: thumbnail"),
        (vec!["thumbnail"], "required"),
        (vec!["thumbnail", "--sizes", "0", "x.jpg"], "pixels from 1 to 8192"),
        (vec!["thumbnail", "--sizes", "64,64", "x.jpg"], "names a size twice"),
        (vec!["thumbnail", "--fit", "crop", "x.jpg"], "inside, cover or contain"),
        (vec!["thumbnail", "--limits", "bytes=5", "x.jpg"], "with a unit"),
        (vec!["thumbnail", "--jobs", "0", "x.jpg"], "1 to 64"),
        (vec!["decode", "--frob"], "unexpected argument"),
        (vec!["up", "--log", "logs"], "this bucket takes the logs"),
        (vec!["up", "--env", "BRIGADE_TARGET=arn:aws:sns:eu-west-1:111122223333:once"], "sns:eu-west-1:000000000000:once, not"),
        (vec!["up", "--env", "cleanup:BRIGADE_SIZES=64"], "BRIGADE_SIZES: is not a variable of this function\n"),
        (vec!["wire", "s3://photos", "--to", "thumbnail"], "a bucket's name alone"),
        (vec!["sweep", "s3://derived/t/", "--max-deletes", "-1"], "expected a whole number"),
        (vec!["logs", "ddl", "--since", "2026-02-30"], "expected a day"),
        (vec!["logs", "ddl", "--engine", "athena", "--location", "table"], "Athena reads s3://bucket/prefix"),
        (vec!["logs", "compact", "logs", "--out", "s3://tables"], "names a bucket alone"),
    ] {
        let output = run(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn every_commands_help_shows_an_example() {
    let help = text(&run(&["--help"]).stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter(|l| !l.starts_with("   ")).filter_map(|l| l.split_whitespace().next()).collect();
    assert!(names.contains(&"decode"), "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let output = run(&[name, "--help"]);
        assert_eq!(code(&output), 0, "{name}");
        assert!(text(&output.stdout).contains(&format!("brigade {name} ")), "{name}");
        assert!(text(&output.stdout).contains("Example"), "{name}");
    }
}

#[test]
fn decode_prints_every_record_of_the_corpus_and_exits_0() {
    let members = ["bucket", "envelope", "etag", "event", "key", "sequencer", "size", "version_id"];
    for file in events() {
        let output = brigade().arg("decode").arg(&file).output().unwrap();
        assert_eq!(code(&output), 0, "{}", file.display());
        let lines = lines(&output);
        assert!(!lines.is_empty(), "{}", file.display());
        for line in lines {
            let mut names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
            names.sort_unstable();
            assert!(names == members || names == ["envelope", "error"], "{}: {line}", file.display());
        }
    }
}

#[test]
fn decode_decodes_keys() {
    let file = events().into_iter().find(|path| path.ends_with("sqs-key-encodings.json")).unwrap();
    let decoded = lines(&brigade().arg("decode").arg(file).output().unwrap());
    assert!(decoded.iter().any(|line| line["key"].as_str().is_some_and(|key| key.contains(' '))), "{decoded:?}");
    assert!(decoded.iter().all(|line| line["event"].is_null() || !line["event"].as_str().unwrap().starts_with("s3:")));
}

#[test]
fn decode_reads_standard_input_and_exits_0_on_junk() {
    for (junk, expected) in [(b"".as_slice(), 1), (b"junk", 1), (b"\xff\xfe\x00", 1), (b"[1,2", 1), (b"{}{}", 2)] {
        for arguments in [vec!["decode"], vec!["decode", "-"]] {
            let mut child = brigade().args(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(junk).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(code(&output), 0, "{}", junk.escape_ascii());
            let lines = lines(&output);
            assert_eq!(lines.len(), expected, "{lines:?}");
            assert!(lines.iter().all(|line| line["error"].is_string()), "{lines:?}");
        }
    }
}

#[test]
fn decode_names_a_file_that_it_cannot_read_and_reads_the_others() {
    let first = events().swap_remove(0);
    let output = brigade().args(["decode", "no-such-file.json"]).arg(first).output().unwrap();
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("no-such-file.json: "), "{}", text(&output.stderr));
    assert!(!lines(&output).is_empty());
}

#[test]
fn logs_in_a_bucket_are_no_files_and_a_folder_is_none_of_athenas() {
    let output = run(&["logs", "parse", "s3://logs/photos/"]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("aws s3 cp s3://logs/photos/ - | brigade logs parse"), "{}", text(&output.stderr));
    let engines = |place: &str| -> Vec<String> {
        let told = lines(&run(&["logs", "ddl", "--json", "--location", place]));
        told[0].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(engines("table"), ["duckdb", "spark"]);
    assert_eq!(engines("s3://tables/access_logs"), ["athena", "duckdb", "spark"]);
}

#[test]
fn config_lists_what_is_declared() {
    let plain = text(&run(&["config", "thumbnail"]).stdout);
    let json: Value = serde_json::from_slice(&run(&["config", "thumbnail", "--json"]).stdout).unwrap();
    let markdown = text(&run(&["config", "thumbnail", "--markdown"]).stdout);
    let declared = brigade::config::COMMON.iter().chain(brigade_thumbnail::VARIABLES);
    for (variable, listed) in declared.zip(json["variables"].as_array().unwrap()) {
        assert_eq!(listed["name"], variable.name);
        assert_eq!(listed["example"], variable.example);
        assert!(plain.contains(variable.name) && plain.contains(variable.meaning));
        assert!(markdown.contains(&format!("| `{}` | ", variable.name)));
    }
}

#[test]
fn config_check_prints_all_mistakes_and_exits_1() {
    let mistaken = || {
        let mut command = brigade();
        command.env("BRIGADE_SIZE", "64").env("BRIGADE_QUALITY", "0").args(["config", "thumbnail", "--check"]);
        command
    };
    let output = mistaken().output().unwrap();
    assert_eq!(code(&output), 1);
    for expected in
        ["4 mistakes", "did you mean BRIGADE_SIZES?", "BRIGADE_QUALITY: expected 1 to 100", "BRIGADE_INPUT", "BRIGADE_OUTPUT"]
    {
        assert!(text(&output.stderr).contains(expected), "{expected}: {}", text(&output.stderr));
    }
    let output = mistaken().arg("--json").output().unwrap();
    assert_eq!(code(&output), 1);
    assert_eq!(lines(&output)[0]["mistakes"].as_array().unwrap().len(), 4);
}

#[test]
fn config_check_prints_what_variables_come_to() {
    let mut command = brigade();
    command.env("BRIGADE_INPUT", "s3://photos/*").env("BRIGADE_OUTPUT", "s3://derived/{bucket}/{key}/{size}.{ext}");
    let output =
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512").args(["config", "thumbnail", "--check", "--json"]).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let resolved = &lines(&output)[0];
    let find = |name: &str| resolved["variables"].as_array().unwrap().iter().find(|v| v["name"] == name).unwrap().clone();
    assert_eq!(
        (find("BRIGADE_INPUT")["value"].as_str(), find("BRIGADE_INPUT")["from"].as_str()),
        (Some("s3://photos/*"), Some("set"))
    );
    assert_eq!(find("BRIGADE_SIZES")["value"], "128,256,512");
    assert_eq!(
        (find("BRIGADE_CONCURRENCY")["value"].as_str(), find("BRIGADE_CONCURRENCY")["from"].as_str()),
        (Some("4"), Some("computed"))
    );
}

#[test]
fn thumbnail_tells_every_file_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples().unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    for sample in &samples {
        files.push(folder.path().join(sample.name));
        std::fs::write(files.last().unwrap(), &sample.bytes).unwrap();
    }
    let text_file = folder.path().join("text.jpg");
    std::fs::write(&text_file, "not a picture").unwrap();
    files.push(text_file);
    for jobs in ["1", "3"] {
        let out = folder.path().join(format!("out-{jobs}"));
        let output =
            brigade().args(["thumbnail", "--jobs", jobs, "--sizes", "64,100"]).arg("--out").arg(&out).args(&files).output();
        let output = output.unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let lines = lines(&output);
        assert_eq!(lines.len(), files.len());
        for ((line, file), sample) in lines.iter().zip(&files).zip(&samples) {
            assert_eq!(line["file"], file.to_str().unwrap());
            assert_eq!(
                (line["width"].as_u64(), line["height"].as_u64()),
                (Some(sample.width.into()), Some(sample.height.into()))
            );
            assert_outputs(line, &[64, 100]);
        }
        let last = lines.last().unwrap();
        assert_eq!((last["code"].as_str(), last["outputs"].is_null()), (Some("not-an-image"), true));
        assert!(last["reject"].is_string());
    }
}

fn assert_outputs(line: &Value, sizes: &[u64]) {
    let outputs = line["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), sizes.len());
    for (output, size) in outputs.iter().zip(sizes) {
        let bytes = std::fs::read(output["path"].as_str().unwrap()).unwrap();
        assert_eq!(output["bytes"].as_u64(), Some(bytes.len() as u64));
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!(
            (output["width"].as_u64(), output["height"].as_u64()),
            (Some(picture.width().into()), Some(picture.height().into()))
        );
        assert_eq!(u64::from(picture.width().max(picture.height())), *size);
    }
}

#[test]
fn thumbnail_does_the_others_where_one_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let sample = samples().unwrap().swap_remove(2);
    let good = folder.path().join(sample.name);
    std::fs::write(&good, &sample.bytes).unwrap();
    let out = folder.path().join("out");
    let mut command = brigade();
    command.arg("thumbnail").arg("--out").arg(&out).arg(folder.path().join("absent.jpg")).arg(folder.path()).arg(&good);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 3);
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["error"].is_string());
    assert!(lines[1]["error"].as_str().unwrap().contains("is a directory"));
    assert_eq!(lines[2]["outputs"].as_array().unwrap().len(), 3);
    assert!(out.join(sample.name).join("256.jpg").is_file());
}

#[test]
fn thumbnail_refuses_by_size_before_it_reads_and_keeps_equal_names_apart() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples().unwrap();
    let mut files = Vec::new();
    for (at, sample) in [&samples[2], &samples[3]].into_iter().enumerate() {
        let inner = folder.path().join(at.to_string());
        std::fs::create_dir(&inner).unwrap();
        files.push(inner.join("same.jpg"));
        std::fs::write(files.last().unwrap(), &sample.bytes).unwrap();
    }
    let run = |limits: &str| {
        let mut command = brigade();
        command.args(["thumbnail", "--limits", limits]).arg("--out").arg(folder.path().join("out")).args(&files);
        command.output().unwrap()
    };
    let refused = run("bytes=1kB");
    assert_eq!(code(&refused), 0);
    assert!(lines(&refused).iter().all(|line| line["code"] == "too-many-bytes"), "{refused:?}");
    let done = run("bytes=10MB");
    let paths: Vec<String> = lines(&done).iter().map(|line| line["outputs"][0]["path"].as_str().unwrap().to_owned()).collect();
    assert!(paths[0].contains("same.jpg/") && paths[1].contains("same.jpg~2/"), "{paths:?}");
}
