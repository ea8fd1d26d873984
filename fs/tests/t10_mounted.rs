//! A real mount over the state machine in memory: the path from a system call to its answer.
//!
//! Every mount is taken away again, by its guard or by the watchdog, so that no test leaves the machine
//! with a directory that hangs.
#![expect(clippy::unwrap_used, reason = "these functions are tests")]

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use holdfast_fs::{AtimePolicy, Mount, MountError, MountOptions, Unmounter};
use holdfast_metadata::{Format, MemoryEngine, Timestamp};
use holdfast_replicator::{NoOpReplicator, PosixMetadataReplicator};
use nix::fcntl::{Flock, FlockArg};

const WATCHDOG: Duration = Duration::from_mins(1);

/// A mount for one test.
struct Mounted {
    directory: tempfile::TempDir,
    mount: Option<Mount>,
    unmounter: Unmounter,
    _watchdog: Sender<()>,
}

impl Mounted {
    fn new() -> Mounted {
        Mounted::with(MountOptions::default())
    }

    fn with(options: MountOptions) -> Mounted {
        let directory = tempfile::tempdir().unwrap();
        let mount = Mount::new(replicator(), directory.path(), options).unwrap();
        let unmounter = mount.unmounter();
        Mounted {
            _watchdog: watchdog(unmounter.clone()),
            mount: Some(mount),
            directory,
            unmounter,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.unmounter.unmount().unwrap();
        if let Some(mount) = self.mount.take() {
            mount.wait().unwrap();
        }
    }
}

/// Breaks the connection when a test takes too long: what hangs gets an error.
fn watchdog(unmounter: Unmounter) -> Sender<()> {
    let (alive, waiting) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
            unmounter.abort().unwrap();
        }
    });
    alive
}

fn replicator() -> Arc<NoOpReplicator<MemoryEngine>> {
    let format = Format::of_root(1, Timestamp::default());
    let replicator = NoOpReplicator::in_memory(format).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(replicator.start()).unwrap();
    Arc::new(replicator)
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let status = Command::new(program).args(arguments).arg(path).status();
    status.unwrap().success()
}

#[test]
fn files_are_created_written_read_renamed_and_removed() {
    let mounted = Mounted::new();
    let (old, new) = (mounted.path("old"), mounted.path("new"));
    fs::write(&old, b"hello").unwrap();
    fs::rename(&old, &new).unwrap();
    assert_eq!(fs::read(&new).unwrap(), b"hello");
    assert_eq!(fs::read(&old).unwrap_err().kind(), ErrorKind::NotFound);
    OpenOptions::new()
        .append(true)
        .open(&new)
        .unwrap()
        .write_all(b" world")
        .unwrap();
    assert_eq!(fs::read(&new).unwrap(), b"hello world");
    fs::remove_file(&new).unwrap();
    assert_eq!(fs::read_dir(mounted.root()).unwrap().count(), 0);
}

#[test]
fn large_files_keep_their_content() {
    let mounted = Mounted::new();
    let path = mounted.path("large");
    let content: Vec<u8> = (0..5_000_000_u32).map(|index| (index / 7) as u8).collect();
    fs::write(&path, &content).unwrap();
    assert!(fs::read(&path).unwrap() == content);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    file.set_len(1_000_003).unwrap();
    file.seek(SeekFrom::Start(1_000_000)).unwrap();
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).unwrap();
    assert_eq!(tail, content[1_000_000..1_000_003]);
    file.sync_all().unwrap();
}

#[test]
fn a_directory_lists_every_kind_of_file() {
    let mounted = Mounted::new();
    fs::create_dir(mounted.path("directory")).unwrap();
    symlink("directory", mounted.path("symlink")).unwrap();
    assert!(run("mkfifo", &[], &mounted.path("fifo")));
    File::create(mounted.path("regular")).unwrap();
    fs::hard_link(mounted.path("regular"), mounted.path("link")).unwrap();
    let mut kinds: Vec<(String, char)> = fs::read_dir(mounted.root())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let letter = match () {
                () if kind.is_dir() => 'd',
                () if kind.is_symlink() => 'l',
                () if kind.is_fifo() => 'p',
                () => 'f',
            };
            (entry.file_name().into_string().unwrap(), letter)
        })
        .collect();
    kinds.sort();
    let listed: Vec<(&str, char)> = kinds.iter().map(|(name, kind)| (&**name, *kind)).collect();
    let expected = [
        ("directory", 'd'),
        ("fifo", 'p'),
        ("link", 'f'),
        ("regular", 'f'),
        ("symlink", 'l'),
    ];
    assert_eq!(listed, expected);
    assert_eq!(
        fs::read_link(mounted.path("symlink")).unwrap(),
        Path::new("directory")
    );
    assert_eq!(fs::metadata(mounted.path("link")).unwrap().nlink(), 2);
    assert_eq!(fs::metadata(mounted.root()).unwrap().nlink(), 3);
}

