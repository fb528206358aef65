//! The pages of one column in one row group, compressed, with their statistics and their index.

use std::{io, mem};

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use super::Encoded;
use super::bits::hybrid;

/// Statistics hold this much of a text.
const MAX_STATISTIC: usize = 64;

/// What is used for one column after the other: compression's contexts and buffers.
pub(crate) struct Encoder {
    fast: Compressor<'static>,
    usual: Compressor<'static>,
    body: Vec<u8>,
    compressed: Vec<u8>,
    levels: Vec<u32>,
    chunk: Vec<u8>,
}

impl Encoder {
    /// With `level` of ZSTD; columns of random text have level 1 in any case, since more gains nothing there.
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        let (fast, usual) = (Compressor::new(1)?, Compressor::new(level)?);
        Ok(Self { fast, usual, body: Vec::new(), compressed: Vec::new(), levels: Vec::new(), chunk: Vec::new() })
    }

    /// Takes the bytes of a chunk back when they are written: the next one is made in their room.
    pub(crate) fn reuse(&mut self, mut chunk: Vec<u8>) {
        chunk.clear();
        self.chunk = chunk;
    }
}

/// Least and greatest value of a page or of a chunk, as plain-encoded bytes (without a length).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) min: Vec<u8>,
    pub(super) max: Vec<u8>,
}

/// One column of one row group while it is written.
pub(crate) struct Chunk<'a> {
    column: ColumnDescPtr,
    encoder: &'a mut Encoder,
    random: bool,
    out: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    indexed: bool,
    dictionary: Option<i64>,
    data: Option<i64>,
    encodings: Vec<(PageType, Encoding, i32)>,
    uncompressed: i64,
    rows: i64,
    nulls: i64,
}

impl<'a> Chunk<'a> {
    pub(crate) fn new(column: ColumnDescPtr, random: bool, encoder: &'a mut Encoder) -> Self {
        let index = ColumnIndexBuilder::new(column.physical_type());
        Self {
            column,
            random,
            out: TrackedWrite::new(mem::take(&mut encoder.chunk)),
            encoder,
            offsets: OffsetIndexBuilder::new(),
            index,
            indexed: true,
            dictionary: None,
            data: None,
            encodings: Vec::new(),
            uncompressed: 0,
            rows: 0,
            nulls: 0,
        }
    }

    /// The dictionary of so many values, which are encoded plainly. Comes before all data pages.
    pub(super) fn dictionary(&mut self, values: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let page = |buf| Page::DictionaryPage { buf, num_values: values as u32, encoding: Encoding::PLAIN, is_sorted: false };
        let mut body = mem::take(&mut self.encoder.body);
        body.clear();
        encode(&mut body);
        let (offset, _) = self.write(&body, PageType::DICTIONARY_PAGE, Encoding::PLAIN, page)?;
        self.encoder.body = body;
        self.dictionary = Some(offset);
        Ok(())
    }

    /// A data page: which of its rows are null (`nulls` of them), what its values range over (`None` where it has none, or
    /// where they are not looked at), and how the others are encoded.
    pub(super) fn page(
        &mut self,
        filled: impl Iterator<Item = bool>,
        range: Option<Range>,
        encoding: Encoding,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        let mut levels = mem::take(&mut self.encoder.levels);
        levels.clear();
        levels.extend(filled.map(u32::from));
        let rows = levels.len();
        let nulls = levels.iter().filter(|level| **level == 0).count();
        let mut body = mem::take(&mut self.encoder.body);
        body.clear();
        if self.column.max_def_level() > 0 {
            body.extend([0; 4]);
            hybrid(&levels, 1, &mut body);
            let length = (body.len() - 4) as u32;
            if let Some(prefix) = body.first_chunk_mut::<4>() {
                *prefix = length.to_le_bytes();
            }
        }
        encode(&mut body);
        let page = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, bytes) = self.write(&body, PageType::DATA_PAGE, encoding, page)?;
        (self.encoder.levels, self.encoder.body) = (levels, body);
        self.data.get_or_insert(offset);
        self.offsets.append_offset_and_size(offset, bytes as i32);
        self.offsets.append_row_count(rows as i64);
        self.rows += rows as i64;
        self.nulls += nulls as i64;
        let empty = nulls == rows;
        match range {
            _ if empty => self.index.append(true, Vec::new(), Vec::new(), nulls as i64, None),
            Some(range) => self.index.append(false, floor(&range.min), ceiling(&range.max), nulls as i64, None),
            None => self.indexed = false,
        }
        Ok(())
    }

    /// Compresses and writes a page; returns its offset in the chunk and its bytes with the header.
    fn write(
        &mut self,
        body: &[u8],
        kind: PageType,
        encoding: Encoding,
        page: impl FnOnce(Bytes) -> Page,
    ) -> Result<(i64, u64)> {
        let compressor = if self.random { &mut self.encoder.fast } else { &mut self.encoder.usual };
        let mut compressed = mem::take(&mut self.encoder.compressed);
        compressed.clear();
        compressed.reserve(compress_bound(body.len()));
        compressor.compress_to_buffer(body, &mut compressed)?;
        let header_begin = self.out.bytes_written() as i64;
        let compressed = Bytes::from(compressed);
        let page = CompressedPage::new(page(compressed.clone()), body.len());
        let spec = SerializedPageWriter::new(&mut self.out).write_page(page)?;
        // The page is gone, so that this is the same room again.
        self.encoder.compressed = compressed.into();
        // `spec.uncompressed_size` counts the header, too.
        self.uncompressed += spec.uncompressed_size as i64;
        match self.encodings.iter_mut().find(|(k, e, _)| (*k, *e) == (kind, encoding)) {
            Some((_, _, pages)) => *pages += 1,
            None => self.encodings.push((kind, encoding, 1)),
        }
        Ok((header_begin, spec.bytes_written))
    }

    /// The chunk's bytes, and what the footer says of it. `range` is that of all pages; `ascending` where they are sorted.
    pub(super) fn finish(mut self, range: Option<&Range>, ascending: bool) -> Result<Encoded> {
        if ascending {
            self.index.set_boundary_order(BoundaryOrder::ASCENDING);
        }
        let compression = Compression::ZSTD(ZstdLevel::default());
        let mut encodings = vec![Encoding::RLE];
        encodings.extend(self.encodings.iter().map(|(_, encoding, _)| *encoding));
        let pages = self.encodings.iter();
        let pages = pages.map(|(page_type, encoding, count)| PageEncodingStats {
            page_type: *page_type,
            encoding: *encoding,
            count: *count,
        });
        let bytes = self.out.bytes_written() as u64;
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(compression)
            .set_encodings(encodings)
            .set_page_encoding_stats(pages.collect())
            .set_num_values(self.rows)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(self.uncompressed)
            .set_dictionary_page_offset(self.dictionary)
            .set_data_page_offset(self.data.unwrap_or_default())
            .set_statistics(statistics(&self.column, range, self.nulls as u64))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: if self.indexed { Some(self.index.build()?) } else { None },
            offset_index: Some(self.offsets.build()),
        };
        Ok((self.out.into_inner()?, close))
    }
}

