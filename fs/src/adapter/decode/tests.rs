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