#[test]
fn a_directory_of_many_entries_is_listed_completely() {
    let mounted = Mounted::new();
    for number in 0..3000 {
        File::create(mounted.path(&format!("file{number}"))).unwrap();
    }
    let names: std::collections::BTreeSet<_> = fs::read_dir(mounted.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3000);
    for number in 0..3000 {
        fs::remove_file(mounted.path(&format!("file{number}"))).unwrap();
    }
    assert_eq!(fs::read_dir(mounted.root()).unwrap().count(), 0);
}

#[test]
fn an_open_file_outlives_its_name_and_then_gives_back_its_space() {
    let mounted = Mounted::new();
    let used = || {
        let counts = nix::sys::statvfs::statvfs(mounted.root()).unwrap();
        (
            counts.blocks() - counts.blocks_free(),
            counts.files() - counts.files_free(),
        )
    };
    let before = used();
    let path = mounted.path("file");
    fs::write(&path, vec![7; 1_000_000]).unwrap();
    let mut file = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut content = Vec::new();
    file.read_to_end(&mut content).unwrap();
    assert!(content == vec![7; 1_000_000]);
    assert_eq!(file.metadata().unwrap().nlink(), 0);
    drop(file);
    let deadline = Instant::now() + Duration::from_secs(10);
    while used() != before {
        assert!(Instant::now() < deadline, "{before:?} became {:?}", used());
        std::thread::yield_now();
    }
}

#[test]
fn locks_of_two_open_files_exclude_each_other() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    let first = File::create(&path).unwrap();
    let second = File::open(&path).unwrap();
    let held = Flock::lock(first, FlockArg::LockExclusiveNonblock).unwrap();
    let (second, errno) = Flock::lock(second, FlockArg::LockExclusiveNonblock).unwrap_err();
    assert_eq!(errno, nix::errno::Errno::EWOULDBLOCK);
    drop(held);
    assert!(Flock::lock(second, FlockArg::LockExclusiveNonblock).is_ok());
}

#[test]
fn chattr_is_enforced() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    fs::write(&path, b"fixed").unwrap();
    assert!(run("chattr", &["+i"], &path));
    let refused = OpenOptions::new().write(true).open(&path).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
    assert_eq!(
        fs::remove_file(&path).unwrap_err().raw_os_error(),
        Some(libc::EPERM)
    );
    assert!(run("chattr", &["-i", "+a"], &path));
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"!")
        .unwrap();
    assert!(run("chattr", &["-a"], &path));
    assert_eq!(fs::read(&path).unwrap(), b"fixed!");
}

#[test]
fn chattr_changes_the_time_that_stat_shows() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    File::create(&path).unwrap();
    let ctime = || {
        let found = fs::metadata(&path).unwrap();
        (found.ctime(), found.ctime_nsec())
    };
    let before = ctime();
    assert!(run("chattr", &["+d"], &path));
    assert!(ctime() > before);
}

#[test]
fn times_before_1970_and_after_2106_are_kept_to_the_nanosecond() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    let file = File::create(&path).unwrap();
    let times = [
        (-2, 800_000_000),
        (-1, 1),
        (5_000_000_000, 999_999_999),
        (i64::MIN, 0),
        (i64::MIN + 1, 5),
        (i64::MAX, 0),
    ];
    for (seconds, nanoseconds) in times {
        let time = nix::sys::time::TimeSpec::new(seconds, nanoseconds);
        nix::sys::stat::futimens(&file, &time, &time).unwrap();
        let kept = fs::metadata(&path).unwrap();
        assert_eq!((kept.mtime(), kept.mtime_nsec()), (seconds, nanoseconds));
        assert_eq!((kept.atime(), kept.atime_nsec()), (seconds, nanoseconds));
    }
}

#[test]
fn reading_changes_the_access_time_as_the_mount_says() {
    let strict = Mounted::with(MountOptions {
        atime: AtimePolicy::Strict,
        ..MountOptions::default()
    });
    let never = Mounted::with(MountOptions {
        atime: AtimePolicy::Never,
        ..MountOptions::default()
    });
    for (mounted, is_touched) in [(&strict, true), (&never, false)] {
        let path = mounted.path("file");
        fs::write(&path, b"content").unwrap();
        let atime = || {
            let found = fs::metadata(&path).unwrap();
            (found.atime(), found.atime_nsec())
        };
        for _ in 0..2 {
            let before = atime();
            fs::read(&path).unwrap();
            assert_eq!(atime() > before, is_touched);
        }
    }
}

