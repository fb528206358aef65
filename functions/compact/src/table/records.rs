//! Records of one partition, collected column by column until they make a row group.

use std::borrow::Cow;
use std::io::Write;

use parquet::errors::{ParquetError, Result};

use super::PartFile;
use crate::columns::{Columns, Treatment, hash};
use crate::encode::{Chunk, Encoder, NumberColumn, StatusColumn, TextColumn, Use};
use crate::record::{Kind, Number, Record, Text};

/// Of so many rows one waits for those that come late.
const LEFT: usize = 8;

/// A row group to be.
#[derive(Debug)]
pub(crate) struct Due {
    /// Its rows, sorted by time.
    order: Vec<u32>,
    /// Whether they are all rows there are, and sorted as they are.
    in_order: bool,
    /// The rows that wait, sorted by time.
    left: Vec<u32>,
    /// The first and the last time; none where there are no rows.
    pub(crate) times: Option<(i64, i64)>,
}

/// The rows of a row group.
#[derive(Debug)]
pub(crate) struct Records {
    columns: Vec<Column>,
    /// Seconds since 1970, row by row.
    times: NumberColumn,
    sorted: bool,
}

#[derive(Debug)]
enum Column {
    Time(NumberColumn),
    Status(StatusColumn),
    Number(NumberColumn, Number),
    Text(TextColumn, Text),
    Hash(TextColumn, Text),
}

impl Column {
    fn new(kind: Kind, treatment: Treatment) -> Self {
        match kind {
            Kind::Time => Self::Time(NumberColumn::default()),
            Kind::Status => Self::Status(StatusColumn::default()),
            Kind::Number(field) => Self::Number(NumberColumn::default(), field),
            Kind::Text(field) => {
                // Ids of requests are random and new with every request.
                let random = matches!(field, Text::RequestId | Text::HostId) && treatment == Treatment::Keep;
                let column = TextColumn::new(if random { Use::Random } else { Use::Repeating });
                if treatment == Treatment::Hash { Self::Hash(column, field) } else { Self::Text(column, field) }
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Time(column) | Self::Number(column, _) => column.size(),
            Self::Status(column) => column.size(),
            Self::Text(column, _) | Self::Hash(column, _) => column.size(),
        }
    }

    fn keep(&mut self, rows: &[u32]) {
        match self {
            Self::Time(column) | Self::Number(column, _) => column.keep(rows),
            Self::Status(column) => column.keep(rows),
            Self::Text(column, _) | Self::Hash(column, _) => column.keep(rows),
        }
    }

    fn of(&self, rows: &[u32]) -> Self {
        match self {
            Self::Time(column) => Self::Time(column.of(rows)),
            Self::Status(column) => Self::Status(column.of(rows)),
            Self::Number(column, field) => Self::Number(column.of(rows), *field),
            Self::Text(column, field) => Self::Text(column.of(rows), *field),
            Self::Hash(column, field) => Self::Hash(column.of(rows), *field),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Time(column) | Self::Number(column, _) => column.clear(),
            Self::Status(column) => column.clear(),
            Self::Text(column, _) | Self::Hash(column, _) => column.clear(),
        }
    }
}

impl Records {
    pub(crate) fn new(columns: &Columns) -> Self {
        let columns = columns.stored().map(|(field, treatment)| Column::new(field.kind, treatment)).collect();
        Self { columns, times: NumberColumn::default(), sorted: true }
    }

    /// What the rows take in memory, about.
    pub(crate) fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum::<usize>() + self.times.size()
    }

