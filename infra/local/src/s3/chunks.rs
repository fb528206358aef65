//! A stored body as a response's: its chunks in their order, without a copy of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use brigade::storage::{Body, Result};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

pub(super) struct Chunks {
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl Chunks {
    /// The embedded store's chunks are handles on what it holds, so that nothing is read ahead here.
    pub(super) async fn collect(body: Body) -> Result<Self> {
        let chunks = body.try_collect::<VecDeque<Bytes>>().await?;
        let remaining = chunks.iter().map(Bytes::len).sum();
        Ok(Self { chunks, remaining })
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.remaining
    }
}

impl Stream for Chunks {
    type Item = std::result::Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = self.chunks.pop_front();
        self.remaining -= chunk.as_ref().map_or(0, Bytes::len);
        Poll::Ready(chunk.map(Ok))
    }
}

impl ByteStream for Chunks {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.remaining)
    }
}
