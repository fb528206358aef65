//! Answers that are the same for every bucket, since all of them belong to one account and are as S3 makes them today.

use brigade::storage::{Head, Store};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Operations, errors, headers, location};

impl Operations {
    pub(super) fn get_bucket_acl(&self, req: S3Request<GetBucketAclInput>) -> S3Result<S3Response<GetBucketAclOutput>> {
        self.exists(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketAclOutput { grants: Some(self.grants()), owner: Some(self.owner()) }))
    }

    pub(super) fn put_bucket_acl(&self, req: S3Request<PutBucketAclInput>) -> S3Result<S3Response<PutBucketAclOutput>> {
        self.exists(&req.input.bucket)?;
        headers::no_acl(Some(req.input.acl.as_ref().map_or("", |acl| acl.as_str())))?;
        Ok(S3Response::new(PutBucketAclOutput {}))
    }

    pub(super) async fn get_object_acl(&self, req: S3Request<GetObjectAclInput>) -> S3Result<S3Response<GetObjectAclOutput>> {
        let at = location(&req.input.bucket, &req.input.key)?;
        self.store.head(&at, Head { version_id: req.input.version_id }).await.map_err(errors::of_store)?;
        Ok(S3Response::new(GetObjectAclOutput { grants: Some(self.grants()), owner: Some(self.owner()), ..Default::default() }))
    }

    pub(super) async fn put_object_acl(&self, req: S3Request<PutObjectAclInput>) -> S3Result<S3Response<PutObjectAclOutput>> {
        let at = location(&req.input.bucket, &req.input.key)?;
        self.store.head(&at, Head { version_id: req.input.version_id }).await.map_err(errors::of_store)?;
        headers::no_acl(Some(req.input.acl.as_ref().map_or("", |acl| acl.as_str())))?;
        Ok(S3Response::new(PutObjectAclOutput::default()))
    }

    pub(super) fn request_payment(
        &self,
        req: S3Request<GetBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
        self.exists(&req.input.bucket)?;
        let payer = Payer::from_static(Payer::BUCKET_OWNER);
        Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(payer) }))
    }

    pub(super) fn accelerate(
        &self,
        req: S3Request<GetBucketAccelerateConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketAccelerateConfigurationOutput>> {
        self.exists(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketAccelerateConfigurationOutput::default()))
    }

    pub(super) fn replication(
        &self,
        req: S3Request<GetBucketReplicationInput>,
    ) -> S3Result<S3Response<GetBucketReplicationOutput>> {
        self.exists(&req.input.bucket)?;
        Err(s3_error!(ReplicationConfigurationNotFoundError, "The replication configuration was not found"))
    }

    pub(super) fn website(&self, req: S3Request<GetBucketWebsiteInput>) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
        self.exists(&req.input.bucket)?;
        Err(s3_error!(NoSuchWebsiteConfiguration, "The specified bucket does not have a website configuration"))
    }

    pub(super) fn object_lock(
        &self,
        req: S3Request<GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
        self.exists(&req.input.bucket)?;
        Err(s3_error!(ObjectLockConfigurationNotFoundError, "Object Lock configuration does not exist for this bucket"))
    }

    pub(super) fn policy_status(
        &self,
        req: S3Request<GetBucketPolicyStatusInput>,
    ) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
        self.exists(&req.input.bucket)?;
        let status = PolicyStatus { is_public: Some(false) };
        Ok(S3Response::new(GetBucketPolicyStatusOutput { policy_status: Some(status) }))
    }
}
