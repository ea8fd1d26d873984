//! The structures of `chattr` and what is refused.

use holdfast_metadata::{FileKind, InodeId, Mode, Timestamp};

use super::*;

fn attributes(flags: u32, project: u32) -> Attributes {
    Attributes {
        ino: InodeId::new(2),
        generation: 1,
        kind: FileKind::Regular,
        mode: Mode::new(0o644),
        flags: InodeFlags::new(flags).unwrap(),
        uid: 0,
        gid: 0,
        nlink: 1,
        device: 0,
        project,
        size: 0,
        allocated: 0,
        xattrs: 0,
        atime: Timestamp::default(),
        mtime: Timestamp::default(),
        ctime: Timestamp::default(),
        btime: Timestamp::default(),
    }
}

#[test]
fn the_numbers_are_those_of_linux_fs_h() {
    assert_eq!(libc::FS_IOC_GETFLAGS as u32, GET_FLAGS);
    assert_eq!(libc::FS_IOC_SETFLAGS as u32, SET_FLAGS);
    assert_eq!(libc::FS_IOC32_GETFLAGS as u32, GET_FLAGS_32);
    assert_eq!(libc::FS_IOC32_SETFLAGS as u32, SET_FLAGS_32);
}

#[test]
fn flags_survive_the_round_trip() {
    let stored = attributes(InodeFlags::IMMUTABLE | InodeFlags::DIRECTORY_SYNC, 0);
    for (number, room) in [(SET_FLAGS, 8), (SET_FLAGS_32, 4)] {
        let bytes = encode_flags(&stored, room);
        assert_eq!(bytes.len(), room);
        assert_eq!(
            Ioctl::decode(number, &bytes).unwrap(),
            Ioctl::SetFlags(stored.flags)
        );
    }
}

#[test]
fn extended_attributes_survive_the_round_trip() {
    let every = EXTENDED_FLAGS.iter().fold(0, |all, (_, flag)| all | flag);
    let stored = attributes(every, 4711);
    let bytes = encode_extended(&stored);
    assert_eq!(bytes.len(), EXTENDED_BYTES);
    let decoded = Ioctl::decode(SET_EXTENDED, &bytes).unwrap();
    assert_eq!(
        decoded,
        Ioctl::SetExtended {
            flags: stored.flags,
            project: 4711
        }
    );
}

#[test]
fn every_settable_flag_is_expressed_or_kept() {
    let every = EXTENDED_FLAGS
        .iter()
        .fold(NOT_EXTENDED, |all, (_, flag)| all | flag);
    assert_eq!(every, InodeFlags::SETTABLE);
}

#[test]
fn flags_without_effect_here_are_not_supported() {
    let compressed = 4_u32.to_ne_bytes();
    let error = Ioctl::decode(SET_FLAGS, &compressed).unwrap_err();
    assert!(matches!(
        error,
        FilesystemError::Posix(PosixError::NotSupported)
    ));
    let mut realtime = encode_extended(&attributes(0, 0));
    realtime[0] = 1;
    let error = Ioctl::decode(SET_EXTENDED, &realtime).unwrap_err();
    assert!(matches!(
        error,
        FilesystemError::Posix(PosixError::NotSupported)
    ));
}

/// `XFS_IOC_GOINGDOWN` is `_IOR('X', 125, __u32)`.
#[test]
fn the_shutdown_of_xfs_and_ext4_is_known() {
    let number = (2 << 30) | (4 << 16) | (u32::from(b'X') << 8) | 0x7d;
    assert_eq!(Ioctl::decode(number, &[]).unwrap(), Ioctl::Shutdown);
}

#[test]
fn other_numbers_are_not_for_files() {
    assert!(matches!(
        Ioctl::decode(0x5401, &[]),
        Err(FilesystemError::UnknownIoctl)
    ));
    assert!(Ioctl::decode(SET_FLAGS, &[1]).is_err());
}
