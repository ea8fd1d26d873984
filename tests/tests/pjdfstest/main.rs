//! pjdfstest on a real mount: no test fails, and exactly those are skipped that `SKIPS.md` explains.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::pjdfstest::{explained, make_user, names};
use holdfast_tests::{Finished, Mounted, Setup, place, run_within};

const LIMIT: Duration = Duration::from_mins(5);

/// Runs pjdfstest on a new mount.
fn pjdfstest(configuration: &str, patterns: &[&str]) -> Finished {
    make_user();
    let mounted = mount();
    let secondary = place::scratch();
    let mut command = Command::new(place::tool("pjdfstest"));
    command
        .arg("-c")
        .arg(place::fixture("tests/pjdfstest").join(configuration));
    command
        .arg("-p")
        .arg(mounted.root())
        .arg("-s")
        .arg(secondary.path());
    run_within(command.args(patterns), LIMIT)
}

fn mount() -> Mounted {
    let options = "allow_other,default_permissions,dev,suid";
    Setup::default().options(options).limit(LIMIT).mount()
}

/// `mount -o remount` runs the helper of the type `fuse.holdfast`: this makes the program be it.
struct Helper {
    is_ours: bool,
}

impl Helper {
    const PATH: &str = "/sbin/mount.fuse.holdfast";

    fn install() -> Helper {
        let is_ours = symlink(place::holdfast(), Helper::PATH).is_ok();
        Helper { is_ours }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if self.is_ours {
            fs::remove_file(Helper::PATH).ok();
        }
    }
}

#[test]
fn no_test_fails_and_every_skip_is_explained() {
    let finished = pjdfstest("pjdfstest.toml", &[]);
    let failed = names(&finished.stdout, "FAILED");
    assert!(failed.is_empty(), "{failed:#?}\n{}", finished.stdout);
    let stdout = finished.success();
    let passed = names(&stdout, "ok");
    assert!(
        passed.len() > 300,
        "only {} tests passed:\n{stdout}",
        passed.len()
    );
    let skipped = names(&stdout, "skipped");
    let text = fs::read_to_string(place::fixture("tests/pjdfstest/SKIPS.md")).unwrap();
    assert_eq!(skipped, explained(&text));
    println!("{} passed, {} skipped", passed.len(), skipped.len());
}

#[test]
fn a_read_only_remount_is_erofs_for_every_change() {
    let _helper = Helper::install();
    let stdout = pjdfstest("erofs.toml", &["erofs"]).success();
    let (passed, skipped) = (names(&stdout, "ok"), names(&stdout, "skipped"));
    assert_eq!((passed.len(), skipped.len()), (13, 0), "{stdout}");
}
