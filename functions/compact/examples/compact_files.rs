//! `compact_files OUT FILE…`: the files as one batch into Parquet below OUT. For measurements: nothing else is linked.

use std::fs::File;
use std::path::Path;

use brigade_compact::{Compactor, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("compact_files OUT FILE…")?;
    let mut batch = Compactor::new(Settings::default(), "batch", brigade_compact::Directory::new(Path::new(&out)))?;
    for file in arguments {
        batch.read(&file, File::open(&file)?)?;
    }
    let (counts, sink) = batch.finish()?;
    let bytes: u64 = sink.written.iter().map(|part| part.bytes).sum();
    println!("{counts:?}, {} parts of {bytes} bytes in all", sink.written.len());
    Ok(())
}
