//! The thumbnail function with a defect: keys that contain `panic` make it panic. So the tests have a real Lambda process
//! that panics, and the function that is deployed has no hook for it.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use brigade::aws::Clients;
use brigade::budget::Deadline;
use brigade::config::{Environment, Span};
use brigade::event::ObjectEvent;
use brigade::storage::OwnWrites;
use brigade::verdict::Outcome;
use brigade::worker::{Worker, fail_start, serve};
use brigade_thumbnail::{Config, Thumbnail};

struct Defective(Thumbnail);

#[async_trait]
impl Worker for Defective {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn input(&self) -> &[Span] {
        self.0.input()
    }

    async fn handle(&self, event: &ObjectEvent, deadline: Deadline) -> Outcome {
        assert!(!event.key.as_str().contains("panic"), "this key panics on purpose");
        self.0.handle(event, deadline).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(&Environment::of_process()) {
        Ok(config) => config,
        Err(mistakes) => return fail_start(&mistakes),
    };
    let clients = Clients::from_env().await;
    let store = OwnWrites::seeded_by_system(clients.s3_store(None));
    let worker = Defective(Thumbnail::new(&config, Arc::new(store)));
    serve(worker, config.common, &clients).await
}
