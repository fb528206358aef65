//! `write_logs LINES`: that many lines of the default seed to standard output. For measurements: nothing else is linked.

use std::io::{self, BufWriter, Write};

use brigade_compact::samples::{Lines, Traffic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).ok_or("write_logs LINES")?.parse()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut lines, mut line) = (Lines::new(Traffic::default()), String::new());
    for _ in 0..count {
        line.clear();
        lines.write(&mut line);
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
