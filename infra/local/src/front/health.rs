//! `/_brigade/…`: what the cloud says about itself.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::{Response, reply};
use crate::sns::Topics;
use crate::sqs::Queues;

/// Answers `/_brigade/health` with the depth of every queue; everything else is 404.
pub(super) fn answer(path: &str, queues: &Queues, topics: &Topics) -> Response {
    if path.trim_end_matches('/') != "/_brigade/health" {
        return reply(
            StatusCode::NOT_FOUND,
            "application/json",
            json!({ "error": "there is only /_brigade/health" }).to_string(),
        );
    }
    let depth = |name: String| {
        let depth = queues.depth(&name).unwrap_or_default();
        (name, json!({ "visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed }))
    };
    let depths: Map<String, Value> = queues.list("").into_iter().map(depth).collect();
    let health = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "queues": depths, "topics": topics.list() });
    reply(StatusCode::OK, "application/json", health.to_string())
}
