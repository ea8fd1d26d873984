//! Changes of what an earlier program made, each of another kind, and what they leave.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use holdfast_tests::{errno, run, system, tree};
use nix::errno::Errno;

/// What is left of the quota of the directory `limited`.
const LEFT: usize = 995_000;
/// Who has a quota, and a directory already.
const ALICE: u32 = 1234;

/// Changes what [`tree::plant`] made.
#[track_caller]
pub(crate) fn change(root: &Path) {
    let at = |name: &str| root.join(name);
    let append = OpenOptions::new().append(true).open(at("second name"));
    append.unwrap().write_all(b", and more").unwrap();
    system::set_xattr(&at("file"), "user.new", b"value", 0).unwrap();
    system::remove_xattr(&at("file"), "user.empty").unwrap();
    fs::hard_link(at("file"), at("directory/third name")).unwrap();
    fs::remove_file(at("file")).unwrap();
    // It has its blocks in common with `large`.
    let clone = OpenOptions::new().write(true).open(at("clone")).unwrap();
    clone.write_all_at(b"changed", 1_000_000).unwrap();
    let patched = OpenOptions::new().write(true).open(at("patched")).unwrap();
    patched.set_len(700_500).unwrap();
    fs::rename(at("directory/file-5"), at("moved")).unwrap();
    fs::rename(at("directory/file-6"), at("directory/file-8")).unwrap();
    fs::write(at("directory/new"), "new").unwrap();
    fs::rename(at("directory"), at("renamed")).unwrap();
    fs::remove_file(at("sparse")).unwrap();
    chown(at("moved"), Some(ALICE), None).unwrap();
    fill(&at("limited"));
}

/// A quota counts what was there before.
fn fill(limited: &Path) {
    let beyond = fs::write(limited.join("too much"), vec![1; LEFT + 1]);
    assert_eq!(errno(beyond), Errno::EDQUOT);
    fs::write(limited.join("too much"), vec![2; LEFT]).unwrap();
}

/// Checks what [`change`] left.
#[track_caller]
pub(crate) fn assert_changed(root: &Path, large: &[u8]) {
    let at = |name: &str| root.join(name);
    let text = fs::read_to_string(at("second name")).unwrap();
    assert_eq!(text, "content, and more");
    let (second, third) = (fs::metadata(at("second name")), at("renamed/third name"));
    let (second, third) = (second.unwrap(), fs::metadata(third).unwrap());
    assert_eq!((second.ino(), second.nlink()), (third.ino(), 2));
    let mut names = system::list_xattrs(&at("second name")).unwrap();
    names.sort();
    let expected = ["system.posix_acl_access", "user.bytes", "user.new"];
    assert_eq!(names, expected);

    let mut clone = large.to_vec();
    clone[1_000_000..1_000_007].copy_from_slice(b"changed");
    assert!(fs::read(at("large")).unwrap() == large);
    assert!(fs::read(at("clone")).unwrap() == clone);
    let mut end = [0; 1000];
    let patched = File::open(at("patched")).unwrap();
    assert_eq!(patched.read_at(&mut end, 700_000).unwrap(), 500);
    assert_eq!((end[0], end[1], end[499]), (large[700_000], b'm', b'm'));

    let names = fs::read_dir(at("renamed")).unwrap();
    // 99 were there; two came and two went.
    assert_eq!(names.count(), 99);
    assert!(!at("renamed/file-6").exists() && at("renamed/file-8").exists());
    assert_eq!(fs::read_to_string(at("renamed/new")).unwrap(), "new");
    let quota = system::get_xattr(root, "holdfast.quota.user.1234").unwrap();
    let quota = String::from_utf8(quota).unwrap();
    assert_eq!(quota, "user=1234 bytes=0/none inodes=2/1000\n");
    assert_eq!(fs::metadata(at("limited/too much")).unwrap().len(), 995_000);
}

/// Removes everything.
#[track_caller]
pub(crate) fn remove(root: &Path) {
    tree::unfix(root);
    let mut command = Command::new("sh");
    let remove = command.args(["-ec", "rm -rf ./* ./.[!.]*"]);
    run(remove.current_dir(root)).success();
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
}
