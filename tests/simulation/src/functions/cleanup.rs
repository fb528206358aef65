//! cleanup, beside thumbnail: its queue takes removals, and it announces to the topic of the sources.

use std::sync::Arc;

use brigade::config::{Common, Environment};
use brigade::event::{BucketName, EventKind};
use brigade::storage::{OwnWrites, Store};
use brigade::worker::{Topic, Worker};
use brigade_cleanup::{Cleanup, Config};

use super::thumbnail::output;
use crate::function::{Deployment, Reach};
use crate::layer::Layered;
use crate::places::{KMS_KEY, SOURCES, TOPIC_ARN, parked_url};
use crate::sabotage::{Announcing, AsRemovals, Keeping, Reticent, Sabotage, Sabotaged, Saboteur};
use crate::scenario::Scenario;

/// Eight passes, each with at most some 40 requests (two sizes, in two configurations, with their versions), and the end.
const REQUESTS_PER_MESSAGE: u64 = 8 * 40 + 10;

pub(crate) struct CleanupDeployed {
    config: Config,
    sabotage: Option<Sabotage>,
}

impl CleanupDeployed {
    pub(crate) fn new(scenario: &Scenario, sabotage: Option<Sabotage>) -> Self {
        Self { config: config(scenario), sabotage }
    }

    /// The worker on a store that lies to it.
    fn sabotaged(&self, sabotage: Keeping, store: Arc<dyn Store>, reach: &Reach, topic: Arc<dyn Topic>) -> Box<dyn Worker> {
        let template = self.config.templates.first().expect("a template is configured").clone();
        let store = Arc::new(Layered(Sabotaged::new(store, reach.store.inner().clone(), sabotage, template)));
        let worker = Cleanup::new(&self.config, Arc::clone(&store) as Arc<dyn Store>, topic);
        Box::new(Saboteur::new(Box::new(worker), store))
    }
}

impl Deployment for CleanupDeployed {
    fn name(&self) -> &'static str {
        "cleanup"
    }

    fn common(&self, _generation: u32) -> &Common {
        &self.config.common
    }

    fn takes(&self, bucket: &BucketName, kind: &EventKind) -> bool {
        let too_much = self.sabotage == Some(Sabotage::Announcing(Announcing::OfCreations));
        bucket.as_str() == SOURCES && (kind.is_removed() || too_much)
    }

    fn requests_per_message(&self) -> u64 {
        REQUESTS_PER_MESSAGE
    }

    fn worker(&self, reach: Reach) -> Box<dyn Worker> {
        let (config, topic) = (&self.config, reach.announcer() as Arc<dyn Topic>);
        let store: Arc<dyn Store> = Arc::new(OwnWrites::new(reach.store.clone(), reach.nonces.clone()));
        match self.sabotage {
            Some(Sabotage::Cleanup(Keeping::RefusedIsDone)) => {
                self.sabotaged(Keeping::RefusedIsDone, Arc::new(reach.store.clone()), &reach, topic)
            }
            Some(Sabotage::Cleanup(sabotage)) => self.sabotaged(sabotage, store, &reach, topic),
            Some(Sabotage::Announcing(Announcing::OfCreations)) => Box::new(AsRemovals(Cleanup::new(config, store, topic))),
            Some(Sabotage::Announcing(announcing)) => {
                let template = config.templates.first().expect("a template is configured").clone();
                let topic = Reticent::new(topic, reach.store.inner().clone(), template, announcing);
                Box::new(Cleanup::new(config, store, Arc::new(topic)))
            }
            _ => Box::new(Cleanup::new(config, store, topic)),
        }
    }
}

fn config(scenario: &Scenario) -> Config {
    let (output, input, parked) = (output(scenario), format!("s3://{SOURCES}/uploads/*"), parked_url("cleanup"));
    let environment: Environment = [
        ("BRIGADE_INPUT", input.as_str()),
        ("BRIGADE_OUTPUT", output.as_str()),
        ("BRIGADE_ANNOUNCE", TOPIC_ARN),
        ("BRIGADE_ON_DELETE", if scenario.withdraws { "tag" } else { "delete" }),
        ("BRIGADE_NONCURRENT", if scenario.clears_noncurrent { "delete" } else { "keep" }),
        ("BRIGADE_PARKED", parked.as_str()),
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
        ("BRIGADE_ENCRYPTION", if scenario.derived_kms { KMS_KEY } else { "bucket" }),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).expect("the configuration is right")
}
