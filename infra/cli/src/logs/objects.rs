//! Logs and parts in S3, for a command that reads and writes as if they were files.

use std::io::{self, Read};
use std::sync::Arc;

use brigade::aws::Clients;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{Body, Condition, ErrorKind, Get, List, Location, PutOptions, ReadCondition, Store, paging};
use brigade_compact::{Part, PartName, Sink, Table};
use bytes::{Buf, Bytes};
use futures::stream::{BoxStream, Fuse};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Runtime;

use super::inputs::{Input, Place, fits};
use crate::failure::Failure;

/// Requests that are under way while a log is read.
const AHEAD: usize = 16;

/// S3, asked for only where something is there.
pub(super) enum Objects {
    None,
    Some(Arc<Connection>),
}

pub(super) struct Connection {
    runtime: Runtime,
    store: Arc<dyn Store>,
}

/// `s3://bucket/rest`.
pub(super) fn place(uri: &str) -> Option<(BucketName, &str)> {
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/').unwrap_or((uri.strip_prefix("s3://")?, ""));
    (!bucket.is_empty()).then(|| (BucketName::new(bucket), key))
}

impl Objects {
    /// Connects where any of the places is in S3.
    pub(super) fn for_places<'a>(mut places: impl Iterator<Item = &'a String>) -> Result<Self, Failure> {
        if !places.any(|place| place.starts_with("s3://")) {
            return Ok(Self::None);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::environment("starting threads", error))?;
        let clients = runtime.block_on(Clients::checked_from_env()).map_err(|error| Failure::Environment(error.to_string()))?;
        let store = Arc::new(clients.s3_store(None));
        Ok(Self::Some(Arc::new(Connection { runtime, store })))
    }

    /// The connection; without one there is no place in S3 among the arguments.
    pub(super) fn connection(&self) -> Result<&Arc<Connection>, Failure> {
        match self {
            Self::Some(connection) => Ok(connection),
            Self::None => Err(Failure::Environment("S3 is not connected".to_owned())),
        }
    }

    /// The objects below `s3://bucket/prefix`; after a `*` or `?`, those that fit. Folder markers are none.
    pub(super) fn find(&self, uri: &str, found: &mut Vec<Input>) -> Result<(), Failure> {
        let connection = self.connection()?;
        let (bucket, pattern) = place(uri).ok_or_else(|| Failure::Usage(format!("{uri}: expected s3://bucket/prefix")))?;
        let prefix = pattern.find(['*', '?']).and_then(|at| pattern.get(..at)).unwrap_or(pattern);
        let exact = prefix.len() == pattern.len();
        let mut options = List { prefix: prefix.to_owned(), ..List::default() };
        loop {
            let listed = connection.runtime.block_on(connection.store.list(&bucket, options.clone()));
            let page = listed.map_err(|error| Failure::environment(uri, error))?;
            for object in page.objects {
                let key = object.key.as_str();
                if !key.ends_with('/') && (exact || fits(key, pattern)) {
                    let name = format!("s3://{}/{key}", bucket.as_str());
                    let location = Location::new(bucket.clone(), object.key.clone());
                    let archived = matches!(object.storage_class.as_str(), "GLACIER" | "DEEP_ARCHIVE");
                    found.push(Input { name, size: object.size, place: Place::Object(location, object.etag), archived });
                }
            }
            match page.continuation {
                Some(next) => options.continuation = Some(next),
                None => return Ok(()),
            }
        }
    }
}

impl Objects {
    /// The archived objects among these that can't be read, each with the reason.
    pub(super) fn unreadable(&self, inputs: &[Input]) -> Vec<(Input, String)> {
        let Self::Some(connection) = self else { return Vec::new() };
        let Connection { runtime, store } = connection.as_ref();
        let refused = |input: Input| async move {
            let Place::Object(at, _) = &input.place else { return None };
            let refusal = store.get(at, Get::default()).await.err()?;
            Some((input, refusal.to_string()))
        };
        let archived = inputs.iter().filter(|input| input.archived).cloned();
        let asked = futures::stream::iter(archived).map(refused).buffered(AHEAD);
        runtime.block_on(asked.filter_map(std::future::ready).collect())
    }
}

