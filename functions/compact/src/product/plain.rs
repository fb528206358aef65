//! Rows into Parquet by the `parquet` crate's own column writers.

use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::columns::{Columns, Treatment, hash};
use crate::record::{Kind, Record, Value};

/// Rows of one partition.
#[derive(Default)]
pub(crate) struct Rows(Vec<(i64, Vec<Cell>)>);

enum Cell {
    Null,
    Number(i64),
    Text(ByteArray),
}

impl Rows {
    pub(crate) fn push(&mut self, record: &Record<'_>) {
        let cells = crate::record::FIELDS.iter().map(|field| match record.value(field.kind) {
            Value::Null => Cell::Null,
            Value::Time(time) => Cell::Number(time),
            Value::Number(number) => Cell::Number(number),
            Value::Text(text) => Cell::Text(ByteArray::from(String::from_utf8_lossy(text).into_owned().into_bytes())),
        });
        self.0.push((record.time, cells.collect()));
    }

    pub(crate) fn write(mut self, columns: &Columns, notes: &[(String, String)]) -> Result<Vec<u8>> {
        self.0.sort_by_key(|(time, _)| *time);
        let stored: Vec<_> = columns.stored().collect();
        let fields: Result<Vec<TypePtr>> = stored.iter().map(|(field, _)| field_type(field.name, field.kind)).collect();
        let schema = Arc::new(Type::group_type_builder("record").with_fields(fields?).build()?);
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties(notes)?)?;
        let mut group = writer.next_row_group()?;
        let mut scratch = String::new();
        for (field, treatment) in stored {
            let at = crate::record::FIELDS.iter().position(|other| other.name == field.name).unwrap_or_default();
            let cells = self.0.iter().filter_map(|(_, cells)| cells.get(at));
            let levels: Vec<i16> = cells.clone().map(|cell| i16::from(!matches!(cell, Cell::Null))).collect();
            let numbers = cells.clone().filter_map(|cell| if let Cell::Number(number) = cell { Some(*number) } else { None });
            let Some(mut column) = group.next_column()? else { break };
            match field.kind {
                Kind::Time => {
                    let values: Vec<i64> = numbers.map(|seconds| seconds * 1000).collect();
                    column.typed::<Int64Type>().write_batch(&values, None, None)?;
                }
                Kind::Number(_) => {
                    let values: Vec<i64> = numbers.collect();
                    column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
                }
                Kind::Status => {
                    let values: Vec<i32> = numbers.map(|number| i32::try_from(number).unwrap_or_default()).collect();
                    column.typed::<Int32Type>().write_batch(&values, Some(&levels), None)?;
                }
                Kind::Text(_) => {
                    let texts = cells.filter_map(|cell| if let Cell::Text(text) = cell { Some(text.clone()) } else { None });
                    let values: Vec<ByteArray> = texts
                        .map(|text| match treatment {
                            Treatment::Hash => {
                                hash(text.data(), &mut scratch);
                                ByteArray::from(scratch.as_str())
                            }
                            _ => text,
                        })
                        .collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        writer.into_inner()
    }
}

/// Rejected lines.
#[derive(Default)]
pub(crate) struct RejectRows(Vec<(String, u64, &'static str, ByteArray)>);

impl RejectRows {
    pub(crate) fn push(&mut self, source: &str, line: u64, reason: &'static str, raw: &[u8]) {
        let raw = ByteArray::from(String::from_utf8_lossy(raw).into_owned().into_bytes());
        self.0.push((source.to_owned(), line, reason, raw));
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn write(self, notes: &[(String, String)]) -> Result<Vec<u8>> {
        let names = ["source", "line", "reason", "raw_line"];
        let field = |name: &str| match name {
            "line" => {
                Ok(Arc::new(Type::primitive_type_builder(name, Physical::INT64).with_repetition(Repetition::REQUIRED).build()?))
            }
            _ => text_type(name, Repetition::REQUIRED),
        };
        let fields: Result<Vec<TypePtr>> = names.iter().map(|name| field(name)).collect();
        let schema = Arc::new(Type::group_type_builder("reject").with_fields(fields?).build()?);
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties(notes)?)?;
        let mut group = writer.next_row_group()?;
        for name in names {
            let Some(mut column) = group.next_column()? else { break };
            if name == "line" {
                let values: Vec<i64> = self.0.iter().map(|row| i64::try_from(row.1).unwrap_or(i64::MAX)).collect();
                column.typed::<Int64Type>().write_batch(&values, None, None)?;
            } else {
                let value = |row: &(String, u64, &'static str, ByteArray)| match name {
                    "source" => ByteArray::from(row.0.as_str()),
                    "reason" => ByteArray::from(row.2),
                    _ => row.3.clone(),
                };
                let values: Vec<ByteArray> = self.0.iter().map(value).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
            }
            column.close()?;
        }
        group.close()?;
        writer.into_inner()
    }
}

fn properties(notes: &[(String, String)]) -> Result<Arc<WriterProperties>> {
    let notes = notes.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    let compression = Compression::ZSTD(ZstdLevel::try_new(3)?);
    Ok(Arc::new(WriterProperties::builder().set_compression(compression).set_key_value_metadata(Some(notes)).build()))
}

fn field_type(name: &str, kind: Kind) -> Result<TypePtr> {
    let built = match kind {
        Kind::Time => Type::primitive_type_builder(name, Physical::INT64)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Kind::Status => Type::primitive_type_builder(name, Physical::INT32).with_repetition(Repetition::OPTIONAL),
        Kind::Number(_) => Type::primitive_type_builder(name, Physical::INT64).with_repetition(Repetition::OPTIONAL),
        Kind::Text(_) => return text_type(name, Repetition::OPTIONAL),
    };
    Ok(Arc::new(built.build()?))
}

fn text_type(name: &str, repetition: Repetition) -> Result<TypePtr> {
    let built = Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::String))
        .with_converted_type(ConvertedType::UTF8);
    Ok(Arc::new(built.build()?))
}
