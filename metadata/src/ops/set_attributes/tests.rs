//! Every rule of `chmod`, `chown`, `truncate` and `utimensat`.

use super::*;
use crate::ops::fixture::Fixture;
use crate::permission::fixture::{SPECIAL, user};
use crate::types::{Attributes, Credentials, InodeId, Mode, Timestamp};
use crate::xattr::CAPABILITY;

fn file(uid: u32, gid: u32, mode: u32) -> (Fixture, InodeId) {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.dress(ino, uid, gid, mode);
    (fixture, ino)
}

fn with_mode(ino: InodeId, mode: u32) -> SetAttributes {
    let mode = Some(Mode::new(mode));
    SetAttributes {
        mode,
        ..SetAttributes::nothing(ino)
    }
}

fn with_owner(ino: InodeId, uid: Option<u32>, gid: Option<u32>) -> SetAttributes {
    SetAttributes {
        uid,
        gid,
        ..SetAttributes::nothing(ino)
    }
}

fn with_size(ino: InodeId, size: u64) -> SetAttributes {
    SetAttributes {
        size: Some(size),
        ..SetAttributes::nothing(ino)
    }
}

fn with_times(ino: InodeId, atime: Option<Timestamp>, mtime: Option<Timestamp>) -> SetAttributes {
    SetAttributes {
        atime,
        mtime,
        ..SetAttributes::nothing(ino)
    }
}

fn time(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp::new(seconds, nanoseconds).unwrap()
}

fn root(fixture: &mut Fixture, command: SetAttributes) -> Result<Attributes, PosixError> {
    fixture.set(Credentials::ROOT, command)
}

#[test]
fn nothing_is_set_but_what_is_given_and_the_change_time() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let before = fixture.stat(ino);
    let after = root(&mut fixture, SetAttributes::nothing(ino)).unwrap();
    let ctime = fixture.now();
    assert_ne!(before.ctime, ctime);
    assert_eq!(after, Attributes { ctime, ..before });
    assert_eq!(fixture.stat(ino), after);
}

#[test]
fn chmod_sets_all_twelve_bits_of_every_kind() {
    let mut fixture = Fixture::new();
    for kind in FileKind::ALL
        .into_iter()
        .filter(|kind| *kind != FileKind::Symlink)
    {
        let ino = fixture.make(kind, &format!("{kind:?}"));
        let after = root(&mut fixture, with_mode(ino, 0o7531)).unwrap();
        assert_eq!(
            (after.mode, after.ctime),
            (Mode::new(0o7531), fixture.now())
        );
    }
}

#[test]
fn chmod_gives_set_group_id_only_to_a_group_of_ones_own() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let mut mode_by = |credentials| {
        let after = fixture.set(credentials, with_mode(ino, 0o6755)).unwrap();
        after.mode.bits()
    };
    assert_eq!(mode_by(user(1, &[])), 0o4755);
    assert_eq!(mode_by(user(1, &[2])), 0o6755);
    assert_eq!(mode_by(Credentials::ROOT), 0o6755);
}

#[test]
fn a_symlink_has_an_owner_and_times_but_no_mode_of_its_own() {
    let mut fixture = Fixture::new();
    let ino = fixture.make_symlink("link");
    assert_eq!(
        root(&mut fixture, with_mode(ino, 0o600)),
        Err(PosixError::NotSupported)
    );
    let times = with_times(ino, Some(time(1, 2)), Some(time(3, 4)));
    root(&mut fixture, times).unwrap();
    let after = root(&mut fixture, with_owner(ino, Some(8), Some(9))).unwrap();
    assert_eq!((after.uid, after.gid), (8, 9));
    assert_eq!((after.atime, after.mtime), (time(1, 2), time(3, 4)));
}

#[test]
fn chown_changes_what_is_given() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let after = root(&mut fixture, with_owner(ino, Some(8), None)).unwrap();
    assert_eq!((after.uid, after.gid), (8, 2));
    let after = root(&mut fixture, with_owner(ino, None, Some(9))).unwrap();
    assert_eq!((after.uid, after.gid, after.ctime), (8, 9, fixture.now()));
}

