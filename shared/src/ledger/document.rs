//! One JSON document in S3 that several writers share: read it, decide, replace it on condition.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::LedgerError;
use crate::storage::{Condition, Encryption, ErrorKind, Get, GetObject, Location, Nonces, PutOptions, Store, StoreError};

/// The bound of a document unless [`Documents::with_limit`] says otherwise.
pub const MAX_DOCUMENT_BYTES: u64 = 256 * 1024;
/// Attempts of one [`Documents::update`]: with so many lost in a row, others get their turn first.
const MAX_ATTEMPTS: u32 = 16;

/// What a document holds: a JSON object without members `v` and `nonce`, which every document has.
pub trait Stored: Serialize + DeserializeOwned + Send + Sync {
    /// The `"v"` that is written, and the newest one that is read.
    const VERSION: u32;

    /// Reads a document of an earlier version. `Err` says what is wrong with it.
    fn from_earlier(version: u32, _document: &[u8]) -> Result<Self, String> {
        Err(format!("format {version} is not known"))
    }
}

/// A document as one answer of S3 told it. Absent: neither value nor etag.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen<T> {
    /// What it holds; `None` where there is none yet.
    pub value: Option<T>,
    /// S3's own clock at that answer, to the second.
    pub date: OffsetDateTime,
    etag: Option<String>,
    nonce: Option<String>,
}

/// How a replacement ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Replaced<T> {
    /// It is durable: this is the document now.
    Written(Seen<T>),
    /// Somebody else wrote first: this is the document now. Decide anew.
    Contended(Seen<T>),
}

/// What a step decides about the document that it was shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<T, R> {
    /// Replace it with this; when it is durable, the answer is `R`.
    Write(T, R),
    /// Leave it as it is; the answer is `R`.
    Keep(R),
}

/// How an update ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated<T, R> {
    /// What the step answered, of the attempt that held. `None`: every attempt met somebody else's write.
    pub answer: Option<R>,
    /// The document as it is known now.
    pub seen: Seen<T>,
    /// How many attempts others' writes have made vain.
    pub lost: u32,
}

/// The documents of a ledger, in some store.
#[derive(Clone)]
pub struct Documents {
    store: Arc<dyn Store>,
    nonces: Arc<Nonces>,
    encryption: Encryption,
    limit: u64,
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    v: u32,
    nonce: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

#[derive(Deserialize)]
struct Label {
    v: u32,
    nonce: String,
}

impl Documents {
    /// Documents in `store`. The nonces must differ between processes: seeded only in tests.
    pub fn new(store: Arc<dyn Store>, nonces: Nonces) -> Self {
        Self { store, nonces: Arc::new(nonces), encryption: Encryption::Bucket, limit: MAX_DOCUMENT_BYTES }
    }

