//! A function with a bad configuration.

use std::process::Command;

use brigade_local::LocalCloud;
use brigade_local::lambda::{FunctionSpec, FunctionState, HostEvent};
use brigade_tests::rig::{FUNCTION, PATIENCE, thumbnail};

/// Three mistakes, and no `BRIGADE_INPUT`.
fn environment() -> [(&'static str, &'static str); 4] {
    [
        ("BRIGADE_OUTPUT", "s3://derived/t/{bucket}/{key}/{size}.{ext}"),
        ("BRIGADE_SIZES", "128,128"),
        ("BRIGADE_FIT", "crop"),
        ("BRIGADE_QUALTY", "80"),
    ]
}

const REPORTED: [&str; 5] = [
    "the configuration has 4 mistakes",
    "BRIGADE_INPUT: is not set",
    "BRIGADE_SIZES: \"128,128\" names a size twice",
    "BRIGADE_FIT: expected inside, cover or contain",
    "did you mean BRIGADE_QUALITY?",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_shows_all_mistakes_of_a_function_that_never_asks_for_work() {
    let cloud = LocalCloud::builder().port(0).start().await.unwrap();
    let mut events = cloud.host().events();
    let variables = environment().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    cloud.host().start(FunctionSpec { environment: variables, ..FunctionSpec::new(FUNCTION, thumbnail()) }).unwrap();
    let said = cloud.host().ready(FUNCTION, PATIENCE).await.unwrap_err().to_string();
    REPORTED.iter().for_each(|line| assert!(said.contains(line), "{line:?} is not in:\n{said}"));
    assert!(said.contains("exit status: 1"), "{said}");
    let state = cloud.host().state(FUNCTION).unwrap();
    assert!(matches!(&state, FunctionState::Failed(message) if message.contains("4 mistakes")), "{state:?}");
    // `Started` is told with the first `invocation/next`.
    loop {
        match events.next().await.unwrap() {
            HostEvent::Started { .. } => panic!("it asked for work"),
            HostEvent::Broken { message, .. } => break assert!(message.contains("4 mistakes"), "{message}"),
            _ => {}
        }
    }
    cloud.shutdown().await;
}

#[test]
fn the_process_itself_ends_with_an_error_and_says_all_mistakes() {
    let mut command = Command::new(thumbnail());
    let output = command.env_clear().envs(environment()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    REPORTED.iter().for_each(|line| assert!(said.contains(line), "{line:?} is not in:\n{said}"));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["level"], "error");
}
