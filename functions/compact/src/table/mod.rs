//! Both tables as Parquet: schemas, rows that are collected, files that grow by row groups.

mod file;
mod records;
mod rejects;
mod schema;

pub(crate) use file::{PartFile, io_error};
pub(crate) use records::Records;
pub(crate) use rejects::{Rejected, Rejects};
pub(crate) use schema::{records_schema, rejects_schema};
