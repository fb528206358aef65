//! The deployed function: configuration, adapters, loop.

use std::process::ExitCode;
use std::sync::Arc;

use brigade::aws::Clients;
use brigade::config::Environment;
use brigade::storage::OwnWrites;
use brigade::worker::{fail_start, serve};
use brigade_cleanup::{Cleanup, Config};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(&Environment::of_process()) {
        Ok(config) => config,
        Err(mistakes) => return fail_start(&mistakes),
    };
    let clients = Clients::from_env().await;
    let store = OwnWrites::seeded_by_system(clients.s3_store(config.common.owner.clone()));
    let worker = Cleanup::new(&config, Arc::new(store), Arc::new(clients.topic()));
    serve(worker, config.common, &clients).await
}
