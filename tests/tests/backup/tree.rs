//! Files of every kind, and what can be seen of a tree.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use holdfast_tests::{run, system};

/// Makes files of every kind; the names of some are no text.
#[track_caller]
pub(crate) fn plant(root: &Path) {
    let path = |name: &str| root.join(name);
    fs::write(path("file"), "content").unwrap();
    fs::hard_link(path("file"), path("second name")).unwrap();
    symlink("../target that is not there", path("symlink")).unwrap();
    let odd = OsString::from_vec(b"na\xffme\n\x01".to_vec());
    fs::create_dir(root.join(&odd)).unwrap();
    fs::write(
        root.join(&odd).join(OsString::from_vec(vec![b'x'; 255])),
        "long",
    )
    .unwrap();
    let sparse = File::create(path("sparse")).unwrap();
    sparse.write_all_at(b"begin", 0).unwrap();
    sparse.write_all_at(b"end", 1 << 40).unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|byte| (byte * 7 % 251) as u8)
        .collect();
    fs::write(path("large"), bytes).unwrap();
    let old = SystemTime::UNIX_EPOCH - Duration::new(86_400 * 365, 5);
    sparse.set_modified(old).unwrap();
    for (name, value) in [("user.empty", &b""[..]), ("user.bytes", b"\0\xff\n")] {
        system::set_xattr(&path("file"), name, value, 0).unwrap();
    }
    let limited = path("limited");
    fs::create_dir(&limited).unwrap();
    let limits = b"bytes=1000000 inodes=9";
    system::set_xattr(&limited, "trusted.holdfast.quota", limits, 0).unwrap();
    fs::write(limited.join("file"), vec![1; 5000]).unwrap();
    let script = "
        cp --reflink=auto large clone
        mknod character c 1 3
        mknod block b 7 0
        mkfifo pipe
        mkdir -m 2755 directory
        chown 1234:5678 directory
        setfacl -m u:1234:rw file
        setfacl -d -m g:5678:rwx directory
        touch fixed log
        chmod 4711 fixed
        chattr +i fixed
        chattr +a log
        mkdir fixed-directory
        touch fixed-directory/inside
        chattr +i fixed-directory
        i=0; while [ $i -lt 300 ]; do : > directory/file-$i; i=$((i + 1)); done
        rm directory/file-7
    ";
    run(std::process::Command::new("sh")
        .args(["-ec", script])
        .current_dir(root))
    .success();
}

/// Lets everything be removed.
pub(crate) fn unfix(root: &Path) {
    run(std::process::Command::new("chattr")
        .args(["-ia", "fixed", "log", "fixed-directory"])
        .current_dir(root))
    .success();
}

/// Everything that a program can see of each file, but for its access time.
#[track_caller]
pub(crate) fn look(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = path.symlink_metadata().unwrap();
        seen.insert(path.strip_prefix(root).unwrap().to_owned(), describe(&path));
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    let flags = run(std::process::Command::new("lsattr")
        .args(["-d", "fixed", "log", "fixed-directory", "file"])
        .current_dir(root));
    seen.insert(PathBuf::from("flags"), flags.success());
    seen
}

#[track_caller]
fn describe(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let mut names = system::list_xattrs(path).unwrap();
    names.sort();
    let xattrs: Vec<(String, Vec<u8>)> = names
        .into_iter()
        .map(|name| {
            let value = system::get_xattr(path, &name).unwrap();
            (name, value)
        })
        .collect();
    let content = if metadata.is_symlink() {
        fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else if metadata.is_file() && metadata.len() < 1 << 30 {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let quotas = if metadata.is_dir() {
        system::get_xattr(path, "holdfast.quota").unwrap()
    } else {
        Vec::new()
    };
    let quotas = String::from_utf8(quotas).unwrap();
    let checksum = crc32fast::hash(&content);
    format!(
        "ino {} mode {:o} links {} owner {}:{} device {} size {} blocks {} modified {}.{} changed {}.{} \
         xattrs {xattrs:?} quotas {quotas:?} content {} bytes {checksum:08x}",
        metadata.ino(),
        metadata.mode(),
        metadata.nlink(),
        metadata.uid(),
        metadata.gid(),
        metadata.rdev(),
        metadata.size(),
        metadata.blocks(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        content.len(),
    )
}
