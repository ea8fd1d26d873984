//! Quotas of directory trees: who goes beyond gets EDQUOT, and all that is counted comes back.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Finished, Mounted, errno, place, run, system, wait_until};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::stat::Mode;
use nix::sys::statvfs::statvfs;
use nix::unistd::mkfifo;

const LIMITS: &str = "trusted.holdfast.quota";
const AROUND: &str = "holdfast.quota";
const SOON: Duration = Duration::from_secs(20);

fn quota(arguments: &[&str], path: &Path) -> Finished {
    let mut command = Command::new(place::holdfast());
    run(command.arg("quota").args(arguments).arg(path))
}

/// A directory with limits.
fn tree(mounted: &Mounted, limits: &[&str]) -> std::path::PathBuf {
    let path = mounted.path("tree");
    fs::create_dir(&path).unwrap();
    quota(&[&["set"], limits].concat(), &path).success();
    path
}

fn around(path: &Path) -> String {
    String::from_utf8(system::get_xattr(path, AROUND).unwrap()).unwrap()
}

fn uses(path: &Path, bytes: u64, inodes: u64) -> bool {
    let text = around(path);
    let words: Vec<&str> = text.split(' ').collect();
    words[1].starts_with(&format!("bytes={bytes}/"))
        && words[2].starts_with(&format!("inodes={inodes}/"))
}

#[test]
fn one_inode_too_many_of_whatever_kind_is_refused() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--inodes", "4"]);
    fs::write(tree.join("file"), "").unwrap();
    fs::create_dir(tree.join("directory")).unwrap();
    symlink("file", tree.join("directory/symlink")).unwrap();
    let over = Errno::EDQUOT;
    assert_eq!(errno(File::create_new(tree.join("x"))), over);
    assert_eq!(errno(fs::create_dir(tree.join("x"))), over);
    assert_eq!(errno(symlink("file", tree.join("x"))), over);
    let fifo = mkfifo(&tree.join("directory/x"), Mode::S_IRUSR);
    assert_eq!(fifo, Err(over));
    // A name is no inode, and what leaves makes room.
    fs::hard_link(tree.join("file"), tree.join("name")).unwrap();
    fs::remove_file(tree.join("directory/symlink")).unwrap();
    wait_until("there is room", SOON, || {
        File::create_new(tree.join("x")).is_ok()
    });
    fs::write(mounted.path("outside"), "").unwrap();
}

#[test]
fn bytes_beyond_the_limit_are_refused_however_they_come() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "1M"]);
    let path = tree.join("file");
    fs::write(&path, vec![1; 1 << 20]).unwrap();
    let over = Errno::EDQUOT;
    assert_eq!(errno(fs::write(tree.join("more"), "x")), over);
    let read_write = |path: &Path| OpenOptions::new().read(true).write(true).open(path);
    let file = read_write(&path).unwrap();
    let more = read_write(&tree.join("more")).unwrap();
    let copied = system::copy_range((&file, 0), (&more, 0), 4096);
    assert_eq!(errno(copied), over);
    let reserve = fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, 2 << 20);
    assert_eq!(reserve, Err(over));
    // A hole costs nothing: truncating up is not refused.
    file.set_len(1 << 40).unwrap();
    file.set_len(1 << 19).unwrap();
    assert!(uses(&tree, 1 << 19, 3), "{}", around(&tree));
    fallocate(&file, FallocateFlags::empty(), 0, 1 << 20).unwrap();
    assert!(uses(&tree, 1 << 20, 3), "{}", around(&tree));
    let punch = FallocateFlags::FALLOC_FL_KEEP_SIZE | FallocateFlags::FALLOC_FL_PUNCH_HOLE;
    fallocate(&file, punch, 0, 1 << 20).unwrap();
    assert!(uses(&tree, 0, 3), "{}", around(&tree));
    fs::write(tree.join("more"), vec![1; 1 << 20]).unwrap();
    assert_eq!(fs::metadata(tree.join("more")).unwrap().blocks(), 2048);
}

#[test]
fn a_mapping_that_does_not_fit_is_told_at_msync() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "8k"]);
    let path = tree.join("file");
    fs::write(&path, "").unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.unwrap();
    file.set_len(1 << 20).unwrap();
    let mut mapping = system::Mapping::shared(&file, 1 << 20).unwrap();
    mapping.bytes()[0] = 1;
    mapping.sync().unwrap();
    mapping.bytes().fill(1);
    // The kernel makes EIO of it when it finds the error by the flag of the mapping.
    let told = errno(mapping.sync());
    assert!([Errno::EDQUOT, Errno::EIO].contains(&told), "{told}");
    drop(mapping);
    assert!(fs::metadata(&path).unwrap().blocks() <= 16);
}

#[test]
fn what_is_removed_while_it_is_open_counts_until_it_is_closed() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "1M"]);
    fs::write(tree.join("file"), vec![1; 1 << 20]).unwrap();
    let open = File::open(tree.join("file")).unwrap();
    fs::remove_file(tree.join("file")).unwrap();
    fs::remove_dir(&tree).unwrap();
    let listed = quota(&["list", "--all"], mounted.root()).success();
    assert!(listed.contains("1.00 MiB"), "{listed}");
    drop(open);
    wait_until("the tree is gone", SOON, || {
        quota(&["list", "--all"], mounted.root())
            .success()
            .contains("the volume has no quota")
    });
}

