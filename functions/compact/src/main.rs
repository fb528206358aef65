//! The deployed function: configuration, adapters, loop.

use std::process::ExitCode;
use std::sync::Arc;

use brigade::aws::Clients;
use brigade::config::Environment;
use brigade::storage::Nonces;
use brigade::worker::{StandardOutput, fail_start, serve};
use brigade_compact::{Compact, Config};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(&Environment::of_process()) {
        Ok(config) => config,
        Err(mistakes) => return fail_start(&mistakes),
    };
    let clients = Clients::from_env().await;
    let store = Arc::new(clients.s3_store(config.common.owner.clone()));
    let worker = Compact::new(&config, store, Nonces::seeded_by_system(), Arc::new(StandardOutput));
    serve(worker, config.common, &clients).await
}
