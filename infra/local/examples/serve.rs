//! An empty local cloud on port 4566, or on the port given: for clients that want S3, SNS and SQS and no functions.
//!
//! `cargo run -p brigade-local --example serve -- [PORT]`

use brigade_local::LocalCloud;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = LocalCloud::builder();
    if let Some(port) = std::env::args().nth(1) {
        options = options.port(port.parse()?);
    }
    let cloud = options.start().await?;
    println!("AWS_ENDPOINT_URL={} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1", cloud.endpoint());
    tokio::signal::ctrl_c().await?;
    cloud.shutdown().await;
    Ok(())
}
