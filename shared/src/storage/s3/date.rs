//! S3's own clock: the `Date` header of an answer, which the SDK's outputs don't carry.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use time::OffsetDateTime;

use crate::aws::date_of;

/// Notes the date of the answer to one request; of several attempts, the last one's.
#[derive(Clone, Debug, Default)]
pub(super) struct AnsweredAt(Arc<Mutex<Option<OffsetDateTime>>>);

impl AnsweredAt {
    /// `None` where no answer came, or one without a date.
    pub(super) fn date(&self) -> Option<OffsetDateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for AnsweredAt {
    fn name(&self) -> &'static str {
        "AnsweredAt"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date_of(context.response());
        Ok(())
    }
}
