//! What the operations promise, over the state machine in memory, without a mount.

mod fixture;
mod shared;

use bytes::Bytes;
use holdfast_metadata::{
    Cookie, CountOwners, DirectoryEntry, FileKind, InodeFlags, PosixError, Rename, RenameFlags,
    SetXattr, SetXattrMode, WritePosition,
};

use self::fixture::{CALLER, Fixture, ROOT, answer, at_once, creation, file_name, memory};
use super::*;
use crate::ioctl::Ioctl;
use crate::quota::COUNT_NAME;

/// Takes a fixed number of entries.
struct Shelf<const PLUS: bool> {
    entries: Vec<DirectoryEntry>,
    room: usize,
}

impl<const PLUS: bool> DirectorySink for Shelf<PLUS> {
    const WITH_ATTRIBUTES: bool = PLUS;

    fn add(&mut self, entry: &DirectoryEntry) -> bool {
        let fits = self.entries.len() < self.room;
        if fits {
            self.entries.push(entry.clone());
        }
        fits
    }
}

fn list<const PLUS: bool>(fixture: &Fixture, after: Cookie, room: usize) -> Vec<DirectoryEntry> {
    let mut shelf = Shelf::<PLUS> {
        entries: Vec::new(),
        room,
    };
    at_once(fixture.filesystem.readdir(ROOT, after, &mut shelf)).unwrap();
    shelf.entries
}

#[test]
fn an_unlinked_file_stays_readable_until_the_kernel_forgets_it() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    fixture.write(ino, WritePosition::At(0), b"content");
    fixture.unlink("file");
    assert_eq!(fixture.read(ino).unwrap(), b"content");
    fixture.filesystem.forget(ino, 1);
    fixture.wait_until_gone(ino);
    assert_eq!(answer(fixture.read(ino)), PosixError::InodeGone);
}

#[test]
fn what_was_removed_is_free_when_statfs_answers() {
    let fixture = Fixture::new();
    let before = fixture.statfs();
    let ino = fixture.create("file").ino;
    fixture.write(ino, WritePosition::At(0), &vec![1; 100_000]);
    let during = fixture.statfs();
    let used = |counts: Statfs| {
        (
            counts.blocks - counts.blocks_free,
            counts.inodes - counts.inodes_free,
        )
    };
    assert_eq!(used(during), (used(before).0 + 25, used(before).1 + 1));
    fixture.unlink("file");
    fixture.filesystem.forget(ino, 1);
    assert_eq!(used(fixture.statfs()), used(before));
}

fn quota(fixture: &Fixture, ino: InodeId, mode: SetXattrMode) -> Result<(), FilesystemError> {
    let command = SetXattr {
        ino,
        name: b"trusted.holdfast.quota".as_slice().into(),
        value: Bytes::from_static(b"inodes=2"),
        mode,
    };
    at_once(fixture.filesystem.setxattr(CALLER, command))
}

#[test]
fn what_was_removed_makes_room_in_a_full_quota_at_once() {
    let fixture = Fixture::new();
    quota(&fixture, ROOT, SetXattrMode::Either).unwrap();
    for _ in 0..20 {
        let ino = fixture.create("file").ino;
        let over = fixture.filesystem.create(creation("more"), false, WRITE);
        let over = fixture.runtime.block_on(over);
        assert_eq!(answer(over), PosixError::QuotaExceeded);
        fixture.unlink("file");
        fixture.filesystem.forget(ino, 1);
        let created = fixture.filesystem.create(creation("more"), false, WRITE);
        let more = fixture.runtime.block_on(created).unwrap().0.ino;
        fixture.unlink("more");
        fixture.filesystem.forget(more, 1);
        fixture.wait_until_gone(more);
    }
}

