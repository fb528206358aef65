//! The S3 protocol over an [`EmbeddedStore`]: crate `s3s` reads and signs the protocol, this room answers with the store.
//!
//! - Requests are signed with the one pair of keys there is ([`ACCESS_KEY`] is also the secret); anonymous ones are refused.
//! - A bucket is addressed by path, or by host below `localhost`.
//! - A body is held in memory once; each is bounded, and so are all together ([`Limits`]).
//! - Writes wait for room in the notifier, so that no change made through this door goes unannounced.
//!
//! Not here: object lock, SSE-C, replication, website hosting, select, access points, CORS preflight, and a full-object
//! checksum given when an upload is completed is not compared.

mod access;
mod attributes;
mod body;
mod bucket;
mod chunks;
mod conditions;
mod copy;
mod documents;
mod errors;
mod fields;
mod headers;
mod host;
mod listing;
mod multipart;
mod notification;
mod object;
mod operations;
mod owner;
mod route;
mod tags;

use std::sync::Arc;

use self::body::Intake;
use brigade::event::{BucketName, KeyError, ObjectKey};
use brigade::storage::{EmbeddedStore, Location};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::Owner;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Error, S3Result, s3_error};

use crate::access_log::AccessLogs;
use crate::notify::Notifier;

pub use self::route::S3Route;

/// The access key that the local cloud knows, and its secret.
pub const ACCESS_KEY: &str = "test";

/// What one request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one PUT, part or form upload. Beyond it: `EntityTooLarge`.
    pub body: usize,
    /// Bytes of a request's XML, such as the list of a batch delete.
    pub xml: usize,
    /// Bytes of all bodies that are on their way at once; requests beyond it wait for their turn. At least `body`.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 512 * 1024 * 1024, xml: 8 * 1024 * 1024, in_flight: 1024 * 1024 * 1024 }
    }
}

/// S3's side of the local cloud: what each operation works on.
#[derive(Clone)]
pub(crate) struct Operations {
    store: EmbeddedStore,
    notifier: Notifier,
    region: String,
    account: String,
    intake: Intake,
}

/// S3 over this store, its requests told to `logs`.
pub fn service(
    store: EmbeddedStore,
    notifier: Notifier,
    region: impl Into<String>,
    account: impl Into<String>,
    limits: Limits,
    logs: AccessLogs,
) -> S3Route {
    let (region, account) = (region.into(), account.into());
    let operations = Operations { store, notifier, region, account: account.clone(), intake: Intake::new(limits) };
    let mut config = S3Config::default();
    // A client that has met an error signs by the dates of our replies, and the cloud's clock may run far ahead.
    config.presigned_url_max_skew_time_secs = u32::MAX;
    config.xml_max_body_size = limits.xml;
    config.post_object_max_file_size = u64::try_from(limits.body).unwrap_or(u64::MAX);
    let mut builder = S3ServiceBuilder::new(operations);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(access::OneKey);
    builder.set_access(access::Gate { account });
    builder.set_host(host::Localhost);
    S3Route::new(builder.build(), logs)
}

impl Operations {
    fn owner(&self) -> Owner {
        Owner { id: Some(self.account.clone()), display_name: None }
    }

    fn default_kms_key(&self) -> String {
        format!("arn:aws:kms:{}:{}:alias/aws/s3", self.region, self.account)
    }
}

fn location(bucket: &str, key: &str) -> S3Result<Location> {
    Ok(Location::new(BucketName::new(bucket), ObjectKey::new(key).map_err(key_error)?))
}

fn key_error(error: KeyError) -> S3Error {
    match error {
        KeyError::TooLong(_) => s3_error!(KeyTooLongError, "Your key is too long"),
        KeyError::Empty | KeyError::NotUtf8 => s3_error!(InvalidArgument, "The object's key is not valid: {error}"),
    }
}
