//! Direct invocations: answers, failures, timeouts, deaths.

use std::path::Path;
use std::time::{Duration, SystemTime};

use brigade_local::lambda::{Faults, FunctionState, HostError, HostEvent, InvokeResult};
use bytes::Bytes;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::world::{PROBE, World, probe, within};

async fn world() -> World {
    World::new(1.0, Faults::default()).await
}

async fn ask(world: &World, what: &str) -> InvokeResult {
    let payload = Bytes::from(json!({"do": what}).to_string());
    within(what, world.lambda.invoke(PROBE, payload)).await.expect("an invocation")
}

fn document(result: &InvokeResult) -> Value {
    serde_json::from_slice(&result.payload).expect("JSON")
}

#[tokio::test]
async fn an_invocation_comes_back_with_its_answer() {
    let world = world().await;
    world.start(|_| {}).await;
    let result = ask(&world, "echo").await;
    assert_eq!((result.function_error.as_deref(), document(&result)), (None, json!({"do": "echo"})));
}

#[tokio::test]
async fn the_function_sees_lambdas_context_and_not_the_developers_settings() {
    let world = world().await;
    world.start(|spec| drop(spec.environment.insert("BRIGADE_MODE".into(), "plan".into()))).await;
    let result = ask(&world, "context").await;
    let seen = document(&result);
    assert_eq!(seen["request_id"], json!(result.request_id));
    assert_eq!(seen["arn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    assert_eq!((&seen["function"], &seen["memory"]), (&json!("probe"), &json!(256)));
    assert!(seen["trace"].as_str().is_some_and(|trace| trace.starts_with("Root=1-")), "{seen}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    let deadline = u128::from(seen["deadline_ms"].as_u64().expect("a number"));
    assert!((now - 60_000..now + 11_000).contains(&deadline), "{deadline} is not about 10 s after {now}");
    let variables: Vec<&str> = seen["variables"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for variable in ["AWS_ENDPOINT_URL", "AWS_LAMBDA_RUNTIME_API", "BRIGADE_MODE", "AWS_REGION", "_HANDLER"] {
        assert!(variables.contains(&variable), "{variable} is not in {variables:?}");
    }
    let brigade: Vec<_> = variables.iter().filter(|name| name.starts_with("BRIGADE_")).collect();
    assert_eq!(brigade, [&"BRIGADE_MODE"]);
}

#[tokio::test]
async fn a_functions_error_is_a_result_and_its_process_goes_on() {
    let world = world().await;
    world.start(|_| {}).await;
    let before = document(&ask(&world, "pid").await);
    let result = ask(&world, "error").await;
    assert_eq!(result.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(result.error_message(), "it went wrong");
    assert_eq!(document(&ask(&world, "pid").await), before);
}

#[tokio::test]
async fn a_timeout_kills_the_process_and_a_fresh_one_answers() {
    let mut world = world().await;
    world.start(|spec| spec.timeout = Duration::from_millis(1_500)).await;
    let before = document(&ask(&world, "pid").await);
    let result = ask(&world, "hang").await;
    assert!(result.error_message().contains("Task timed out after 1.50 seconds"), "{result:?}");
    assert!(result.log_tail.contains("hanging"), "{result:?}");
    assert!(!Path::new(&format!("/proc/{before}")).exists(), "the process outlives its invocation");
    world.event("restart", |event| matches!(event, HostEvent::Restarted { .. })).await;
    assert_ne!(document(&ask(&world, "pid").await), before);
}

#[tokio::test]
async fn a_process_that_dies_fails_its_invocation_and_is_replaced() {
    let world = world().await;
    world.start(|_| {}).await;
    for _ in 0..3 {
        let result = ask(&world, "exit").await;
        assert!(result.error_message().contains("exit status: 3"), "{result:?}");
    }
    assert_eq!(ask(&world, "echo").await.function_error, None);
}

#[tokio::test]
async fn a_bad_configuration_is_reported_with_the_functions_own_words_and_not_tried_for_ever() {
    let mut world = world().await;
    let mut spec = probe();
    spec.environment.insert("PROBE_INIT".into(), "exit".into());
    world.lambda.start(spec).expect("a valid spec");
    let error = world.lambda.ready(PROBE, Duration::from_secs(60)).await.expect_err("it can't start");
    assert!(matches!(&error, HostError::Broken { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("exit status: 2") && text.contains("BRIGADE_INPUT is not set"), "{text}");

    world
        .event("broken", |event| matches!(event, HostEvent::Broken { message, .. } if message.contains("BRIGADE_INPUT")))
        .await;
    let result = ask(&world, "echo").await;
    assert!(result.error_message().contains("BRIGADE_INPUT is not set"), "{result:?}");

    // Told to try again, it is given three more starts.
    world.lambda.kill(PROBE).expect("the function is there");
    let mut starts = 0;
    let broken = |event: &HostEvent| matches!(event, HostEvent::Broken { .. });
    while !broken(&world.event("broken again", |event| starts_or(event, broken)).await) {
        starts += 1;
    }
    assert_eq!(starts, 3);
    assert!(matches!(world.lambda.state(PROBE), Ok(FunctionState::Failed(_))));
}

/// Whether the probe said that it can't start, or the other.
fn starts_or(event: &HostEvent, other: impl Fn(&HostEvent) -> bool) -> bool {
    matches!(event, HostEvent::Log { line, .. } if line == "BRIGADE_INPUT is not set") || other(event)
}

#[tokio::test]
async fn an_error_before_the_first_next_counts_as_a_failed_start() {
    let world = world().await;
    let mut spec = probe();
    spec.environment.insert("PROBE_INIT".into(), "panic".into());
    world.lambda.start(spec).expect("a valid spec");
    let error = world.lambda.ready(PROBE, Duration::from_secs(60)).await.expect_err("it can't start");
    assert!(error.to_string().contains("cannot start"), "{error}");
    assert!(matches!(world.lambda.state(PROBE), Ok(FunctionState::Failed(_))));
}

#[tokio::test]
async fn an_answer_beyond_six_megabytes_fails_the_invocation_alone() {
    let world = world().await;
    world.start(|_| {}).await;
    let result = ask(&world, "large").await;
    assert!(result.error_message().contains("exceeded maximum allowed payload size"), "{}", result.error_message());
    assert_eq!(ask(&world, "echo").await.function_error, None);
}

#[tokio::test]
async fn two_processes_work_at_the_same_time() {
    let mut world = world().await;
    world.start(|spec| spec.concurrency = 2).await;
    let lambda = std::sync::Arc::clone(&world.lambda);
    let hanging = tokio::spawn(async move { lambda.invoke(PROBE, Bytes::from_static(br#"{"do":"hang"}"#)).await });
    world.line("hanging").await;
    assert_eq!(ask(&world, "echo").await.function_error, None);
    world.lambda.kill(PROBE).expect("the function is there");
    let result = within("the hanging one ends", hanging).await.expect("no panic").expect("an invocation");
    assert!(result.error_message().contains("SIGKILL"), "{result:?}");
}

#[tokio::test]
async fn nothing_is_left_after_a_shutdown_or_a_drop() {
    for by_drop in [false, true] {
        let mut world = world().await;
        // Longer than the test waits: it must not be the timeout that ends the child.
        world.start(|spec| spec.timeout = Duration::from_secs(600)).await;
        let pid = document(&ask(&world, "pid").await);
        let lambda = std::sync::Arc::clone(&world.lambda);
        let hanging = tokio::spawn(async move { lambda.invoke(PROBE, Bytes::from_static(br#"{"do":"hang"}"#)).await });
        world.line("hanging").await;
        if by_drop {
            hanging.abort();
            let _ = hanging.await;
            drop(world);
        } else {
            within("shutdown", world.lambda.shutdown()).await;
            let result = within("the hanging one ends", hanging).await.expect("no panic").expect("an invocation");
            assert!(result.function_error.is_some());
        }
        let gone = async {
            while running(&pid) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("the child is gone", gone).await;
    }
}

/// Whether the process runs; a zombie does not.
fn running(pid: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn injected_kills_fail_invocations_and_are_counted() {
    let world = World::new(1.0, Faults { seed: 3, kill_during: 1.0, reply_lost: 0.0 }).await;
    world.start(|_| {}).await;
    let result = ask(&world, "hang").await;
    assert!(result.error_message().contains("SIGKILL"), "{result:?}");
    assert_eq!(world.lambda.fault_counts().killed, 1);
}

#[tokio::test]
async fn the_invoke_api_over_http() {
    let mut world = world().await;
    world.start(|_| {}).await;
    let call = |method: &str, path: &str, headers: &[(&str, &str)], body: &'static str| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from_static(body.as_bytes())).expect("a request");
        let lambda = std::sync::Arc::clone(&world.lambda);
        async move { within("a response", lambda.handle(request)).await }
    };
    let invoke = "/2015-03-31/functions/probe/invocations";

    let response = call("POST", invoke, &[], r#"{"do":"echo"}"#).await;
    assert_eq!((response.status(), &response.body()[..]), (StatusCode::OK, &br#"{"do":"echo"}"#[..]));
    assert_eq!(response.headers()["x-amz-executed-version"], "$LATEST");
    assert!(!response.headers().contains_key("x-amz-function-error"));

    let response = call("POST", invoke, &[("x-amz-log-type", "Tail")], r#"{"do":"say"}"#).await;
    // "said" in base64.
    assert_eq!(response.headers().get("x-amz-log-result"), Some(&"c2FpZA==".parse().unwrap()));

    let response = call("POST", invoke, &[], r#"{"do":"error"}"#).await;
    assert_eq!(
        (response.status(), &response.headers()["x-amz-function-error"]),
        (StatusCode::OK, &"Unhandled".parse().unwrap())
    );
    assert!(!response.headers().contains_key("x-amz-log-result"));

    let arn = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aprobe/invocations";
    assert_eq!(call("POST", arn, &[], "").await.status(), StatusCode::OK);
    assert_eq!(call("POST", invoke, &[("x-amz-invocation-type", "DryRun")], "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(call("POST", invoke, &[], "{").await.status(), StatusCode::BAD_REQUEST);
    let response = call("POST", "/2015-03-31/functions/nobody/invocations", &[], "").await;
    assert_eq!(
        (response.status(), &response.headers()["x-amzn-errortype"]),
        (StatusCode::NOT_FOUND, &"ResourceNotFoundException".parse().unwrap())
    );

    let response = call("GET", "/2015-03-31/functions/probe", &[], "").await;
    let document: Value = serde_json::from_slice(response.body()).expect("JSON");
    assert_eq!(document["Configuration"]["State"], "Active");
    let response = call("GET", "/2015-03-31/functions/", &[], "").await;
    let document: Value = serde_json::from_slice(response.body()).expect("JSON");
    assert_eq!(document["Functions"][0]["FunctionName"], "probe");

    let response = call("POST", invoke, &[("x-amz-invocation-type", "Event")], r#"{"do":"hang"}"#).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    world.line("hanging").await;
}