#[test]
fn what_is_counted_only_in_part_is_not_told() {
    let fixture = Fixture::new();
    fixture.create("file");
    let step = |records_max| {
        let step = Operation::CountOwners(CountOwners {
            on: true,
            records_max,
        });
        at_once(fixture.filesystem.change(Credentials::ROOT, step)).unwrap();
    };
    let told = |name: &str| {
        let value = fixture.filesystem.getxattr(CALLER, ROOT, name.as_bytes());
        String::from_utf8(at_once(value).unwrap().to_vec()).unwrap()
    };
    let names = ["holdfast.quota.user.0", "trusted.holdfast.owners.user.0"];
    step(1);
    assert!(told(COUNT_NAME).starts_with("counting"));
    assert_eq!(names.map(told), ["", ""]);
    step(100);
    assert_eq!(told(COUNT_NAME), "on");
    for name in names {
        assert!(told(name).contains("inodes=2/none"), "{}", told(name));
    }
}

#[test]
fn the_attribute_of_a_quota_refuses_as_others_do() {
    let fixture = Fixture::new();
    let file = fixture.create("file").ino;
    let none = fixture
        .filesystem
        .removexattr(CALLER, file, b"trusted.holdfast.quota");
    assert_eq!(answer(at_once(none)), PosixError::NoAttribute);
    for mode in [SetXattrMode::Create, SetXattrMode::Replace] {
        let refused = quota(&fixture, ROOT, mode);
        assert_eq!(answer(refused), PosixError::NotSupported);
    }
}

#[test]
fn a_file_that_was_replaced_is_reclaimed() {
    let fixture = Fixture::new();
    let old = fixture.create("old").ino;
    let new = fixture.create("new").ino;
    fixture.filesystem.forget(old, 1);
    let command = Rename {
        parent: ROOT,
        name: file_name("new"),
        new_parent: ROOT,
        new_name: file_name("old"),
        flags: RenameFlags::default(),
        seen: None,
    };
    at_once(fixture.filesystem.rename(CALLER, command)).unwrap();
    fixture.wait_until_gone(old);
    let found = at_once(fixture.filesystem.lookup(CALLER, ROOT, b"old")).unwrap();
    assert_eq!(found.ino, new);
}

#[test]
fn orphans_left_by_a_crash_are_reclaimed_by_the_next_mount() {
    let replicator = memory();
    let first = Fixture::over(&replicator);
    let ino = first.create("file").ino;
    first.write(ino, WritePosition::At(0), b"content");
    first.unlink("file");
    drop(first);
    let second = Fixture::over(&replicator);
    second.wait_until_gone(ino);
}

#[test]
fn dot_and_dot_dot_are_looked_up() {
    let fixture = Fixture::new();
    let directory = at_once(fixture.filesystem.mkdir(creation("directory")))
        .unwrap()
        .ino;
    let itself = at_once(fixture.filesystem.lookup(CALLER, directory, b".")).unwrap();
    let above = at_once(fixture.filesystem.lookup(CALLER, directory, b"..")).unwrap();
    assert_eq!((itself.ino, above.ino), (directory, ROOT));
}

#[test]
fn an_inode_without_a_name_is_not_found_by_its_number() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    fixture.unlink("file");
    let found = at_once(fixture.filesystem.lookup(CALLER, ino, b"."));
    assert_eq!(answer(found), PosixError::InodeGone);
    fixture.filesystem.forget(ino, 1);
    fixture.wait_until_gone(ino);
}

#[test]
fn a_listing_resumes_where_the_reply_was_full() {
    let fixture = Fixture::new();
    for number in 0..300 {
        fixture.create(&format!("file{number}"));
    }
    let mut seen = Vec::new();
    let mut after = Cookie::START;
    loop {
        let page = list::<false>(&fixture, after, 7);
        let Some(last) = page.last() else {
            break;
        };
        after = last.cookie;
        seen.extend(page.into_iter().map(|entry| entry.name));
    }
    assert_eq!(seen.len(), 302);
    assert_eq!((&*seen[0], &*seen[1]), (&b"."[..], &b".."[..]));
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 302);
    assert_eq!(list::<false>(&fixture, Cookie::START, 1000).len(), 302);
}