#[test]
fn a_remount_changes_the_policy_of_access_times() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    let atime_moves = || {
        fs::write(&path, b"content").unwrap();
        let before = fs::metadata(&path).unwrap();
        fs::read(&path).unwrap();
        let after = fs::metadata(&path).unwrap();
        (after.atime(), after.atime_nsec()) > (before.atime(), before.atime_nsec())
    };
    assert!(atime_moves());
    let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_NOATIME;
    nix::mount::mount(
        None::<&str>,
        mounted.root(),
        None::<&str>,
        flags,
        None::<&str>,
    )
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while atime_moves() {
        assert!(Instant::now() < deadline, "the remount is not followed");
    }
}

#[test]
fn a_read_only_mount_is_not_changed() {
    let mounted = Mounted::with(MountOptions {
        read_only: true,
        ..MountOptions::default()
    });
    let refused = fs::write(mounted.path("file"), b"").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EROFS));
}

#[test]
fn copies_share_and_holes_are_found() {
    let mounted = Mounted::new();
    let (source, copy) = (mounted.path("source"), mounted.path("copy"));
    let mut file = File::create_new(&source).unwrap();
    file.write_all(&[1; 8192]).unwrap();
    file.seek(SeekFrom::Start(1 << 20)).unwrap();
    file.write_all(&[2; 4096]).unwrap();
    assert_eq!(fs::copy(&source, &copy).unwrap(), (1 << 20) + 4096);
    assert!(fs::read(&source).unwrap() == fs::read(&copy).unwrap());
    let file = File::open(&source).unwrap();
    let seek = |from, whence| nix::unistd::lseek(&file, from, whence).unwrap();
    assert_eq!(seek(0, nix::unistd::Whence::SeekHole), 8192);
    assert_eq!(seek(8192, nix::unistd::Whence::SeekData), 1 << 20);
}

#[test]
fn privileges_are_lost_when_another_user_writes() {
    let mounted = Mounted::new();
    let path = mounted.path("program");
    fs::write(&path, b"old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o6777)).unwrap();
    let script = format!("printf new > {}", path.display());
    fs::set_permissions(mounted.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let writer = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "sh",
        "-c",
        &script,
    ];
    assert!(
        Command::new("setpriv")
            .args(writer)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o777);
}

#[test]
fn names_may_hold_any_bytes() {
    let mounted = Mounted::new();
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    let path = mounted.root().join(std::ffi::OsStr::from_bytes(&bytes));
    fs::write(&path, b"odd").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"odd");
    let too_long = mounted.path(&"n".repeat(256));
    let refused = fs::write(&too_long, b"").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ENAMETOOLONG));
}

#[test]
fn xattrs_and_direct_writes_work() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_SYNC)
        .open(&path)
        .unwrap();
    file.write_all(b"durable").unwrap();
    assert!(run(
        "setfattr",
        &["-n", "user.comment", "-v", "hello"],
        &path
    ));
    assert!(run("getfattr", &["-n", "user.comment"], &path));
    assert!(run("setfattr", &["-x", "user.comment"], &path));
    assert!(!run("getfattr", &["-n", "user.comment"], &path));
}

#[test]
fn plain_umount_ends_the_mount() {
    let directory = tempfile::tempdir().unwrap();
    let mount = Mount::new(replicator(), directory.path(), MountOptions::default()).unwrap();
    let _watchdog = watchdog(mount.unmounter());
    fs::write(directory.path().join("file"), b"content").unwrap();
    assert!(run("umount", &[], directory.path()));
    mount.wait().unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_unmount_lets_open_files_finish() {
    let directory = tempfile::tempdir().unwrap();
    let mount = Mount::new(replicator(), directory.path(), MountOptions::default()).unwrap();
    let unmounter = mount.unmounter();
    let _watchdog = watchdog(unmounter.clone());
    let mut file = File::create(directory.path().join("file")).unwrap();
    unmounter.unmount().unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    file.write_all(b"still here").unwrap();
    drop(file);
    mount.wait().unwrap();
    unmounter.unmount().unwrap();
}

#[test]
fn a_mount_shows_its_source_and_type() {
    for (subtype, file_system) in [(Some("holdfast"), "fuse.holdfast"), (None, "fuse")] {
        let mounted = Mounted::with(MountOptions {
            source: "some/source".to_owned(),
            subtype: subtype.map(str::to_owned),
            ..MountOptions::default()
        });
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let start = format!("some/source {} {file_system} rw,", mounted.root().display());
        assert!(
            mounts.lines().any(|line| line.starts_with(&start)),
            "no {start}"
        );
    }
}

#[test]
fn a_missing_mountpoint_is_named() {
    let missing = Path::new("/nonexistent/mountpoint");
    let refused = Mount::new(replicator(), missing, MountOptions::default());
    assert!(matches!(refused, Err(MountError::MountpointMissing { .. })));
}
