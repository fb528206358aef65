//! thumbnail, with a configuration and the one that takes its place in mid-run.

use std::sync::Arc;

use brigade::config::{Common, Environment};
use brigade::derived::Template;
use brigade::event::{BucketName, EventKind};
use brigade::storage::{OwnWrites, Store};
use brigade::worker::Worker;
use brigade_thumbnail::{Config, Thumbnail};

use crate::function::{Deployment, Reach};
use crate::layer::Layered;
use crate::places::{DERIVED, KMS_KEY, SOURCES, parked_url};
use crate::sabotage::{Keeping, Sabotage, Sabotaged, Saboteur};
use crate::scenario::Scenario;

/// Eight passes, each with at most some 40 requests, and the end.
const REQUESTS_PER_MESSAGE: u64 = 8 * 40 + 10;

pub(crate) struct ThumbnailDeployed {
    configs: [Config; 2],
    takes_removals: bool,
    sabotage: Option<Keeping>,
}

impl ThumbnailDeployed {
    pub(crate) fn new(scenario: &Scenario, sabotage: Option<Sabotage>) -> Self {
        let configs = [config(scenario, "2,1", "1"), config(scenario, "3,1", "2")];
        let sabotage = match sabotage {
            Some(Sabotage::Thumbnail(sabotage)) => Some(sabotage),
            _ => None,
        };
        Self { configs, takes_removals: scenario.thumbnail_takes_removals, sabotage }
    }

    /// The configuration of this generation, from 1.
    pub(crate) fn config(&self, generation: u32) -> &Config {
        let [first, second] = &self.configs;
        if generation > 1 { second } else { first }
    }

    pub(crate) fn template(&self) -> &Template {
        &self.config(1).template
    }
}

impl Deployment for ThumbnailDeployed {
    fn name(&self) -> &'static str {
        "thumbnail"
    }

    fn common(&self, generation: u32) -> &Common {
        &self.config(generation).common
    }

    fn takes(&self, bucket: &BucketName, kind: &EventKind) -> bool {
        bucket.as_str() == SOURCES && (self.takes_removals || kind.is_created())
    }

    fn has_generations(&self) -> bool {
        true
    }

    fn requests_per_message(&self) -> u64 {
        REQUESTS_PER_MESSAGE
    }

    fn worker(&self, reach: Reach) -> Box<dyn Worker> {
        let config = self.config(reach.generation);
        let truth = reach.store.inner().clone();
        // Without the nonce, a worker meets its own first attempt as a 412.
        let store: Arc<dyn Store> = match self.sabotage {
            Some(Keeping::RefusedIsDone) => Arc::new(reach.store),
            _ => Arc::new(OwnWrites::new(reach.store, reach.nonces)),
        };
        let Some(sabotage) = self.sabotage else { return Box::new(Thumbnail::new(config, store)) };
        let store = Arc::new(Layered(Sabotaged::new(store, truth, sabotage, config.template.clone())));
        Box::new(Saboteur::new(Box::new(Thumbnail::new(config, Arc::clone(&store) as Arc<dyn Store>)), store))
    }
}

/// The template of the outputs.
pub(super) fn output(scenario: &Scenario) -> String {
    let version = if scenario.versioned_names { "-{version}" } else { "" };
    format!("s3://{DERIVED}/thumbnails/{{bucket}}/{{key}}/{{size}}{version}.{{ext}}")
}

fn config(scenario: &Scenario, sizes: &str, generation: &str) -> Config {
    let output = output(scenario);
    let input = format!("s3://{SOURCES}/uploads/*");
    let parked = parked_url("thumbnail");
    let environment: Environment = [
        ("BRIGADE_INPUT", input.as_str()),
        ("BRIGADE_OUTPUT", output.as_str()),
        ("BRIGADE_SIZES", sizes),
        ("BRIGADE_GENERATION", generation),
        ("BRIGADE_PARKED", parked.as_str()),
        // One record at a time: with two, it would depend on this machine whose rendering ends first.
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
        ("BRIGADE_ENCRYPTION", if scenario.derived_kms { KMS_KEY } else { "bucket" }),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).expect("the configuration is right")
}