#[test]
fn names_do_not_leave_a_tree() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "1M"]);
    let (inside, outside) = (tree.join("file"), mounted.path("file"));
    fs::write(&inside, "inside").unwrap();
    let other = Errno::EXDEV;
    assert_eq!(errno(fs::rename(&inside, &outside)), other);
    assert_eq!(errno(fs::hard_link(&inside, &outside)), other);
    fs::write(&outside, "outside").unwrap();
    assert_eq!(errno(fs::rename(&outside, &inside)), other);
    assert_eq!(errno(fs::hard_link(&outside, tree.join("link"))), other);
    // mv copies, and the tree itself is a name like any other.
    mounted
        .shell("mv file tree/moved && mv tree/file . && mv tree other")
        .success();
    assert_eq!(fs::read(outside).unwrap(), b"inside");
    assert_eq!(fs::read(mounted.path("other/moved")).unwrap(), b"outside");
}

#[test]
fn df_below_the_root_shows_the_quota() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "8M", "--inodes", "10"]);
    fs::create_dir(tree.join("below")).unwrap();
    fs::write(tree.join("below/file"), vec![1; 1 << 20]).unwrap();
    for path in [tree.clone(), tree.join("below"), tree.join("below/file")] {
        let numbers = statvfs(&path).unwrap();
        let blocks = (
            numbers.blocks(),
            numbers.blocks_free(),
            numbers.blocks_available(),
        );
        assert_eq!(blocks, (2048, 1792, 1792));
        assert_eq!((numbers.files(), numbers.files_free()), (10, 7));
    }
    assert!(statvfs(mounted.root()).unwrap().blocks() > 2048);
    let shown = mounted.shell("df --output=size,used,avail,itotal,iused tree | tail -1");
    let shown = shown.success();
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(words, ["8192", "1024", "7168", "10", "3"]);
    // The tightest limit around decides what is free.
    let below = tree.join("inner");
    fs::create_dir(&below).unwrap();
    quota(&["set", "--bytes", "1G"], &below).success();
    let numbers = statvfs(&below).unwrap();
    assert_eq!((numbers.blocks(), numbers.blocks_free()), (1792, 1792));
}

#[test]
fn root_alone_sets_quotas_and_everybody_sees_them() {
    let mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "8M"]);
    mounted
        .shell("chmod 777 tree && mkdir -m 777 own && chown 1000 own")
        .success();
    let program = place::holdfast();
    let program = program.display();
    for action in [
        "set --bytes 1G own",
        "set --bytes 1G tree",
        "clear tree",
        "list --all .",
    ] {
        let refused = mounted.shell_as(1000, 1000, &format!("{program} quota {action}"));
        assert!(!refused.status.success(), "{action}");
        assert!(refused.stderr.contains("only root"), "{}", refused.stderr);
    }
    let seen = mounted.shell_as(1000, 1000, &format!("{program} quota list tree"));
    assert!(seen.success().contains("8.00 MiB"));
    assert_eq!(
        system::get_xattr(&tree, LIMITS).unwrap(),
        b"bytes=8388608 inodes=none"
    );
    let listed = system::list_xattrs(&tree).unwrap();
    assert_eq!(listed, Vec::<String>::new());
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let mounted = Mounted::new();
    mounted.shell("mkdir full; touch full/file").success();
    let refusal = |action: &[&str], path: &Path| {
        let finished = quota(action, path);
        assert!(!finished.status.success(), "{action:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        finished.stderr
    };
    let set = ["set", "--inodes", "9"];
    let full = mounted.path("full");
    assert!(refusal(&set, &full).contains("is not empty"));
    assert!(refusal(&set, &full.join("file")).contains("not a directory"));
    assert!(refusal(&["clear"], &full).contains("no quota of its own"));
    assert!(refusal(&set, &full.join("gone")).contains("cannot find"));
    assert!(refusal(&set, mounted.scratch()).contains("not on a mount of holdfast"));
    let stored = system::set_xattr(&full, "trusted.holdfast.other", b"x", 0);
    assert_eq!(errno(stored), Errno::EOPNOTSUPP);
    let nonsense = system::set_xattr(&full, LIMITS, b"bytes=1k", 0);
    assert_eq!(errno(nonsense), Errno::EINVAL);
}

#[test]
fn quotas_outlive_a_kill_and_are_listed_with_their_paths() {
    let mut mounted = Mounted::new();
    let tree = tree(&mounted, &["--bytes", "1M"]);
    fs::create_dir_all(tree.join("a b/c")).unwrap();
    quota(&["set", "--inodes", "2"], &tree.join("a b/c")).success();
    fs::write(tree.join("a b/c/file"), vec![1; 1 << 19]).unwrap();
    mounted.kill();
    mounted.start();
    let listed = quota(&["list", "--all", "--json"], mounted.root()).success();
    for path in [tree.clone(), tree.join("a b/c")] {
        assert!(
            listed.contains(&format!("\"path\": \"{}\"", path.display())),
            "{listed}"
        );
    }
    assert_eq!(around(&tree.join("a b/c")).lines().count(), 2);
    assert!(uses(&tree, 1 << 19, 4), "{}", around(&tree));
    let said = quota(&["clear"], &tree.join("a b/c")).success();
    assert!(said.contains("is still counted"), "{said}");
    fs::remove_file(tree.join("a b/c/file")).unwrap();
    // Nothing is left in it: it is a directory like any other.
    wait_until("its quota has ended", SOON, || {
        around(&tree.join("a b/c")).lines().count() == 1
    });
    assert!(uses(&tree, 0, 3), "{}", around(&tree));
}
