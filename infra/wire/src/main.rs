//! The custom resource of CloudFormation, as a function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brigade::aws::Clients;
use brigade::worker::{Lines, StandardOutput, serve_payloads};
use brigade_wire::aws::{Aws, Https};
use brigade_wire::stack::Resource;

/// For the delivery of the answer, with all its attempts.
const RESERVE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let resource = Arc::new(Resource::new(Aws::new(Clients::from_env().await), Https::new()));
    serve_payloads(move |payload, left| {
        let resource = Arc::clone(&resource);
        async move {
            let line = resource.handle(&payload, left.saturating_sub(RESERVE)).await?;
            StandardOutput.line(&line);
            Ok(line)
        }
    })
    .await
}
