//! Virtual-hosted buckets: `BUCKET.localhost` and `BUCKET.s3.localhost`; every other host is addressed by path.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Takes the bucket from a host under `localhost`.
pub(super) struct Localhost;

impl S3Host for Localhost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match bucket_of(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

/// The bucket that a `Host` header names; a port may follow.
pub(super) fn bucket_of(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let below = name.strip_suffix(".localhost")?;
    let bucket = below.strip_suffix(".s3").unwrap_or(below);
    (!bucket.is_empty() && bucket != "s3").then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_below_localhost_name_a_bucket() {
        let cases = [
            ("127.0.0.1", None),
            ("localhost", None),
            ("s3.localhost", None),
            ("photos.localhost", Some("photos")),
            ("photos.s3.localhost", Some("photos")),
            ("photos.localhost:4566", Some("photos")),
            ("my.photos.localhost", Some("my.photos")),
            ("example.com", None),
        ];
        for (host, expected) in cases {
            assert_eq!(bucket_of(host), expected, "{host}");
        }
    }
}
