//! fsx: 100,000 random operations on one file for each of five seeds, mapped ones among them, and
//! every read shows what was written.

use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Setup, place, run_within};

const OPERATIONS: &str = "100000";
/// One or two minutes are usual: it ends what hangs, not what a busy machine makes slow.
const LIMIT: Duration = Duration::from_mins(20);

fn fsx(seed: u32) {
    let mounted = Setup::default().limit(LIMIT).mount();
    let mut command = Command::new(place::tool("fsx"));
    command.args(["-N", OPERATIONS, "-S", &seed.to_string()]);
    command.arg("-f").arg(place::fixture("tests/fsx/fsx.toml"));
    command
        .arg("-P")
        .arg(mounted.scratch())
        .arg(mounted.path("file"));
    run_within(&mut command, LIMIT).success();
}

#[test]
fn seed_1_finds_no_mismatch() {
    fsx(1);
}

#[test]
fn seed_2_finds_no_mismatch() {
    fsx(2);
}

#[test]
fn seed_3_finds_no_mismatch() {
    fsx(3);
}

#[test]
fn seed_4_finds_no_mismatch() {
    fsx(4);
}

#[test]
fn seed_5_finds_no_mismatch() {
    fsx(5);
}