#[test]
fn minus_one_owns_nothing() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    for (uid, gid) in [(Some(u32::MAX), None), (None, Some(u32::MAX))] {
        let outcome = root(&mut fixture, with_owner(ino, uid, gid));
        assert_eq!(outcome, Err(PosixError::InvalidArgument));
    }
}

#[test]
fn chown_without_privilege_clears_the_privileges_of_the_file() {
    let (mut fixture, ino) = file(1, 2, 0o6755);
    fixture.set_xattr(ino, CAPABILITY, "all").unwrap();
    let after = fixture
        .set(user(1, &[3]), with_owner(ino, None, Some(3)))
        .unwrap();
    assert_eq!(
        (after.mode, after.gid, after.xattrs),
        (Mode::new(0o755), 3, 0)
    );
}

#[test]
fn chown_without_privilege_leaves_set_group_id_that_is_no_privilege() {
    let (mut fixture, ino) = file(1, 2, 0o2745);
    let after = fixture
        .set(user(1, &[]), with_owner(ino, None, Some(1)))
        .unwrap();
    assert_eq!(after.mode, Mode::new(0o2745));
}

#[test]
fn chown_leaves_the_bits_of_a_directory() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Directory, "directory");
    fixture.dress(ino, 1, 2, 0o6755);
    let after = fixture
        .set(user(1, &[]), with_owner(ino, None, Some(1)))
        .unwrap();
    assert_eq!(after.mode, Mode::new(0o6755));
}

#[test]
fn chown_by_the_superuser_clears_what_the_kernel_says() {
    let (mut fixture, ino) = file(1, 2, 0o6755);
    fixture.set_xattr(ino, CAPABILITY, "all").unwrap();
    let after = root(&mut fixture, with_owner(ino, Some(3), None)).unwrap();
    assert_eq!((after.mode, after.xattrs), (Mode::new(0o6755), 1));
    let mode = Some(Mode::new(0o755));
    let command = SetAttributes {
        mode,
        ..with_owner(ino, Some(4), None)
    };
    let after = root(&mut fixture, command).unwrap();
    assert_eq!((after.mode, after.uid), (Mode::new(0o755), 4));
}

#[test]
fn a_mode_sent_with_an_owner_gives_no_privilege_to_who_has_none() {
    let (mut fixture, ino) = file(1, 2, 0o755);
    let command = SetAttributes {
        mode: Some(Mode::new(0o6755)),
        ..with_owner(ino, None, Some(1))
    };
    let after = fixture.set(user(1, &[]), command).unwrap();
    assert_eq!(after.mode, Mode::new(0o755));
}

#[test]
fn truncate_sets_size_and_both_times_even_to_the_same_size() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    for size in [5, 5, 1 << 40, 0, 0] {
        let after = root(&mut fixture, with_size(ino, size)).unwrap();
        assert_eq!(after.size, size);
        assert_eq!((after.mtime, after.ctime), (fixture.now(), fixture.now()));
    }
}

#[test]
fn truncate_with_a_time_sets_that_time() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let command = SetAttributes {
        mtime: Some(time(7, 7)),
        ..with_size(ino, 9)
    };
    let after = root(&mut fixture, command).unwrap();
    assert_eq!((after.mtime, after.ctime), (time(7, 7), fixture.now()));
}

#[test]
fn a_file_ends_where_offsets_end() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let after = root(&mut fixture, with_size(ino, FILE_BYTES_MAX)).unwrap();
    assert_eq!(after.size, FILE_BYTES_MAX);
    let outcome = root(&mut fixture, with_size(ino, FILE_BYTES_MAX + 1));
    assert_eq!(outcome, Err(PosixError::FileTooLarge));
}

#[test]
fn only_regular_files_are_truncated() {
    let mut fixture = Fixture::new();
    let outcome = root(&mut fixture, with_size(InodeId::ROOT, 0));
    assert_eq!(outcome, Err(PosixError::IsDirectory));
    let link = fixture.make_symlink("link");
    assert_eq!(
        root(&mut fixture, with_size(link, 0)),
        Err(PosixError::InvalidArgument)
    );
    for kind in SPECIAL {
        let ino = fixture.make(kind, &format!("{kind:?}"));
        assert_eq!(
            root(&mut fixture, with_size(ino, 0)),
            Err(PosixError::InvalidArgument)
        );
    }
}

