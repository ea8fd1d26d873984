//! Requests are decoded to what they mean.

use std::time::Duration;

use super::*;

/// `system_time_from_time` of fuser 0.18, which is private there.
fn as_fuser_reads_it(seconds: i64, nanoseconds: u32) -> SystemTime {
    if seconds >= 0 {
        UNIX_EPOCH + Duration::new(seconds as u64, nanoseconds)
    } else {
        UNIX_EPOCH - Duration::new((-seconds) as u64, nanoseconds)
    }
}

#[test]
fn times_before_1970_are_put_right() {
    let seconds = [-62_135_596_800, -2, -1, 0, 1, 4_294_967_296, 1 << 40];
    for seconds in seconds {
        for nanoseconds in [0, 1, 500_000_000, 999_999_999] {
            let decoded = timestamp(as_fuser_reads_it(seconds, nanoseconds));
            assert_eq!(
                decoded,
                Timestamp {
                    seconds,
                    nanoseconds
                }
            );
        }
    }
}

#[test]
fn every_kind_but_directories_and_symlinks_can_be_made_by_mknod() {
    assert_eq!(kind(0o644), Ok(FileKind::Regular));
    assert_eq!(kind(libc::S_IFIFO | 0o644), Ok(FileKind::Fifo));
    assert_eq!(kind(libc::S_IFSOCK), Ok(FileKind::Socket));
    assert_eq!(kind(libc::S_IFCHR), Ok(FileKind::CharacterDevice));
    assert_eq!(kind(libc::S_IFBLK), Ok(FileKind::BlockDevice));
    assert_eq!(kind(libc::S_IFDIR), Err(PosixError::InvalidArgument));
}

#[test]
fn unknown_modes_and_flags_are_refused() {
    assert_eq!(
        fallocate_mode(libc::FALLOC_FL_PUNCH_HOLE),
        Err(PosixError::NotSupported)
    );
    assert_eq!(fallocate_mode(3), Ok(FallocateMode::PunchHole));
    let unknown = fuser::RenameFlags::from_bits_retain(8);
    assert_eq!(rename_flags(unknown), Err(PosixError::InvalidArgument));
    assert_eq!(set_xattr_mode(3), Err(PosixError::InvalidArgument));
    assert_eq!(
        seek_target(libc::SEEK_SET),
        Err(PosixError::InvalidArgument)
    );
}

#[test]
fn the_last_byte_of_the_kernel_is_the_end_of_every_file() {
    let decoded = |start, end, kind| {
        let by = (FileHandle(3), fuser::LockOwner(4));
        lock(INodeNo(2), by, (start, end), kind, 5)
    };
    let whole = decoded(0, i64::MAX as u64, libc::F_WRLCK).unwrap();
    assert_eq!(whole.range, LockRange::WHOLE);
    assert_eq!(whole.mode, Some(LockMode::Exclusive));
    assert_eq!((whole.handle, whole.owner), (Handle(3), LockOwner(4)));
    let part = decoded(7, 8, libc::F_RDLCK).unwrap();
    assert_eq!((part.range.start, part.range.end), (7, 8));
    assert_eq!(part.mode, Some(LockMode::Shared));
    assert_eq!(decoded(0, 0, libc::F_UNLCK).unwrap().mode, None);
    for (start, end, kind) in [(8, 7, libc::F_RDLCK), (0, 0, 77)] {
        let refused = decoded(start, end, kind).err();
        assert_eq!(refused, Some(PosixError::InvalidArgument));
    }
}

#[test]
fn pages_are_written_back_for_no_file_in_particular() {
    let how = |flags| write_use(FileHandle(3), flags);
    assert_eq!(how(WriteFlags::empty()), Use::Through(Handle(3)));
    assert_eq!(how(WriteFlags::FUSE_WRITE_CACHE), Use::WriteBack);
}
