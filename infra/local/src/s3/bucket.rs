//! Buckets and their versioning.

use brigade::event::BucketName;
use brigade::storage::embedded::Versioning;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::listing::page_size;
use super::{Operations, errors};

/// The region whose buckets have no location constraint.
const FIRST_REGION: &str = "us-east-1";

impl Operations {
    pub(super) fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let input = req.input;
        let constraint = input.create_bucket_configuration.and_then(|c| c.location_constraint);
        let region = constraint.map_or_else(|| self.region.clone(), |region| region.as_str().to_owned());
        let bucket = BucketName::new(input.bucket.as_str());
        match self.store.create_bucket(&bucket, &region) {
            Ok(()) => {}
            // In this region alone, making one's own bucket once more succeeds.
            Err(error) if error.code == "BucketAlreadyOwnedByYou" && region == FIRST_REGION => {}
            Err(error) => return Err(errors::of_store(error)),
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
    }

    pub(super) fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.store.delete_bucket(&BucketName::new(req.input.bucket)).map_err(errors::of_store)?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    pub(super) fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let info = self.store.bucket(&BucketName::new(req.input.bucket)).map_err(errors::of_store)?;
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(info.region), ..Default::default() }))
    }

    pub(super) fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let input = req.input;
        let limit = usize::from(page_size(input.max_buckets)?);
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.unwrap_or_default();
        let mut rest = self.store.buckets().into_iter().filter(|bucket| {
            let name = bucket.name.as_str();
            let in_region = input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region);
            name.starts_with(&prefix) && name > after.as_str() && in_region
        });
        let page = rest.by_ref().take(limit).collect::<Vec<_>>();
        let more = rest.next().is_some();
        let continuation_token = page.last().filter(|_| more).map(|bucket| bucket.name.as_str().to_owned());
        let buckets = page.into_iter().map(|bucket| Bucket {
            name: Some(bucket.name.as_str().to_owned()),
            creation_date: Some(Timestamp::from(bucket.created)),
            bucket_region: Some(bucket.region),
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            continuation_token,
            owner: Some(self.owner()),
            prefix: input.prefix,
        }))
    }

    pub(super) fn location(&self, req: S3Request<GetBucketLocationInput>) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let info = self.store.bucket(&BucketName::new(req.input.bucket)).map_err(errors::of_store)?;
        let constraint = (info.region != FIRST_REGION).then(|| BucketLocationConstraint::from(info.region));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: constraint }))
    }

    pub(super) fn get_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let versioning = self.store.versioning(&BucketName::new(req.input.bucket)).map_err(errors::of_store)?;
        let status = match versioning {
            Versioning::Unversioned => None,
            Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
            Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
        };
        Ok(S3Response::new(GetBucketVersioningOutput { status, mfa_delete: None }))
    }

    pub(super) fn put_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let asked = req.input.versioning_configuration.status;
        let versioning = match asked.as_ref().map(BucketVersioningStatus::as_str) {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(s3_error!(IllegalVersioningConfigurationException, "The Versioning element must be specified")),
        };
        self.store.set_versioning(&BucketName::new(req.input.bucket), versioning).map_err(errors::of_store)?;
        Ok(S3Response::new(PutBucketVersioningOutput {}))
    }
}
