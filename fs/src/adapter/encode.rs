//! Our types to the kernel's numbers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, Generation, INodeNo};
use holdfast_metadata::{Attributes, FileKind, Timestamp, limits};

/// `st_blocks` counts these.
const STAT_BLOCK_BYTES: u64 = 512;

pub(super) fn attributes(attributes: &Attributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(attributes.ino.get()),
        size: attributes.size,
        blocks: attributes.allocated.div_ceil(STAT_BLOCK_BYTES),
        atime: time(attributes.atime),
        mtime: time(attributes.mtime),
        ctime: time(attributes.ctime),
        crtime: time(attributes.btime),
        kind: kind(attributes.kind),
        perm: attributes.mode.bits(),
        nlink: attributes.nlink,
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: attributes.device,
        blksize: limits::BLOCK_BYTES,
        flags: 0,
    }
}

/// The answer that a name does not exist, which the kernel may remember: node id 0.
pub(super) fn no_entry() -> FileAttr {
    only_number(0, FileKind::Regular)
}

/// What `readdirplus` shows of `.` and `..`: the kernel takes the number and the kind from it and does
/// not count the entry as a lookup.
pub(super) fn only_number(ino: u64, file_kind: FileKind) -> FileAttr {
    FileAttr {
        ino: INodeNo(ino),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: kind(file_kind),
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: limits::BLOCK_BYTES,
        flags: 0,
    }
}

pub(super) fn generation(attributes: &Attributes) -> Generation {
    Generation(u64::from(attributes.generation))
}

pub(super) fn kind(kind: FileKind) -> FileType {
    match kind {
        FileKind::Regular => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::Fifo => FileType::NamedPipe,
        FileKind::Socket => FileType::Socket,
        FileKind::CharacterDevice => FileType::CharDevice,
        FileKind::BlockDevice => FileType::BlockDevice,
    }
}

fn time(time: Timestamp) -> SystemTime {
    let seconds = Duration::from_secs(time.seconds.unsigned_abs());
    let whole = if time.seconds < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    let fraction = Duration::new(0, time.nanoseconds);
    whole
        .and_then(|whole| whole.checked_add(fraction))
        .unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_far_from_1970_are_exact() {
        let before = time(Timestamp {
            seconds: -2,
            nanoseconds: 800_000_000,
        });
        assert_eq!(before, UNIX_EPOCH - Duration::new(1, 200_000_000));
        let after = time(Timestamp {
            seconds: 1 << 33,
            nanoseconds: 5,
        });
        assert_eq!(after, UNIX_EPOCH + Duration::new(1 << 33, 5));
        for seconds in [i64::MIN, i64::MAX] {
            let extreme = time(Timestamp {
                seconds,
                nanoseconds: 0,
            });
            assert_ne!(extreme, UNIX_EPOCH);
        }
    }

    #[test]
    fn every_kind_has_a_type_of_its_own() {
        let types = FileKind::ALL.map(kind);
        for (index, first) in types.iter().enumerate() {
            assert!(types.iter().skip(index + 1).all(|second| second != first));
        }
    }
}
