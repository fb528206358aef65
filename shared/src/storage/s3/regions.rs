//! One client per region, made when a bucket there is first asked for.

use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::config::Region;
use aws_sdk_s3::{Client, Config};

use crate::event::BucketName;
use crate::storage::bounded::Bounded;

/// Clients that are kept. All share one HTTP client; the oldest goes when another region comes up.
const MAX_CLIENTS: usize = 16;
/// Buckets whose region is remembered. The oldest is forgotten first, and learnt again from S3's redirect.
const MAX_BUCKETS: usize = 1_000;

pub(super) struct Regions {
    config: Config,
    here: Client,
    /// With a custom endpoint the region in a request decides nothing about where it goes.
    fixed: bool,
    known: Mutex<Known>,
}

struct Known {
    buckets: Bounded<BucketName, Region>,
    clients: Bounded<Region, Client>,
}

impl Regions {
    pub(super) fn new(config: Config, fixed: bool) -> Self {
        let known = Known { buckets: Bounded::new(MAX_BUCKETS), clients: Bounded::new(MAX_CLIENTS) };
        Self { here: Client::from_conf(config.clone()), config, fixed, known: Mutex::new(known) }
    }

    /// The client for a bucket.
    pub(super) fn client(&self, bucket: &BucketName) -> Client {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(region) = known.buckets.get(bucket).filter(|region| Some(*region) != self.config.region()).cloned() else {
            return self.here.clone();
        };
        if let Some(client) = known.clients.get(&region) {
            return client.clone();
        }
        let client = Client::from_conf(self.config.to_builder().region(region.clone()).build());
        known.clients.insert(region, client.clone());
        client
    }

    /// Remembers a bucket's region. Whether requests for it go by that.
    pub(super) fn learn(&self, bucket: &BucketName, region: &str) -> bool {
        // An ARN names its region itself.
        if self.fixed || !is_region(region) || bucket.as_str().starts_with("arn:") {
            return false;
        }
        let region = Region::new(region.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.buckets.insert(bucket.clone(), region);
        true
    }
}

/// The region becomes a part of the host's name, and it comes from outside.
fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::BehaviorVersion;

    use super::*;

    fn regions(fixed: bool) -> Regions {
        let config = Config::builder().behavior_version(BehaviorVersion::v2026_01_12()).region(Region::new("us-east-1"));
        Regions::new(config.build(), fixed)
    }

    fn region_of(regions: &Regions, bucket: &str) -> String {
        regions.client(&BucketName::new(bucket)).config().region().unwrap().to_string()
    }

    #[test]
    fn a_bucket_is_asked_in_its_own_region() {
        let regions = regions(false);
        assert!(regions.learn(&BucketName::new("b"), "eu-west-1"));
        assert!(regions.learn(&BucketName::new("b"), "eu-west-1"), "two requests may learn it at once");
        assert!(!regions.learn(&BucketName::new("evil"), "evil.example/"));
        assert_eq!(region_of(&regions, "b"), "eu-west-1");
        assert_eq!(region_of(&regions, "other"), "us-east-1");
        assert_eq!(region_of(&regions, "evil"), "us-east-1");
    }

    #[test]
    fn more_regions_than_clients_are_kept_still_work() {
        let regions = regions(false);
        for n in 0..MAX_CLIENTS + 2 {
            regions.learn(&BucketName::new(format!("b{n}")), &format!("region-{n}"));
            assert_eq!(region_of(&regions, &format!("b{n}")), format!("region-{n}"));
        }
        assert_eq!(region_of(&regions, "b0"), "region-0");
    }

    #[test]
    fn a_custom_endpoint_has_one_region() {
        let regions = regions(true);
        assert!(!regions.learn(&BucketName::new("b"), "eu-west-1"));
        assert_eq!(region_of(&regions, "b"), "us-east-1");
    }
}
