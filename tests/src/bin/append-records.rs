//! `append-records FILE WRITER COUNT`: appends the writer's records, each in one `write(2)`.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::record;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("which file?")?;
    let writer = arguments.next().context("which writer?")?.parse()?;
    let count = arguments.next().context("how many?")?.parse()?;
    let mut file = File::options().append(true).open(path)?;
    for number in 0..count {
        let bytes = record(writer, number);
        let written = file.write(&bytes)?;
        ensure!(written == bytes.len(), "a short write: {written}");
    }
    Ok(())
}
