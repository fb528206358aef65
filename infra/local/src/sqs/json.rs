//! SQS in AWS JSON 1.0: what the SDKs and the command-line tool speak.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::actions::act;
use super::engine::Queues;
use super::error::SqsError;
use crate::http::{Caller, Response, reply};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Answers one action.
pub(crate) async fn answer(queues: &Queues, caller: &Caller, action: &str, body: &[u8]) -> Response {
    let input = match serde_json::from_slice(body) {
        Ok(input @ Value::Object(_)) => Ok(input),
        Ok(_) => Err(SqsError::Malformed("the request is no JSON object".to_owned())),
        Err(error) => Err(SqsError::Malformed(error.to_string())),
    };
    let result = match input {
        Ok(input) => act(queues, caller, action, input).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(output) => reply(StatusCode::OK, CONTENT_TYPE, output.to_string()),
        Err(error) => refuse(&error),
    }
}

/// A refusal names its error in both protocols' words.
fn refuse(error: &SqsError) -> Response {
    let body = json!({ "__type": error.json_type(), "message": error.to_string() });
    let mut response = reply(StatusCode::BAD_REQUEST, CONTENT_TYPE, body.to_string());
    if let Ok(value) = HeaderValue::from_str(&format!("{};Sender", error.query_code())) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}
