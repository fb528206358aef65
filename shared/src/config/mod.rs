//! Configuration: declared once per function, read once at the start, all mistakes reported together.
//!
//! A declaration ([`Variable`]) makes `brigade config`, the README's table and the unknown-variable check, so that names
//! can't drift. Pure: the environment comes in as a value.

mod choice;
mod every_function;
mod place;
mod reader;
mod suggest;
mod table;
mod units;
mod variable;

pub use choice::choice;
pub use every_function::{COMMON, Common, LogLevel, Mode, read};
pub use place::{Place, Span, parse_spans};
pub use reader::{Environment, Mistake, Mistakes, Reader};
pub use table::markdown_table;
pub use units::{format_bytes, parse_bytes, parse_count};
pub use variable::{Fallback, Variable};
