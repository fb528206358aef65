//! Bucket configurations that the local cloud keeps and gives back; of these it acts on logging alone.
//!
//! Each is stored as the XML (or JSON) document that S3 knows, under one name per kind, so that whoever reads the store
//! reads S3's own form.

use brigade::event::BucketName;
use hyper::StatusCode;
use s3s::dto::*;
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Operations, errors};

/// The names under which the documents lie in the store.
mod name {
    pub(super) const CORS: &str = "cors";
    pub(super) const ENCRYPTION: &str = "encryption";
    pub(super) const LIFECYCLE: &str = "lifecycle";
    pub(super) const LOGGING: &str = crate::access_log::CONFIG_NAME;
    pub(super) const OWNERSHIP: &str = "ownership";
    pub(super) const POLICY: &str = "policy";
    pub(super) const PUBLIC_ACCESS: &str = "public-access-block";
    pub(super) const TAGGING: &str = "tagging";
}

impl Operations {
    fn keep<T: Serialize>(&self, bucket: &str, name: &str, document: &T) -> S3Result<()> {
        let mut xml = Vec::new();
        document.serialize(&mut Serializer::new(&mut xml)).map_err(|e| s3_error!(e, InternalError))?;
        let xml = String::from_utf8(xml).map_err(|e| s3_error!(e, InternalError))?;
        self.store.set_config(&BucketName::new(bucket), name, Some(xml)).map_err(errors::of_store)
    }

    fn kept<T: for<'xml> Deserialize<'xml>>(&self, bucket: &str, name: &str) -> S3Result<Option<T>> {
        let Some(xml) = self.kept_text(bucket, name)? else { return Ok(None) };
        let mut reader = Deserializer::new(xml.as_bytes());
        T::deserialize(&mut reader).map(Some).map_err(|e| s3_error!(e, InternalError))
    }

    fn kept_text(&self, bucket: &str, name: &str) -> S3Result<Option<String>> {
        self.store.config(&BucketName::new(bucket), name).map_err(errors::of_store)
    }

    fn drop_document(&self, bucket: &str, name: &str) -> S3Result<()> {
        self.store.set_config(&BucketName::new(bucket), name, None).map_err(errors::of_store)
    }

