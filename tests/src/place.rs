//! Where the programs under test and the scratch directories are.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The `holdfast` program that was built beside this test.
pub fn holdfast() -> PathBuf {
    let path =
        env::var_os("HOLDFAST_BIN").map_or_else(|| profile().join("holdfast"), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not there: cargo build --release --package holdfast",
        path.display()
    );
    path
}

/// The program of an earlier release, of which `HOLDFAST_OLD` says where it is; without that it is the one that was built beside
/// this test, so that an upgrade is a restart.
pub fn earlier() -> PathBuf {
    env::var_os("HOLDFAST_OLD").map_or_else(holdfast, |path| {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "{} is not there", path.display());
        path
    })
}

/// A test program that `make test-tools` installs.
pub fn tool(name: &str) -> PathBuf {
    let path = profile().parent().unwrap().join("tools/bin").join(name);
    assert!(
        path.is_file(),
        "{} is not there: make test-tools",
        path.display()
    );
    path
}

/// A file of this crate's folder.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A directory on a disk, searchable by every user; gone when dropped.
pub fn scratch() -> TempDir {
    let base = env::var_os("HOLDFAST_TEST_DIRECTORY").map_or("/var/tmp".into(), PathBuf::from);
    let directory = tempfile::Builder::new()
        .prefix("holdfast-test-")
        .tempdir_in(base)
        .unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// `target/release`: two above the test program.
fn profile() -> PathBuf {
    let program = env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().to_path_buf()
}