impl Connection {
    /// The rest of the keys that begin with `prefix`, so many at most.
    pub(super) fn names(&self, bucket: &BucketName, prefix: &str, at_most: Option<u16>) -> io::Result<Vec<String>> {
        let options = List { prefix: prefix.to_owned(), max_keys: at_most, ..List::default() };
        let keys = paging::list_all(self.store.as_ref(), bucket, options).take(at_most.map_or(usize::MAX, usize::from));
        let names = keys.map_ok(|entry| entry.key.as_str().strip_prefix(prefix).unwrap_or_default().to_owned());
        self.runtime.block_on(names.try_collect()).map_err(io::Error::other)
    }

    /// A small object, where there is one.
    pub(super) fn read(&self, bucket: &BucketName, key: &str) -> io::Result<Option<Vec<u8>>> {
        let at = Location::new(bucket.clone(), ObjectKey::new(key).map_err(io::Error::other)?);
        let bytes = self.runtime.block_on(async {
            let object = self.store.get(&at, Get::default()).await?;
            object
                .body
                .try_fold(Vec::new(), |mut all, chunk| async move {
                    all.extend_from_slice(&chunk);
                    Ok(all)
                })
                .await
        });
        match bytes {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some).map_err(io::Error::other),
        }
    }

    /// Writes an object where none of its name is; `false`: there is one.
    pub(super) fn create(&self, bucket: &BucketName, key: &str, bytes: Vec<u8>) -> io::Result<bool> {
        let at = Location::new(bucket.clone(), ObjectKey::new(key).map_err(io::Error::other)?);
        let options = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
        match self.runtime.block_on(self.store.put(&at, bytes.into(), options)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::PreconditionFailed => Ok(false),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Asks for the objects in their order, some ahead of their turn; one that has another ETag by now fails.
    pub(super) fn get_all(self: &Arc<Self>, objects: Vec<(Location, String)>) -> Bodies {
        let store = Arc::clone(&self.store);
        let get = move |(at, etag): (Location, String)| {
            let store = Arc::clone(&store);
            let options = Get { condition: ReadCondition::IfMatch(etag), ..Get::default() };
            async move { store.get(&at, options).await.map(|object| object.body) }
        };
        let bodies = futures::stream::iter(objects).map(get).buffered(AHEAD).boxed();
        Bodies { connection: Arc::clone(self), bodies }
    }
}

/// Objects that are being fetched.
pub(super) struct Bodies {
    connection: Arc<Connection>,
    bodies: BoxStream<'static, brigade::storage::Result<Body>>,
}

impl Bodies {
    /// The next object.
    pub(super) fn next(&mut self) -> io::Result<impl Read + use<>> {
        let body = self.connection.runtime.block_on(self.bodies.next());
        let body = body.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)?;
        Ok(BodyReader { connection: Arc::clone(&self.connection), body: body.fuse(), chunk: Bytes::new() })
    }
}

struct BodyReader {
    connection: Arc<Connection>,
    /// A reader may be asked again after its end.
    body: Fuse<Body>,
    chunk: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.connection.runtime.block_on(self.body.next()) {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
            }
        }
        let length = room.len().min(self.chunk.len());
        let (filled, _) = room.split_at_mut(length);
        self.chunk.copy_to_slice(filled);
        Ok(length)
    }
}

/// Writes parts as objects. A part is sent when it is complete, with `If-None-Match: *`.
pub(super) struct BucketSink {
    connection: Arc<Connection>,
    bucket: BucketName,
    /// Of the table, with a slash at its end, and of its rejects.
    prefixes: [String; 2],
    pub(super) written: Vec<Part>,
    pub(super) existing: Vec<Part>,
}

impl BucketSink {
    /// Records below `prefix`; rejects beside it.
    pub(super) fn new(connection: Arc<Connection>, bucket: BucketName, prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let prefixes = match prefix {
            "" => [String::new(), "_rejects/".to_owned()],
            prefix => [format!("{prefix}/"), format!("{prefix}_rejects/")],
        };
        Self { connection, bucket, prefixes, written: Vec::new(), existing: Vec::new() }
    }
}

impl Sink for BucketSink {
    type File = Vec<u8>;

    fn create(&mut self, _: &PartName) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn finish(&mut self, part: Part, file: Vec<u8>) -> io::Result<()> {
        let [records, rejects] = &self.prefixes;
        let prefix = if part.name.table == Table::Records { records } else { rejects };
        let key = format!("{prefix}{}", part.name.path());
        match self.connection.create(&self.bucket, &key, file)? {
            true => self.written.push(part),
            false => self.existing.push(part),
        }
        Ok(())
    }
}
