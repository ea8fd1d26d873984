//! What was dumped is what is loaded: from a cluster and from one machine, to a cluster and to one machine.
//!
//! What it asserts: a volume that was loaded has the same names, attributes and content as the one that was dumped, of all kinds
//! of files, and its dump has the same digest; a dump taken while others write is the volume at one moment, with all that was
//! acknowledged before; a dump that was cut off or changed is refused, and neither a killed dump nor a killed load leaves
//! anything that could be taken for a whole one; memory is bounded, whatever the size of the volume.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod killed;
mod last_node;
mod memory;
mod migration;
mod writers;

use std::path::Path;
use std::process::Command;

use holdfast_tests::{Finished, Random, place, run};

/// `holdfast` with these arguments.
fn holdfast(arguments: &[&str]) -> Command {
    let mut command = Command::new(place::holdfast());
    command.args(arguments);
    command
}

/// Dumps a data directory; answers the digest.
#[track_caller]
fn dump_data(data: &Path, file: &Path) -> String {
    let mut command = holdfast(&["dump", "--data"]);
    digest_in(&run(command.arg(data).arg(file)).success())
}

#[track_caller]
fn load_data(data: &Path, file: &Path) -> Finished {
    let mut command = holdfast(&["load", "--data"]);
    run(command.arg(data).arg(file))
}

/// What `dump` and `load` say at their end.
#[track_caller]
fn digest_in(line: &str) -> String {
    let (_, rest) = line.split_once("digest ").unwrap();
    rest[..32].to_owned()
}

/// Bytes that cannot be packed.
fn noise(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for number in bytes.chunks_mut(8) {
        number.copy_from_slice(&random.number().to_be_bytes()[..number.len()]);
    }
    bytes
}
