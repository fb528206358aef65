//! The tables' schemas.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};

use crate::columns::Columns;
use crate::record::Kind;

/// The columns that are kept, in the order of the line. Everything but the time may be null.
pub(crate) fn records_schema(columns: &Columns) -> Result<TypePtr> {
    let field = |name: &str, kind: Kind| match kind {
        Kind::Time => {
            let utc = LogicalType::timestamp(true, TimeUnit::MILLIS);
            primitive(name, Physical::INT64, Some(utc), Repetition::REQUIRED)
        }
        Kind::Status => primitive(name, Physical::INT32, None, Repetition::OPTIONAL),
        Kind::Number(_) => primitive(name, Physical::INT64, None, Repetition::OPTIONAL),
        Kind::Text(_) => primitive(name, Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
    };
    group("access_log", columns.stored().map(|(stored, _)| field(stored.name, stored.kind)))
}

/// `source`, `line`, `reason`, `raw_line`. Raw lines are bytes: what makes a line a reject may be what it is encoded in.
pub(crate) fn rejects_schema() -> Result<TypePtr> {
    let text = |name| primitive(name, Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::REQUIRED);
    let fields = [
        text("source"),
        primitive("line", Physical::INT64, None, Repetition::REQUIRED),
        text("reason"),
        primitive("raw_line", Physical::BYTE_ARRAY, None, Repetition::REQUIRED),
    ];
    group("access_log_rejects", fields.into_iter())
}

fn primitive(name: &str, physical: Physical, logical: Option<LogicalType>, repetition: Repetition) -> Result<TypePtr> {
    let built = Type::primitive_type_builder(name, physical).with_logical_type(logical).with_repetition(repetition).build();
    built.map(Arc::new)
}

fn group(name: &str, fields: impl Iterator<Item = Result<TypePtr>>) -> Result<TypePtr> {
    Type::group_type_builder(name).with_fields(fields.collect::<Result<_>>()?).build().map(Arc::new)
}
