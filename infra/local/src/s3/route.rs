//! The S3 service behind the port, with what the protocol crate leaves to whoever serves it.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use brigade::storage::EmbeddedStore;
use hyper::StatusCode;
use hyper::header::{DATE, HeaderValue};
use s3s::service::S3Service;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::front::{Request, Response, Route};

/// S3, to be called with HTTP requests.
pub struct S3Route {
    service: S3Service,
    store: EmbeddedStore,
    requests: AtomicU64,
}

/// HTTP's date (RFC 9110, 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// In a response's extensions: its status. The protocol crate passes extensions on, and only for errors a status.
#[derive(Clone, Copy)]
pub(super) struct Status(pub(super) StatusCode);

impl S3Route {
    pub(super) fn new(service: S3Service, store: EmbeddedStore) -> Self {
        Self { service, store, requests: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Route for S3Route {
    /// Each reply gets a request id, which S3's always have and clients show, and the date that the store's clock shows:
    /// that clock may run faster than the machine's.
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
        let date = self.store.date().and_then(|date| date.format(HTTP_DATE).ok());
        if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
            headers.insert(DATE, date);
        }
        headers.insert("x-amz-id-2", HeaderValue::from_static("local"));
        response
    }
}
