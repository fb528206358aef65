//! `brigade sweep` against a local cloud: what a plan lists is what `--apply` removes.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::process::Output;

use brigade::derived::{CONFIG, SOURCE, VERSION, owner_mark};
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{EmbeddedStore, List, Location, PutOptions, Store};
use brigade_local::LocalCloud;
use serde_json::Value;
use tokio::process::Command;

fn at(bucket: &str, key: &str) -> Location {
    Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
}

/// One source that is there, and two that are gone, each with a derived object and a sidecar.
async fn world() -> LocalCloud {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let store = cloud.store();
    for name in ["photos", "derived"] {
        store.create_bucket(&BucketName::new(name), brigade_local::REGION).unwrap();
    }
    store.put(&at("photos", "there.jpg"), "x".into(), PutOptions::default()).await.unwrap();
    for key in ["there.jpg", "gone.jpg", "gone.jpg/too"] {
        let marks = [(SOURCE, owner_mark(&at("photos", key))), (VERSION, "v".to_owned()), (CONFIG, "1-x".to_owned())];
        let metadata = marks.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let options = PutOptions { metadata, ..PutOptions::default() };
        for segment in ["128.jpg", "info.json"] {
            let derived = at("derived", &format!("t/photos/{key}/{segment}"));
            store.put(&derived, "{}".into(), options.clone()).await.unwrap();
        }
    }
    cloud
}

async fn keys(store: &EmbeddedStore) -> Vec<String> {
    let page = store.list(&BucketName::new("derived"), List::default()).await.unwrap();
    page.objects.into_iter().map(|object| object.key.into()).collect()
}

fn command(cloud: &LocalCloud) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command.env_clear().env("AWS_ENDPOINT_URL", cloud.endpoint()).env("AWS_REGION", brigade_local::REGION);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("BRIGADE_INPUT", "s3://photos/*").env("BRIGADE_OUTPUT", "s3://derived/t/{bucket}/{key}/{size}.{ext}");
    command.args(["sweep", "--json"]);
    command
}

async fn sweep(cloud: &LocalCloud, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    told(command(cloud).args(arguments)).await
}

async fn told(command: &mut Command) -> (i32, Vec<Value>, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let lines = String::from_utf8(stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (status.code().unwrap(), lines, String::from_utf8(stderr).unwrap())
}

fn objects(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["objects"].as_array()).flatten().filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plan_lists_is_what_goes() {
    let cloud = world().await;
    let before = keys(&cloud.store()).await;
    let (code, plan, said) = sweep(&cloud, &["s3://derived/t/"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("--apply"), "{said}");
    assert_eq!(objects(&plan).len(), 4);
    assert_eq!(keys(&cloud.store()).await, before);

    let (code, refused, said) = sweep(&cloud, &["s3://derived/t/", "--apply", "--max-deletes", "3"]).await;
    assert_eq!((code, objects(&refused).len()), (1, 0), "{said}");
    assert_eq!(refused.last().unwrap()["over"], 4);
    assert_eq!(keys(&cloud.store()).await, before);

    let (code, applied, said) = sweep(&cloud, &["s3://derived/t/", "--apply"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(objects(&applied), objects(&plan));
    assert_eq!(keys(&cloud.store()).await, ["t/photos/there.jpg/128.jpg", "t/photos/there.jpg/info.json"]);
    let (code, again, said) = sweep(&cloud, &["s3://derived/t/", "--apply"]).await;
    assert_eq!((code, objects(&again).len()), (0, 0), "{said}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_outside_of_the_templates_and_a_bucket_that_is_not_there_are_refused() {
    let cloud = world().await;
    let (code, _, said) = sweep(&cloud, &["s3://derived/elsewhere/"]).await;
    assert_eq!(code, 2, "{said}");
    let (code, _, said) = sweep(&cloud, &["s3://absent/t/", "--output", "s3://absent/t/{bucket}/{key}/{size}.{ext}"]).await;
    assert_eq!(code, 3, "{said}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_a_slip_is_said() {
    let cloud = world().await;
    cloud.store().create_bucket(&BucketName::new("scans"), brigade_local::REGION).unwrap();
    for (arguments, expected, words) in [
        // Nothing there: all is well, but a slip would look the same.
        (&["s3://derived/t/", "--input", "s3://scans/*"][..], 0, "nothing derived from s3://scans/* lies in s3://derived/t/"),
        (&["s3://derived/t/photos/x"], 0, "lies in s3://derived/t/photos/x"),
        (&["s3://derived/t/", "--input", "s3://photo/*"], 3, "photo: The specified bucket does not exist"),
        (&["s3://derived/t/", "--start-after", "s3://derive/t/a"], 2, "not in the bucket that is swept"),
        (&["s3://derived/t/", "--start-after", "s3://derived/t/photos/z"], 0, ", behind s3://derived/t/photos/z"),
    ] {
        let (code, _, said) = sweep(&cloud, arguments).await;
        assert!(code == expected && said.contains(words), "{arguments:?}: {code}, {said}");
    }
    let (_, behind, said) =
        sweep(&cloud, &["s3://derived/t/", "--start-after", "s3://derived/t/photos/gone.jpg/info.json"]).await;
    assert_eq!(objects(&behind).len(), 2, "the key of what was printed: {said}");
    let (code, _, said) = told(command(&cloud).arg("s3://derived/t/").env("BRIGADE_MAX_DELETE", "1")).await;
    assert!(code == 2 && said.contains("did you mean BRIGADE_MAX_DELETES?"), "{code}, {said}");
    let (code, _, said) = told(command(&cloud).arg("s3://derived/t/").env("BRIGADE_SIZES", "64")).await;
    assert_eq!(code, 1, "another function's variable is none of its mistakes: {said}");
    let (code, _, said) = told(command(&cloud).arg("s3://derived/t/").env_remove("AWS_REGION")).await;
    assert!(code == 3 && said.contains("set AWS_REGION"), "{code}, {said}");
    cloud.shutdown().await;
}
