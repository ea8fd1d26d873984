//! fsx: 100,000 random operations on one file for each of five seeds, mapped ones among them, and
//! every read shows what was written.

use std::process::Command;
use std::thread;
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
fn five_seeds_find_no_mismatch() {
    // All at once: each waits for the disk most of the time.
    thread::scope(|scope| {
        for seed in 1..=5 {
            scope.spawn(move || fsx(seed));
        }
    });
}
