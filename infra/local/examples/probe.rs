//! A function for the host's tests: it does what its messages say, through the real Lambda runtime client.
//!
//! A direct invocation is `{"do": …}`; an SQS message's body is one of the same words. `PROBE_INIT` makes the start fail.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("PROBE_INIT").as_deref() {
        Ok("exit") => {
            eprintln!("BRIGADE_INPUT is not set");
            std::process::exit(2);
        }
        Ok("panic") => return Err("cannot start".into()),
        _ => {}
    }
    println!("probe started");
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return one(event.payload.get("do").and_then(Value::as_str).unwrap_or("nothing"), &event).await;
    };
    let mut failures = Vec::new();
    for record in records {
        let text = |pointer| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (body, id) = (text("/body"), text("/messageId"));
        println!("message {body}");
        match body {
            "fail" => failures.push(json!({"itemIdentifier": id})),
            "fail-unknown" => failures.push(json!({"itemIdentifier": "nobody"})),
            "hang-first" if text("/attributes/ApproximateReceiveCount") != "1" => {}
            "hang-first" => hang().await,
            body if body.starts_with("item") => {}
            body if body.starts_with("nap") => tokio::time::sleep(Duration::from_millis(30)).await,
            "trace" => println!("trace {}", event.context.xray_trace_id.as_deref().unwrap_or_default()),
            other => {
                one(other, &event).await?;
            }
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}

async fn one(what: &str, event: &LambdaEvent<Value>) -> Result<Value, Error> {
    match what {
        "say" => {
            println!("said");
            Ok(Value::Null)
        }
        "echo" => Ok(event.payload.clone()),
        "error" => Err("it went wrong".into()),
        "exit" => std::process::exit(3),
        "hang" => {
            hang().await;
            Ok(Value::Null)
        }
        "large" => Ok(Value::from("x".repeat(7_000_000))),
        "pid" => Ok(Value::from(std::process::id())),
        "context" => Ok(json!({
            "request_id": event.context.request_id,
            "deadline_ms": event.context.deadline,
            "arn": event.context.invoked_function_arn,
            "trace": event.context.xray_trace_id,
            "function": event.context.env_config.function_name,
            "memory": event.context.env_config.memory,
            "variables": std::env::vars().map(|(name, _)| name).collect::<Vec<_>>(),
        })),
        _ => Ok(Value::Null),
    }
}

async fn hang() {
    println!("hanging");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
}
