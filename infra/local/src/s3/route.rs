//! The S3 service behind the port, with what the protocol crate leaves to whoever serves it.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use s3s::service::S3Service;

use crate::front::{Request, Response, Route};

/// S3, to be called with HTTP requests.
pub struct S3Route {
    service: S3Service,
    requests: AtomicU64,
}

/// In a response's extensions: its status. The protocol crate passes extensions on, and only for errors a status.
#[derive(Clone, Copy)]
pub(super) struct Status(pub(super) StatusCode);

impl S3Route {
    pub(super) fn new(service: S3Service) -> Self {
        Self { service, requests: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Route for S3Route {
    /// Each reply gets a request id, which S3's always have and clients show.
    async fn call(&self, request: Request) -> Response {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut response = Route::call(&self.service, request).await;
        if let Some(Status(status)) = response.extensions().get().copied() {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&format!("{number:016X}")) {
            headers.insert("x-amz-request-id", id);
        }
        headers.insert("x-amz-id-2", HeaderValue::from_static("local"));
        response
    }
}