    /// Adds records, column by column. `ascii` where no record has another byte; else each text is looked at, and those that
    /// are no UTF-8 are mended and counted.
    pub(crate) fn extend(&mut self, records: &[Record<'_>], ascii: bool) -> u64 {
        let mut mended = 0;
        let mut last = self.times.last();
        for record in records {
            self.sorted &= last.is_none_or(|last| last <= record.time);
            last = Some(record.time);
        }
        self.times.extend(records.iter().map(|record| Some(record.time)));
        for column in &mut self.columns {
            match column {
                Column::Time(column) => column.extend(records.iter().map(|record| Some(record.time * 1000))),
                Column::Status(column) => {
                    column.extend(records.iter().map(|record| record.status.and_then(|status| u32::try_from(status).ok())));
                }
                Column::Number(column, field) => column.extend(records.iter().map(|record| record.number(*field))),
                Column::Text(column, field) if ascii => column.extend(records.iter().map(|record| record.text(*field))),
                Column::Text(column, field) => {
                    for text in records.iter().map(|record| record.text(*field)) {
                        let text = text.map(String::from_utf8_lossy);
                        // A text that is UTF-8 is borrowed.
                        mended += u64::from(matches!(text, Some(Cow::Owned(_))));
                        column.extend(std::iter::once(text.as_ref().map(|text| text.as_bytes())));
                    }
                }
                Column::Hash(column, field) => {
                    let mut hashed = String::new();
                    for text in records.iter().map(|record| record.text(*field)) {
                        let text = text.map(|text| hash(text, &mut hashed));
                        column.extend(std::iter::once(text.map(|()| hashed.as_bytes())));
                    }
                }
            }
        }
        mended
    }

    /// The rows in the order of their times (those of one second in the order in which they came), as a row group to be.
    /// Logs are only nearly in order: of rows that more will follow, the newest few are left for the next row group, so that
    /// it needs not begin before this one ends.
    pub(crate) fn due(&self, last: bool) -> Due {
        let mut order: Vec<u32> = (0..self.times.len() as u32).collect();
        if !self.sorted {
            order.sort_by_key(|row| self.times.get(*row));
        }
        let left = if last { Vec::new() } else { order.split_off(order.len() - order.len() / LEFT) };
        let time = |row: Option<&u32>| self.times.get(*row?);
        let times = time(order.first()).zip(time(order.last()));
        Due { in_order: self.sorted && left.is_empty(), order, left, times }
    }

    /// Appends what is due to the file as a row group. What is left of the rows waits for the next one.
    pub(crate) fn flush<W: Write + Send>(&mut self, due: &Due, file: &mut PartFile<W>, encoder: &mut Encoder) -> Result<()> {
        let order = if due.in_order { None } else { Some(due.order.as_slice()) };
        file.row_group(due.order.len(), encoder, |number, descriptor, encoder| {
            let missing = || ParquetError::General("the table has no such column".to_owned());
            let column = self.columns.get(number).ok_or_else(missing)?;
            let random = matches!(column, Column::Text(column, _) if column.is_random());
            let chunk = Chunk::new(descriptor, random, encoder);
            match column {
                Column::Time(column) => column.encode(order, true, chunk),
                Column::Number(column, _) => column.encode(order, false, chunk),
                Column::Status(column) => column.encode(order, chunk),
                Column::Text(column, _) | Column::Hash(column, _) => column.encode(order, chunk),
            }
        })?;
        if due.left.is_empty() {
            self.columns.iter_mut().for_each(Column::clear);
            self.times.clear();
        } else {
            self.columns.iter_mut().for_each(|column| column.keep(&due.left));
            self.times.keep(&due.left);
        }
        // What is left was put in order.
        self.sorted = true;
        Ok(())
    }

    /// The same rows in several, each of about `bytes`: sorted by time, also from one to the next.
    pub(crate) fn in_order(&self, bytes: usize) -> impl Iterator<Item = Self> {
        let order = self.due(true).order;
        let rows = order.len().div_ceil(self.size().div_ceil(bytes.max(1)).max(1)).max(1);
        (0..order.len().div_ceil(rows)).map(move |group| {
            let these = order.get(group * rows..).unwrap_or_default();
            self.of(these.get(..rows).unwrap_or(these))
        })
    }

    /// These rows alone, in this order, which is that of their times.
    fn of(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|column| column.of(rows)).collect();
        Self { columns, times: self.times.of(rows), sorted: true }
    }
}