#[test]
fn readdirplus_counts_the_entries_it_delivers_and_no_others() {
    let fixture = Fixture::new();
    let delivered = fixture.create("a").ino;
    let not_delivered = fixture.create("b").ino;
    for ino in [delivered, not_delivered] {
        fixture.filesystem.forget(ino, 1);
    }
    let page = list::<true>(&fixture, Cookie::START, 3);
    let attributes: Vec<bool> = page
        .iter()
        .map(|entry| entry.attributes.is_some())
        .collect();
    assert_eq!(attributes, [false, false, true]);
    fixture.unlink("a");
    fixture.unlink("b");
    fixture.wait_until_gone(not_delivered);
    assert!(at_once(fixture.filesystem.getattr(delivered)).is_ok());
    fixture.filesystem.forget(delivered, 1);
    fixture.wait_until_gone(delivered);
}

#[test]
fn an_append_goes_to_the_end_whatever_the_offset() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    fixture.write(ino, WritePosition::At(0), b"one");
    fixture.write(ino, WritePosition::End, b"two");
    assert_eq!(fixture.read(ino).unwrap(), b"onetwo");
}

fn opened(fixture: &Fixture, ino: InodeId, mode: OpenMode) -> Result<Opened, FilesystemError> {
    at_once(fixture.filesystem.open(CALLER, ino, mode))
}

const APPEND: OpenMode = OpenMode {
    read: false,
    execute: false,
    write: true,
    append: true,
    truncate: false,
};
const WRITE: OpenMode = OpenMode {
    append: false,
    ..APPEND
};
const TRUNCATE: OpenMode = OpenMode {
    truncate: true,
    ..WRITE
};

#[test]
fn opening_to_truncate_empties_the_file() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    fixture.write(ino, WritePosition::At(0), b"content");
    opened(&fixture, ino, WRITE).unwrap();
    assert_eq!(fixture.read(ino).unwrap(), b"content");
    opened(&fixture, ino, TRUNCATE).unwrap();
    assert_eq!(fixture.read(ino).unwrap(), b"");
}

#[test]
fn immutable_and_append_only_files_are_not_opened_to_be_changed() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    let chattr = |bits| {
        let wish = Ioctl::SetFlags(InodeFlags::new(bits).unwrap());
        at_once(fixture.filesystem.ioctl(CALLER, ino, wish, 0)).unwrap();
    };
    chattr(InodeFlags::IMMUTABLE);
    for mode in [WRITE, APPEND, TRUNCATE] {
        assert_eq!(
            answer(opened(&fixture, ino, mode)),
            PosixError::NotPermitted
        );
    }
    assert!(opened(&fixture, ino, OpenMode::default()).is_ok());
    chattr(InodeFlags::APPEND);
    for mode in [WRITE, TRUNCATE] {
        assert_eq!(
            answer(opened(&fixture, ino, mode)),
            PosixError::NotPermitted
        );
    }
    assert!(opened(&fixture, ino, APPEND).is_ok());
}

#[test]
fn reading_touches_the_access_time_once_after_a_change() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    fixture.write(ino, WritePosition::At(0), b"content");
    assert!(
        !opened(&fixture, ino, OpenMode::default())
            .unwrap()
            .keep_cache
    );
    let atime = || at_once(fixture.filesystem.getattr(ino)).unwrap().atime;
    let before = atime();
    fixture.read(ino).unwrap();
    let touched = atime();
    assert!(touched > before);
    fixture.read(ino).unwrap();
    assert_eq!(atime(), touched);
    assert!(
        opened(&fixture, ino, OpenMode::default())
            .unwrap()
            .keep_cache
    );
}

