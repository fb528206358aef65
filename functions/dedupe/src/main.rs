//! The deployed function: configuration, adapters, loop.

use std::process::ExitCode;
use std::sync::Arc;

use brigade::aws::Clients;
use brigade::config::Environment;
use brigade::storage::Nonces;
use brigade::worker::{fail_start, serve};
use brigade_dedupe::{Config, Dedupe, Outlet};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(&Environment::of_process()) {
        Ok(config) => config,
        Err(mistakes) => return fail_start(&mistakes),
    };
    let clients = Clients::from_env().await;
    let outlet = match Outlet::of(&config.target, &clients) {
        Ok(outlet) => outlet,
        Err(mistake) => return fail_start(&mistake),
    };
    let store = Arc::new(clients.s3_store(config.common.owner.clone()));
    let common = config.common.clone();
    let worker = Dedupe::new(config, store, outlet, Nonces::seeded_by_system());
    serve(worker, common, &clients).await
}