#[test]
fn truncate_without_privilege_clears_the_privileges_of_the_file() {
    let (mut fixture, ino) = file(1, 2, 0o6757);
    fixture.set_xattr(ino, CAPABILITY, "all").unwrap();
    let after = fixture.set(user(5, &[]), with_size(ino, 0)).unwrap();
    assert_eq!((after.mode, after.xattrs), (Mode::new(0o757), 0));
}

#[test]
fn truncate_by_the_superuser_clears_file_capabilities_only() {
    let (mut fixture, ino) = file(1, 2, 0o6755);
    fixture.set_xattr(ino, CAPABILITY, "all").unwrap();
    let after = root(&mut fixture, with_size(ino, 0)).unwrap();
    assert_eq!((after.mode, after.xattrs), (Mode::new(0o6755), 0));
}

#[test]
fn times_are_kept_to_the_nanosecond_on_both_sides_of_1970_and_2106() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let (early, late) = (time(-8_000_000_000, 999_999_999), time(9_000_000_000, 1));
    let after = root(&mut fixture, with_times(ino, Some(early), Some(late))).unwrap();
    assert_eq!(
        (after.atime, after.mtime, after.ctime),
        (early, late, fixture.now())
    );
}

#[test]
fn one_time_leaves_the_other() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let before = fixture.stat(ino);
    let after = root(&mut fixture, with_times(ino, Some(time(1, 0)), None)).unwrap();
    assert_eq!((after.atime, after.mtime), (time(1, 0), before.mtime));
    let after = root(&mut fixture, with_times(ino, None, Some(time(2, 0)))).unwrap();
    assert_eq!((after.atime, after.mtime), (time(1, 0), time(2, 0)));
}

#[test]
fn a_given_change_time_is_set() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    let ctime = Some(time(1, 0));
    let command = SetAttributes {
        ctime,
        ..SetAttributes::nothing(ino)
    };
    assert_eq!(root(&mut fixture, command).unwrap().ctime, time(1, 0));
}

#[test]
fn nothing_of_an_immutable_inode_is_set() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    fixture.flag(ino, InodeFlags::IMMUTABLE);
    let before = fixture.stat(ino);
    let now = Timestamp::new(fixture.now().seconds + 7, fixture.now().nanoseconds);
    for command in [
        SetAttributes::nothing(ino),
        with_mode(ino, 0o600),
        with_owner(ino, Some(1), None),
        with_size(ino, 0),
        with_times(ino, Some(time(1, 0)), None),
        with_times(ino, None, Some(time(1, 0))),
        with_times(ino, now, now),
    ] {
        assert_eq!(root(&mut fixture, command), Err(PosixError::NotPermitted));
    }
    assert_eq!(fixture.stat(ino), before);
}

#[test]
fn nothing_of_an_append_only_inode_is_set_but_both_times_to_the_present() {
    let (mut fixture, ino) = file(1, 2, 0o640);
    fixture.flag(ino, InodeFlags::APPEND);
    let now =
        |fixture: &Fixture| Timestamp::new(fixture.now().seconds + 1, fixture.now().nanoseconds);
    for command in [
        with_mode(ino, 0o600),
        with_owner(ino, Some(1), None),
        with_owner(ino, None, Some(1)),
        with_size(ino, 0),
        with_times(ino, Some(time(1, 0)), Some(time(1, 0))),
    ] {
        assert_eq!(root(&mut fixture, command), Err(PosixError::NotPermitted));
    }
    let present = now(&fixture);
    let one = with_times(ino, present, None);
    assert_eq!(root(&mut fixture, one), Err(PosixError::NotPermitted));
    let present = now(&fixture);
    let after = root(&mut fixture, with_times(ino, present, present)).unwrap();
    assert_eq!((Some(after.atime), Some(after.mtime)), (present, present));
    root(&mut fixture, SetAttributes::nothing(ino)).unwrap();
}

#[test]
fn an_inode_that_is_gone_is_gone() {
    let mut fixture = Fixture::new();
    let outcome = root(&mut fixture, SetAttributes::nothing(InodeId::new(99)));
    assert_eq!(outcome, Err(PosixError::InodeGone));
}
