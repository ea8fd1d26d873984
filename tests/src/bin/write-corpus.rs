//! Writes what fuzzing begins with: `write-corpus DIRECTORY` makes a directory a target in it.

use std::path::PathBuf;

use anyhow::Context;
use holdfast_tests::fuzz::TARGETS;

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("no directory")?;
    for target in TARGETS {
        let directory = PathBuf::from(&directory).join(target.name);
        std::fs::create_dir_all(&directory)?;
        for (number, input) in target.corpus().into_iter().enumerate() {
            std::fs::write(directory.join(format!("{number:03}")), input)?;
        }
    }
    Ok(())
}
