//! Files of every kind, and what can be seen of a tree.
//!
//! `tests/fixtures` keeps lines of [`look`] beside data directories of earlier programs: a line that is written in another way
//! means that all of those are to be written again.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use crate::{place, run, system};

/// Longer ones are mostly holes: only where their data is can be said in time.
const READ_BYTES_MAX: u64 = 1 << 30;
/// Has a quota.
const ALICE: u32 = 1234;

/// Makes files of every kind; the names of some are no text.
#[track_caller]
pub fn plant(root: &Path) {
    plant_names(root);
    plant_content(root);
    plant_attributes(root);
    let script = "
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
        i=0; while [ $i -lt 100 ]; do : > directory/file-$i; i=$((i + 1)); done
        rm directory/file-7
    ";
    shell(root, script);
}

/// Lets everything be removed.
#[track_caller]
pub fn unfix(root: &Path) {
    shell(root, "chattr -ia fixed log fixed-directory");
}

fn plant_names(root: &Path) {
    let path = |name: &str| root.join(name);
    fs::write(path("file"), "content").unwrap();
    fs::hard_link(path("file"), path("second name")).unwrap();
    symlink("../target that is not there", path("symlink")).unwrap();
    let odd = root.join(OsString::from_vec(b"na\xffme\n\x01".to_vec()));
    fs::create_dir(&odd).unwrap();
    let long = OsString::from_vec(vec![b'x'; 255]);
    fs::write(odd.join(long), "long").unwrap();
    for name in ["-rf", "back\\slash", "\u{fc}ber \u{2603}"] {
        fs::write(odd.join(name), name).unwrap();
    }
}

fn plant_content(root: &Path) {
    let path = |name: &str| root.join(name);
    let sparse = File::create(path("sparse")).unwrap();
    sparse.write_all_at(b"begin", 0).unwrap();
    sparse.write_all_at(b"end", 1 << 40).unwrap();
    // No block of it is like another one.
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .map(|byte| (byte * 7 % 251) as u8)
        .collect();
    fs::write(path("large"), &bytes).unwrap();
    // Written over, cut within a block, and with holes from one block into another.
    let patched = File::create(path("patched")).unwrap();
    patched.write_all_at(&bytes[..1_500_000], 0).unwrap();
    patched.write_all_at(&vec![b'm'; 70_000], 700_001).unwrap();
    patched.set_len(1_400_003).unwrap();
    patched.write_all_at(b"later", 1_900_000).unwrap();
    let script = "
        cp --reflink=auto large clone
        fallocate --punch-hole --offset 300000 --length 100000 patched
        echo reserved > reserved
        fallocate --keep-size --length 65536 reserved
    ";
    shell(root, script);
}

fn plant_attributes(root: &Path) {
    let path = |name: &str| root.join(name);
    let sparse = File::options().write(true).open(path("sparse")).unwrap();
    let year = Duration::from_hours(24 * 365);
    let times = FileTimes::new()
        .set_modified(SystemTime::UNIX_EPOCH - year - Duration::from_nanos(5))
        .set_accessed(SystemTime::UNIX_EPOCH + 500 * year + Duration::from_nanos(7));
    sparse.set_times(times).unwrap();
    for (name, value) in [("user.empty", &b""[..]), ("user.bytes", b"\0\xff\n")] {
        system::set_xattr(&path("file"), name, value, 0).unwrap();
    }
    let limited = path("limited");
    fs::create_dir(&limited).unwrap();
    let limits = b"bytes=1000000 inodes=9";
    system::set_xattr(&limited, "trusted.holdfast.quota", limits, 0).unwrap();
    fs::write(limited.join("file"), vec![1; 5000]).unwrap();
    let mut quota = Command::new(place::holdfast());
    let user = ALICE.to_string();
    quota.args(["quota", "set", "--user", &user, "--inodes", "1000"]);
    run(quota.arg(root)).success();
}

#[track_caller]
fn shell(root: &Path, script: &str) {
    let mut command = Command::new("sh");
    run(command.args(["-ec", script]).current_dir(root)).success();
}

