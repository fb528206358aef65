//! The trace header that lets Lambda see, and stop, a loop of functions and buckets.
//!
//! The SDK takes the header from the environment variable `_X_AMZN_TRACE_ID`, which the Lambda runtime sets only where it
//! handles one invocation at a time. With several at once, a variable of the process could only be wrong: there the header
//! travels with the task.

use std::borrow::Cow;
use std::future::Future;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

const HEADER: &str = "x-amzn-trace-id";
const VARIABLE: &str = "_X_AMZN_TRACE_ID";

tokio::task_local! {
    static TRACE_ID: String;
}

/// Runs `future` so that every request of this crate's clients in it carries the trace header `id`, as the invocation's
/// context gives it.
///
/// It holds for what the future itself polls, also through `join` and `FuturesUnordered`. A task spawned inside does not
/// inherit it and needs its own `with_trace`.
pub async fn with_trace<F: Future>(id: impl Into<String>, future: F) -> F::Output {
    TRACE_ID.scope(id.into(), future).await
}

/// The interceptor that adds the header: every client of [`super::Clients`] has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceHeader;

#[dyn_dispatch_hint]
impl Intercept for TraceHeader {
    fn name(&self) -> &'static str {
        "TraceHeader"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Where the runtime has set the variable, the SDK's own interceptor adds the header.
        if std::env::var_os(VARIABLE).is_some() {
            return Ok(());
        }
        if let Ok(id) = TRACE_ID.try_with(String::clone) {
            let headers = context.request_mut().headers_mut();
            if headers.get(HEADER).is_none() {
                headers.try_insert(Cow::Borrowed(HEADER), Cow::Owned(header_value(&id)))?;
            }
        }
        Ok(())
    }
}

/// Control characters would make the whole request fail; they are dropped.
fn header_value(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::Scripted;
    use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};

    async fn header_sent(trace: Option<&str>) -> Option<String> {
        let http = Scripted::new([Some((200, vec![], "{}"))]);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(http.client())
            .interceptor(TraceHeader)
            .build();
        let send = aws_sdk_sqs::Client::from_conf(config).send_message().queue_url("https://q").message_body("b").send();
        match trace {
            Some(id) => with_trace(id, send).await.unwrap(),
            None => send.await.unwrap(),
        };
        http.asked()[0].header(HEADER).map(str::to_owned)
    }

    #[tokio::test]
    async fn the_header_is_that_of_the_task() {
        let id = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0";
        let (mine, other) = futures::join!(header_sent(Some(id)), header_sent(Some("Root=1-2-3\r\n")));
        assert_eq!(mine.as_deref(), Some(id));
        assert_eq!(other.as_deref(), Some("Root=1-2-3"));
        assert_eq!(header_sent(None).await, None);
    }
}
