//! What goes to standard output: lines, and tables whose columns line up.

use std::io::{self, Write};

/// Writes one line; a reader that left is an error, not a panic.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Lines of a table: the first row is the heading, the last column is as wide as it likes. Widths are counted in
/// characters.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters() {
        let rows = [["Ä", "b"], ["one", "two"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "Ä    b\none  two");
    }
}
