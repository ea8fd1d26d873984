//! stress-ng's filesystem stressors find no failure, and leave no inode and no space behind.

use std::fs;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Setup, run_within, wait_until};

const LIMIT: Duration = Duration::from_mins(8);

/// The first do not touch the directory they are given; FUSE has no call for the last two.
const EXCLUDED: &str = "bind-mount,binderfs,dup,eventfd,ioprio,procfs,fiemap,verity";

#[test]
fn no_stressor_fails_and_nothing_is_left_behind() {
    let mounted = Setup::default().limit(LIMIT).mount();
    let before = mounted.usage();
    let mut command = Command::new("stress-ng");
    command.args([
        "--class",
        "filesystem",
        "--exclude",
        EXCLUDED,
        "--sequential",
        "2",
    ]);
    command.args(["--timeout", "1s", "--verify", "--metrics-brief"]);
    command.args(["--hdd-bytes", "32m", "--fallocate-bytes", "64m"]);
    command.args([
        "--iomix-bytes",
        "32m",
        "--sync-file-bytes",
        "16m",
        "--fpunch-ops",
        "20000",
    ]);
    command.arg("--temp-path").arg(mounted.root());
    let finished = run_within(&mut command, LIMIT);
    let output = format!("{}{}", finished.stdout, finished.stderr);
    assert!(finished.status.success(), "{}\n{output}", finished.status);
    assert!(!output.contains("stress-ng: fail:"), "{output}");
    assert!(output.contains("successful run completed"), "{output}");
    // A chattr stressor whose time ends with the flags set leaves its file immutable, on ext4 as well.
    let clear = Command::new("chattr")
        .args(["-R", "-i", "-a"])
        .arg(mounted.root())
        .status()
        .unwrap();
    assert!(clear.success(), "chattr: {clear}");
    for entry in fs::read_dir(mounted.root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
        .unwrap();
    }
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    wait_until(
        "all inodes and all space are given back",
        Duration::from_mins(1),
        || mounted.usage() == before,
    );
}