#[test]
fn the_project_is_set_beside_flags_that_fsxattr_cannot_express() {
    let fixture = Fixture::new();
    let directory = at_once(fixture.filesystem.mkdir(creation("directory")))
        .unwrap()
        .ino;
    // A directory with `+D` waits for the disk.
    let ask = |wish| {
        let asked = fixture.filesystem.ioctl(CALLER, directory, wish, 8);
        fixture.runtime.block_on(asked).unwrap()
    };
    ask(Ioctl::SetFlags(
        InodeFlags::new(InodeFlags::DIRECTORY_SYNC).unwrap(),
    ));
    let flags = InodeFlags::new(InodeFlags::NO_DUMP).unwrap();
    ask(Ioctl::SetExtended { flags, project: 5 });
    let found = at_once(fixture.filesystem.getattr(directory)).unwrap();
    assert_eq!(found.project, 5);
    assert_eq!(
        found.flags.bits(),
        InodeFlags::NO_DUMP | InodeFlags::DIRECTORY_SYNC
    );
}

#[test]
fn exchange_excludes_the_other_flags_of_rename() {
    let fixture = Fixture::new();
    for (no_replace, whiteout) in [(true, false), (false, true)] {
        let command = Rename {
            parent: ROOT,
            name: file_name("a"),
            new_parent: ROOT,
            new_name: file_name("b"),
            flags: RenameFlags {
                no_replace,
                exchange: true,
                whiteout,
            },
            seen: None,
        };
        let renamed = at_once(fixture.filesystem.rename(CALLER, command));
        assert_eq!(answer(renamed), PosixError::InvalidArgument);
    }
}

#[test]
fn times_are_set_to_now_or_to_what_is_given() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    let long_ago = Timestamp {
        seconds: -2,
        nanoseconds: 5,
    };
    let change = Change {
        atime: Some(NewTime::At(long_ago)),
        mtime: Some(NewTime::Now),
        ..Change::default()
    };
    let before = now();
    let changed = at_once(fixture.filesystem.setattr(CALLER, ino, change, None)).unwrap();
    assert_eq!(changed.atime, long_ago);
    assert!(changed.mtime >= before && changed.mtime <= now());
}

#[test]
fn both_times_of_an_append_only_file_can_be_set_to_now() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    let wish = Ioctl::SetFlags(InodeFlags::new(InodeFlags::APPEND).unwrap());
    at_once(fixture.filesystem.ioctl(CALLER, ino, wish, 0)).unwrap();
    let touch = |atime, mtime| {
        let change = Change {
            atime: Some(atime),
            mtime: Some(mtime),
            ..Change::default()
        };
        at_once(fixture.filesystem.setattr(CALLER, ino, change, None))
    };
    assert!(touch(NewTime::Now, NewTime::Now).is_ok());
    let earlier = NewTime::At(Timestamp::default());
    assert_eq!(
        answer(touch(earlier, NewTime::Now)),
        PosixError::NotPermitted
    );
}

#[test]
fn xattrs_are_set_listed_and_removed() {
    let fixture = Fixture::new();
    let ino = fixture.create("file").ino;
    let command = SetXattr {
        ino,
        name: b"user.comment".as_slice().into(),
        value: Bytes::from_static(b"hello"),
        mode: SetXattrMode::Create,
    };
    at_once(fixture.filesystem.setxattr(CALLER, command)).unwrap();
    let value = || at_once(fixture.filesystem.getxattr(CALLER, ino, b"user.comment"));
    assert_eq!(value().unwrap(), b"hello"[..]);
    assert_eq!(
        at_once(fixture.filesystem.listxattr(ino)).unwrap(),
        b"user.comment\0"
    );
    at_once(fixture.filesystem.removexattr(CALLER, ino, b"user.comment")).unwrap();
    assert_eq!(answer(value()), PosixError::NoAttribute);
}

#[test]
fn special_files_are_made_by_mknod() {
    let fixture = Fixture::new();
    let node = NodeKind {
        kind: FileKind::CharacterDevice,
        device: 0x0103,
    };
    let made = at_once(fixture.filesystem.mknod(creation("null"), node)).unwrap();
    assert_eq!(
        (made.kind, made.device),
        (FileKind::CharacterDevice, 0x0103)
    );
}