/// Everything that a program can see of each file. It reads them all: mount with `noatime`.
#[track_caller]
pub fn look(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    for path in walk(root) {
        let name = path.strip_prefix(root).unwrap().to_owned();
        seen.insert(name, describe(&path));
    }
    let owner = format!("holdfast.quota.user.{ALICE}");
    let quota = system::get_xattr(root, &owner).unwrap_or_default();
    let quota = String::from_utf8(quota).unwrap();
    seen.insert(PathBuf::from(owner), format!("{quota:?}"));
    seen
}

/// How many inodes have a name.
#[track_caller]
pub fn inodes(root: &Path) -> u64 {
    let metadata = walk(root)
        .into_iter()
        .map(|path| path.symlink_metadata().unwrap());
    let inodes: BTreeSet<u64> = metadata.map(|metadata| metadata.ino()).collect();
    inodes.len() as u64
}

#[track_caller]
fn walk(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.symlink_metadata().unwrap().is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        }
        found.push(path);
    }
    found
}

#[track_caller]
fn describe(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let mut said = vec![attributes(&metadata), times(&metadata)];
    let xattrs = xattrs(path);
    if !xattrs.is_empty() {
        said.push(format!("xattrs {xattrs:?}"));
    }
    if metadata.is_symlink() {
        let target = fs::read_link(path).unwrap().into_os_string().into_vec();
        said.push(format!("leads to \"{}\"", target.escape_ascii()));
    } else if metadata.is_file() {
        let file = File::open(path).unwrap();
        said.push(flags(&file));
        said.push(content(&file, metadata.len()));
    } else if metadata.is_dir() {
        said.push(flags(&File::open(path).unwrap()));
        said.push(listing(path));
    }
    said.join(" ")
}

fn attributes(metadata: &Metadata) -> String {
    format!(
        "ino {} mode {:o} links {} owner {}:{} device {} size {} blocks {}",
        metadata.ino(),
        metadata.mode(),
        metadata.nlink(),
        metadata.uid(),
        metadata.gid(),
        metadata.rdev(),
        metadata.size(),
        metadata.blocks(),
    )
}

fn times(metadata: &Metadata) -> String {
    format!(
        "accessed {}.{:09} modified {}.{:09} changed {}.{:09}",
        metadata.atime(),
        metadata.atime_nsec(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

fn xattrs(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = system::list_xattrs(path).unwrap();
    names.sort();
    let with_value = |name: String| {
        let value = system::get_xattr(path, &name).unwrap();
        (name, value)
    };
    names.into_iter().map(with_value).collect()
}

fn flags(file: &File) -> String {
    format!("flags {:x}", system::inode_flags(file).unwrap())
}

/// Where data is, and the checksum of all that is read; only of the data where that would take too long.
fn content(file: &File, length: u64) -> String {
    let ranges = data(file).unwrap();
    let is_read = length <= READ_BYTES_MAX;
    let whole = [(0, length)];
    let mut checksum = crc32fast::Hasher::new();
    for (start, end) in if is_read { &whole[..] } else { &ranges } {
        let mut bytes = vec![0; (end - start) as usize];
        file.read_exact_at(&mut bytes, *start).unwrap();
        checksum.update(&bytes);
    }
    format!("data {ranges:?} checksum {:08x}", checksum.finalize())
}

/// The ranges of a file that are no holes: from where to where.
fn data(file: &File) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    loop {
        let start = match lseek(file, from, Whence::SeekData) {
            Err(Errno::ENXIO) => return Ok(ranges),
            other => other?,
        };
        from = lseek(file, start, Whence::SeekHole)?;
        ranges.push((start as u64, from as u64));
    }
}

/// The quotas that it counts in, and the checksum of its names in the order in which they are listed.
fn listing(directory: &Path) -> String {
    let quotas = system::get_xattr(directory, "holdfast.quota").unwrap();
    let quotas = String::from_utf8(quotas).unwrap();
    let mut checksum = crc32fast::Hasher::new();
    for entry in fs::read_dir(directory).unwrap() {
        checksum.update(entry.unwrap().file_name().as_bytes());
        checksum.update(b"\0");
    }
    format!("listed {:08x} quotas {quotas:?}", checksum.finalize())
}