    pub(super) fn get_cors(&self, req: S3Request<GetBucketCorsInput>) -> S3Result<S3Response<GetBucketCorsOutput>> {
        let found: Option<CORSConfiguration> = self.kept(&req.input.bucket, name::CORS)?;
        let found = found.ok_or_else(|| s3_error!(NoSuchCORSConfiguration, "The CORS configuration does not exist"))?;
        Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(found.cors_rules) }))
    }

    pub(super) fn put_cors(&self, req: S3Request<PutBucketCorsInput>) -> S3Result<S3Response<PutBucketCorsOutput>> {
        self.keep(&req.input.bucket, name::CORS, &req.input.cors_configuration)?;
        Ok(S3Response::new(PutBucketCorsOutput {}))
    }

    pub(super) fn delete_cors(&self, req: S3Request<DeleteBucketCorsInput>) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        self.drop_document(&req.input.bucket, name::CORS)?;
        Ok(S3Response::new(DeleteBucketCorsOutput {}))
    }

    /// S3 encrypts each bucket with its own key unless told otherwise, so that there is always an answer.
    pub(super) fn get_encryption(
        &self,
        req: S3Request<GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
        let found: Option<ServerSideEncryptionConfiguration> = self.kept(&req.input.bucket, name::ENCRYPTION)?;
        let default = || ServerSideEncryptionConfiguration {
            rules: vec![ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                    kms_master_key_id: None,
                    sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
                }),
                bucket_key_enabled: Some(false),
            }],
        };
        let configuration = found.unwrap_or_else(default);
        Ok(S3Response::new(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) }))
    }

    pub(super) fn put_encryption(
        &self,
        req: S3Request<PutBucketEncryptionInput>,
    ) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
        self.keep(&req.input.bucket, name::ENCRYPTION, &req.input.server_side_encryption_configuration)?;
        Ok(S3Response::new(PutBucketEncryptionOutput {}))
    }

    pub(super) fn delete_encryption(
        &self,
        req: S3Request<DeleteBucketEncryptionInput>,
    ) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
        self.drop_document(&req.input.bucket, name::ENCRYPTION)?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput {}))
    }

    pub(super) fn get_lifecycle(
        &self,
        req: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
        let found: Option<BucketLifecycleConfiguration> = self.kept(&req.input.bucket, name::LIFECYCLE)?;
        let none = || s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist");
        let rules = Some(found.ok_or_else(none)?.rules);
        let minimum = TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K;
        Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
            rules,
            transition_default_minimum_object_size: Some(TransitionDefaultMinimumObjectSize::from_static(minimum)),
        }))
    }

    pub(super) fn put_lifecycle(
        &self,
        req: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
        let missing = || s3_error!(MalformedXML, "The XML you provided was not well-formed");
        self.keep(&req.input.bucket, name::LIFECYCLE, &req.input.lifecycle_configuration.ok_or_else(missing)?)?;
        Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: req.input.transition_default_minimum_object_size,
        }))
    }

    pub(super) fn delete_lifecycle(
        &self,
        req: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
        self.drop_document(&req.input.bucket, name::LIFECYCLE)?;
        Ok(S3Response::new(DeleteBucketLifecycleOutput {}))
    }

    pub(super) fn get_logging(&self, req: S3Request<GetBucketLoggingInput>) -> S3Result<S3Response<GetBucketLoggingOutput>> {
        let found: Option<BucketLoggingStatus> = self.kept(&req.input.bucket, name::LOGGING)?;
        Ok(S3Response::new(GetBucketLoggingOutput { logging_enabled: found.and_then(|f| f.logging_enabled) }))
    }

    pub(super) fn put_logging(&self, req: S3Request<PutBucketLoggingInput>) -> S3Result<S3Response<PutBucketLoggingOutput>> {
        self.exists(&req.input.bucket)?;
        if let Some(enabled) = &req.input.bucket_logging_status.logging_enabled {
            let missing = |_| s3_error!(InvalidTargetBucketForLogging, "The target bucket for logging does not exist");
            self.store.bucket(&BucketName::new(enabled.target_bucket.as_str())).map_err(missing)?;
        }
        self.keep(&req.input.bucket, name::LOGGING, &req.input.bucket_logging_status)?;
        Ok(S3Response::new(PutBucketLoggingOutput {}))
    }

    pub(super) fn get_ownership(
        &self,
        req: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
        let found: Option<OwnershipControls> = self.kept(&req.input.bucket, name::OWNERSHIP)?;
        let enforced =
            || OwnershipControlsRule { object_ownership: ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED) };
        let controls = found.unwrap_or_else(|| OwnershipControls { rules: vec![enforced()] });
        Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls: Some(controls) }))
    }

    pub(super) fn put_ownership(
        &self,
        req: S3Request<PutBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
        self.keep(&req.input.bucket, name::OWNERSHIP, &req.input.ownership_controls)?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
    }

    pub(super) fn get_policy(&self, req: S3Request<GetBucketPolicyInput>) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        let none = || s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist");
        let policy = self.kept_text(&req.input.bucket, name::POLICY)?.ok_or_else(none)?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
    }

    pub(super) fn put_policy(&self, req: S3Request<PutBucketPolicyInput>) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        let policy = req.input.policy;
        if !serde_json::from_str::<serde_json::Value>(&policy).is_ok_and(|policy| policy.is_object()) {
            return Err(s3_error!(MalformedPolicy, "Policies must be valid JSON and the first byte must be '{{'"));
        }
        let bucket = BucketName::new(req.input.bucket);
        self.store.set_config(&bucket, name::POLICY, Some(policy)).map_err(errors::of_store)?;
        Ok(S3Response::new(PutBucketPolicyOutput {}))
    }

    pub(super) fn delete_policy(
        &self,
        req: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
        self.drop_document(&req.input.bucket, name::POLICY)?;
        Ok(S3Response::new(DeleteBucketPolicyOutput {}))
    }

    pub(super) fn get_public_access(
        &self,
        req: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
        let found: Option<PublicAccessBlockConfiguration> = self.kept(&req.input.bucket, name::PUBLIC_ACCESS)?;
        let found = found.ok_or_else(no_public_access_block)?;
        Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(found) }))
    }

    pub(super) fn put_public_access(
        &self,
        req: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
        self.keep(&req.input.bucket, name::PUBLIC_ACCESS, &req.input.public_access_block_configuration)?;
        Ok(S3Response::new(PutPublicAccessBlockOutput {}))
    }

    pub(super) fn delete_public_access(
        &self,
        req: S3Request<DeletePublicAccessBlockInput>,
    ) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
        self.drop_document(&req.input.bucket, name::PUBLIC_ACCESS)?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput {}))
    }

    pub(super) fn get_bucket_tags(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        let found: Option<Tagging> = self.kept(&req.input.bucket, name::TAGGING)?;
        let found = found.ok_or_else(|| s3_error!(NoSuchTagSet, "The TagSet does not exist"))?;
        Ok(S3Response::new(GetBucketTaggingOutput { tag_set: found.tag_set }))
    }

    pub(super) fn put_bucket_tags(
        &self,
        req: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<S3Response<PutBucketTaggingOutput>> {
        self.keep(&req.input.bucket, name::TAGGING, &req.input.tagging)?;
        Ok(S3Response::new(PutBucketTaggingOutput {}))
    }

    pub(super) fn delete_bucket_tags(
        &self,
        req: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
        self.drop_document(&req.input.bucket, name::TAGGING)?;
        Ok(S3Response::new(DeleteBucketTaggingOutput {}))
    }

    /// The one grant there is: everything belongs to the account.
    pub(super) fn grants(&self) -> Vec<Grant> {
        let owner = self.owner();
        let grantee = Grantee {
            display_name: owner.display_name,
            email_address: None,
            id: owner.id,
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        };
        vec![Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }]
    }

    /// The bucket is there; else NoSuchBucket.
    pub(super) fn exists(&self, bucket: &str) -> S3Result<()> {
        self.store.bucket(&BucketName::new(bucket)).map(|_| ()).map_err(errors::of_store)
    }
}

fn no_public_access_block() -> S3Error {
    let message = "The public access block configuration was not found";
    errors::custom("NoSuchPublicAccessBlockConfiguration", StatusCode::NOT_FOUND, message)
}