fn statistics(column: &ColumnDescPtr, range: Option<&Range>, nulls: u64) -> Statistics {
    use parquet::basic::Type;
    let nulls = Some(nulls);
    let int32 = |bytes: &[u8]| bytes.first_chunk().copied().map(i32::from_le_bytes);
    let int64 = |bytes: &[u8]| bytes.first_chunk().copied().map(i64::from_le_bytes);
    let (min, max) = (range.map(|range| range.min.as_slice()), range.map(|range| range.max.as_slice()));
    match column.physical_type() {
        Type::INT32 => Statistics::int32(min.and_then(int32), max.and_then(int32), None, nulls, false),
        Type::INT64 => Statistics::int64(min.and_then(int64), max.and_then(int64), None, nulls, false),
        _ => {
            let bounds = min.zip(max).map(|(min, max)| (floor(min), ceiling(max)));
            let exact = [min, max].map(|value| value.is_some_and(|value| value.len() <= MAX_STATISTIC));
            let (min, max) = bounds.map(|(min, max)| (ByteArray::from(min), ByteArray::from(max))).unzip();
            let statistics = ValueStatistics::new(min, max, None, nulls, false);
            Statistics::ByteArray(statistics.with_min_is_exact(exact[0]).with_max_is_exact(exact[1]))
        }
    }
}

/// The beginning of a text, which is not greater than it.
fn floor(text: &[u8]) -> Vec<u8> {
    let end = (0..=text.len().min(MAX_STATISTIC)).rev().find(|end| text.get(*end).is_none_or(|byte| (byte & 0xc0) != 0x80));
    text.get(..end.unwrap_or_default()).unwrap_or_default().to_vec()
}

/// A short text that is not less than it: its beginning, with the last ASCII character that has a next one raised; all of it
/// where there is none.
fn ceiling(text: &[u8]) -> Vec<u8> {
    if text.len() <= MAX_STATISTIC {
        return text.to_vec();
    }
    let begin = text.get(..MAX_STATISTIC).unwrap_or_default();
    let Some(at) = begin.iter().rposition(|byte| *byte < 0x7f) else { return text.to_vec() };
    let mut raised = begin.get(..=at).unwrap_or_default().to_vec();
    if let Some(last) = raised.last_mut() {
        *last += 1;
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_have_short_bounds() {
        let long = |c: &str| c.repeat(200 / c.len());
        for text in [
            String::new(),
            "short".into(),
            long("a"),
            long("é"),
            long("漢"),
            format!("{}a{}", long("\u{7f}"), long("é")),
            long("\u{7f}"),
        ] {
            let (min, max) = (floor(text.as_bytes()), ceiling(text.as_bytes()));
            assert!(min.as_slice() <= text.as_bytes() && max.as_slice() >= text.as_bytes(), "{text}");
            assert!(std::str::from_utf8(&min).is_ok() && std::str::from_utf8(&max).is_ok(), "{text}");
            assert!(min.len() <= MAX_STATISTIC, "{text}");
        }
        assert_eq!(ceiling(long("a").as_bytes()).len(), MAX_STATISTIC);
        assert_eq!(ceiling(long("é").as_bytes()), long("é").as_bytes());
    }
}