    /// What is written is encrypted so.
    pub fn with_encryption(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// A document has at most `bytes`.
    pub fn with_limit(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    /// The store behind.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// A nonce that nobody else has: for the owner of a claim, or for the name of an object that is written once.
    pub fn nonce(&self) -> String {
        self.nonces.next()
    }

    /// GetObject: the document, or that there is none.
    pub async fn read<T: Stored>(&self, at: &Location) -> Result<Seen<T>, LedgerError> {
        let got = match self.store.get(at, Get::default()).await {
            Ok(got) => got,
            Err(error) if is_absent(&error) => {
                let date = error.date.ok_or_else(|| undated(at))?;
                return Ok(Seen { value: None, date, etag: None, nonce: None });
            }
            Err(error) => return Err(error.into()),
        };
        let (etag, date) = (got.meta.etag.clone(), got.meta.date.ok_or_else(|| undated(at))?);
        let bytes = self.body(at, got).await?;
        let (value, nonce) = parse(at, &bytes)?;
        Ok(Seen { value: Some(value), date, etag: Some(etag), nonce: Some(nonce) })
    }

    /// PutObject under the condition that there is no such document, without a look before. `Ok`: it is there, this one or
    /// another's. Where another's write was still under way, nothing is there yet, and that is an error.
    pub async fn create<T: Stored>(&self, at: &Location, value: T) -> Result<Replaced<T>, LedgerError> {
        let absent = Seen { value: None, date: OffsetDateTime::UNIX_EPOCH, etag: None, nonce: None };
        match self.replace(at, &absent, value).await? {
            Replaced::Contended(now) if now.value.is_none() => Err(LedgerError::Contended { place: at.to_string() }),
            replaced => Ok(replaced),
        }
    }

    /// PutObject under the condition that the document is still what was `seen`: `If-Match`, or `If-None-Match: *` where
    /// there was none.
    ///
    /// Where S3's answer leaves open whose write is there (412, 409, 404, a throttle, no answer), the document is read
    /// again: with this write's nonce in it, the write has succeeded and only its reply was lost. `Err` of a write
    /// leaves open whether it will still land; it can only land on what was `seen`.
    pub async fn replace<T: Stored>(&self, at: &Location, seen: &Seen<T>, value: T) -> Result<Replaced<T>, LedgerError> {
        let nonce = self.nonces.next();
        let body = self.render(at, &nonce, &value)?;
        let condition = seen.etag.clone().map_or(Condition::IfAbsent, Condition::IfMatch);
        let options = PutOptions {
            condition,
            content_type: Some("application/json".to_owned()),
            encryption: self.encryption.clone(),
            ..PutOptions::default()
        };
        let error = match self.store.put(at, body, options).await {
            Ok(put) => {
                let date = put.date.ok_or_else(|| undated(at))?;
                return Ok(Replaced::Written(Seen { value: Some(value), date, etag: Some(put.etag), nonce: Some(nonce) }));
            }
            Err(error) if may_be_ours(&error) => error,
            Err(error) => return Err(error.into()),
        };
        let now: Seen<T> = self.read(at).await?;
        if now.nonce.as_ref() == Some(&nonce) {
            return Ok(Replaced::Written(now));
        }
        // Not answered, and nothing has changed: whether it lands later is open, so that this is no contention.
        if now.etag == seen.etag && !is_decided(&error) { Err(error.into()) } else { Ok(Replaced::Contended(now)) }
    }

    /// Reads, decides and replaces, until a step's decision holds; after 16 lost to others it gives up.
    ///
    /// `seen` saves the first read where the caller has just read or written the document. `step` is pure: it may be asked
    /// several times, and must find its own earlier decision in what it is shown, since a write whose reply was lost can
    /// land between two attempts.
    pub async fn update<T: Stored, R>(
        &self,
        at: &Location,
        seen: Option<Seen<T>>,
        mut step: impl FnMut(Option<&T>, OffsetDateTime) -> Step<T, R> + Send,
    ) -> Result<Updated<T, R>, LedgerError> {
        let mut seen = match seen {
            Some(seen) => seen,
            None => self.read(at).await?,
        };
        for lost in 0..MAX_ATTEMPTS {
            let (value, answer) = match step(seen.value.as_ref(), seen.date) {
                Step::Keep(answer) => return Ok(Updated { answer: Some(answer), seen, lost }),
                Step::Write(value, answer) => (value, answer),
            };
            if let Replaced::Written(seen) = self.replace(at, &seen, value).await? {
                return Ok(Updated { answer: Some(answer), seen, lost });
            }
            self.step_aside(lost + 1).await;
            seen = self.read(at).await?;
        }
        Ok(Updated { answer: None, seen, lost: MAX_ATTEMPTS })
    }

    /// A pause after so many attempts that were lost in a row: up to 20 ms after the first, up to 640 ms after the sixth and
    /// later ones, so that those who contend don't meet again at once.
    pub(super) async fn step_aside(&self, lost: u32) {
        let longest = 20_u64 << lost.saturating_sub(1).min(5);
        let drawn = u64::from_str_radix(&self.nonces.next(), 16).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(drawn % (longest + 1))).await;
    }

    fn render<T: Stored>(&self, at: &Location, nonce: &str, value: &T) -> Result<Bytes, LedgerError> {
        let document = Outgoing { v: T::VERSION, nonce, value };
        let unwritable = |error: serde_json::Error| damaged(at, error);
        let bytes = serde_json::to_vec(&document).map_err(unwritable)?;
        self.check(at, bytes.len() as u64)?;
        Ok(bytes.into())
    }

    async fn body(&self, at: &Location, got: GetObject) -> Result<Vec<u8>, LedgerError> {
        self.check(at, got.meta.size)?;
        let mut bytes = Vec::new();
        let mut body = got.body;
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes)
    }

    fn check(&self, at: &Location, bytes: u64) -> Result<(), LedgerError> {
        if bytes <= self.limit {
            return Ok(());
        }
        Err(LedgerError::TooLarge { place: at.to_string(), bytes, limit: self.limit })
    }
}

/// Reads a document: what it holds, and the nonce of the write that made it.
fn parse<T: Stored>(at: &Location, bytes: &[u8]) -> Result<(T, String), LedgerError> {
    let label: Label = serde_json::from_slice(bytes).map_err(|error| damaged(at, error))?;
    let value = match label.v {
        v if v == T::VERSION => serde_json::from_slice(bytes).map_err(|error| damaged(at, error))?,
        v if v > T::VERSION => return Err(LedgerError::Newer { place: at.to_string(), found: v, known: T::VERSION }),
        v => T::from_earlier(v, bytes).map_err(|reason| LedgerError::Damaged { place: at.to_string(), reason })?,
    };
    Ok((value, label.nonce))
}

/// serde's messages quote what they could not read; the place in the document is enough to find it.
fn damaged(at: &Location, error: serde_json::Error) -> LedgerError {
    let reason = format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column());
    LedgerError::Damaged { place: at.to_string(), reason }
}

fn undated(at: &Location) -> LedgerError {
    LedgerError::Undated { place: at.to_string() }
}

fn is_absent(error: &StoreError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker)
}

/// Errors that the second attempt of a write can get because the first one landed, or that hide whether it did.
fn may_be_ours(error: &StoreError) -> bool {
    use ErrorKind::*;
    matches!(error.kind, PreconditionFailed | Conflict | NotFound | Throttled | Unavailable)
}

/// S3 has judged the condition, or met another write: ours is not there and won't come.
fn is_decided(error: &StoreError) -> bool {
    use ErrorKind::*;
    matches!(error.kind, PreconditionFailed | Conflict | NotFound)
}

#[cfg(test)]
mod tests;
