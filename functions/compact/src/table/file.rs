//! One Parquet file that grows by row groups.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, TypePtr};

use crate::encode::{Encoded, Encoder};

/// A file that is being written.
pub(crate) struct PartFile<W: Write + Send> {
    writer: SerializedFileWriter<Counted<W>>,
    rows: u64,
}

impl<W: Write + Send> PartFile<W> {
    /// `sorted_by` is the number of the column that orders the rows.
    pub(crate) fn new(file: W, schema: TypePtr, sorted_by: Option<usize>) -> Result<Self> {
        let sorting =
            sorted_by.map(|column| vec![SortingColumn { column_idx: column as i32, descending: false, nulls_first: false }]);
        let properties = WriterProperties::builder()
            .set_created_by(format!("brigade-compact version {}", env!("CARGO_PKG_VERSION")))
            .set_sorting_columns(sorting)
            .build();
        Ok(Self { writer: SerializedFileWriter::new(Counted { file, bytes: 0 }, schema, Arc::new(properties))?, rows: 0 })
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Appends a row group: `column` encodes each in turn.
    pub(crate) fn row_group(
        &mut self,
        rows: usize,
        encoder: &mut Encoder,
        mut column: impl FnMut(usize, ColumnDescPtr, &mut Encoder) -> Result<Encoded>,
    ) -> Result<()> {
        let descriptors = self.writer.schema_descr().columns().to_vec();
        let mut group = self.writer.next_row_group()?;
        for (number, descriptor) in descriptors.into_iter().enumerate() {
            let (bytes, close) = column(number, descriptor, encoder)?;
            group.append_column(&Chunk(&bytes), close)?;
            encoder.reuse(bytes);
        }
        group.close()?;
        self.rows += rows as u64;
        Ok(())
    }

    /// Writes the footer; what it says beside the schema is in `notes`.
    pub(crate) fn finish(mut self, notes: &[(&str, String)]) -> Result<(W, u64)> {
        for (key, value) in notes {
            self.writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), value.clone()));
        }
        let Counted { file, bytes } = self.writer.into_inner()?;
        Ok((file, bytes))
    }
}

/// A file, and how much was written to it.
struct Counted<W> {
    file: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The bytes of an encoded column.
struct Chunk<'a>(&'a [u8]);

impl Length for Chunk<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

impl<'a> ChunkReader for Chunk<'a> {
    type T = &'a [u8];

    fn get_read(&self, start: u64) -> Result<Self::T> {
        usize::try_from(start).ok().and_then(|start| self.0.get(start..)).ok_or_else(out_of_bounds)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes).map_err(|_| out_of_bounds())?;
        Ok(bytes.into())
    }
}

fn out_of_bounds() -> ParquetError {
    ParquetError::EOF("outside of the column".to_owned())
}

/// What the writer of a part came upon.
pub(crate) fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}
