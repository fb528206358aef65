//! Columns into Parquet's pages, by an encoder of our own: what a column holds is known while it is collected, so that nothing
//! is hashed twice, and copied only page by page. The `parquet` crate writes page headers and the footer.
//!
//! Rule: [Parquet encodings](https://parquet.apache.org/docs/file-format/data-pages/encodings/); data pages are of version 1,
//! which every reader has.

use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;

mod bits;
mod blocks;
mod chunk;
mod delta;
mod number;
mod rows;
mod status;
mod text;
mod values;

use blocks::Blocks;
pub(crate) use chunk::{Chunk, Encoder};
pub(crate) use number::NumberColumn;
pub(crate) use status::StatusColumn;
pub(crate) use text::{TextColumn, Use};

/// A column's pages, and what the footer says of them.
pub(crate) type Encoded = (Vec<u8>, ColumnCloseResult);

/// Rows of a page. A reader with the page index skips them one by one.
const PAGE_ROWS: usize = 20_000;

/// In which order a column's rows are written: as they were collected, or in this one.
pub(crate) type Order<'a> = Option<&'a [u32]>;

/// Hands on the rows of each page in turn. `rows` are a column's rows as they were collected.
fn pages<T: Copy>(rows: &Blocks<T>, order: Order<'_>, mut page: impl FnMut(&[T]) -> Result<()>) -> Result<()> {
    let count = order.map_or(rows.len(), <[u32]>::len);
    let mut gathered = Vec::with_capacity(PAGE_ROWS.min(count));
    for begin in (0..count).step_by(PAGE_ROWS) {
        let numbers = begin..count.min(begin + PAGE_ROWS);
        gathered.clear();
        match order {
            None => rows.copy(numbers, &mut gathered),
            Some(order) => {
                let order = order.get(numbers).unwrap_or_default();
                gathered.extend(order.iter().filter_map(|row| rows.get(*row as usize)));
            }
        }
        page(&gathered)?;
    }
    Ok(())
}
