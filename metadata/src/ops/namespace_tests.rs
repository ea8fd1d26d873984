//! What the operations on names promise, one sentence a test.

use super::fixture::{Fixture, entry, name};
use crate::command::{Create, Mknod, Operation, Rmdir};
use crate::limits::SYMLINK_BYTES_MAX;
use crate::outcome::{Answer, PosixError};
use crate::types::{Cookie, FileKind, InodeId, Mode};

const ROOT: InodeId = InodeId::ROOT;

#[test]
fn create_makes_an_empty_file_and_touches_the_directory() {
    let mut fixture = Fixture::new();
    let ino = fixture.create(ROOT, "a");
    let attributes = fixture.attributes(ino).unwrap();
    assert_eq!(attributes.kind, FileKind::Regular);
    assert_eq!(
        (attributes.nlink, attributes.size, attributes.generation),
        (1, 0, 7)
    );
    assert_eq!(attributes.btime, fixture.now());
    let root = fixture.attributes(ROOT).unwrap();
    assert_eq!(
        (root.mtime, root.ctime, root.size),
        (fixture.now(), fixture.now(), 1)
    );
}

#[test]
fn create_without_exclusive_finds_what_is_there() {
    let mut fixture = Fixture::new();
    let ino = fixture.create(ROOT, "a");
    let mut create = Create {
        parent: ROOT,
        name: name("a"),
        mode: Mode::new(0o600),
        umask: Mode::default(),
        exclusive: false,
    };
    match fixture.run(Operation::Create(create.clone())).unwrap() {
        Answer::Entry {
            attributes,
            created,
        } => assert_eq!((attributes.ino, created), (ino, false)),
        other => panic!("{other:?}"),
    }
    create.exclusive = true;
    assert_eq!(
        fixture.run(Operation::Create(create)),
        Err(PosixError::Exists)
    );
}

#[test]
fn a_refused_command_leaves_no_trace() {
    let mut fixture = Fixture::new();
    fixture.create(ROOT, "a");
    let before = fixture.attributes(ROOT).unwrap();
    assert_eq!(fixture.unlink(ROOT, "b"), Err(PosixError::NotFound));
    assert_eq!(fixture.rmdir(ROOT, "a"), Err(PosixError::NotDirectory));
    assert_eq!(fixture.attributes(ROOT).unwrap(), before);
    let next = fixture.create(ROOT, "b");
    assert_eq!(next, InodeId::new(3));
}

#[test]
fn mknod_makes_every_special_kind_and_no_directory() {
    let mut fixture = Fixture::new();
    let mut mknod = Mknod {
        parent: ROOT,
        name: name("device"),
        kind: FileKind::CharacterDevice,
        mode: Mode::new(0o600),
        umask: Mode::default(),
        device: 0x0103,
    };
    let attributes = entry(fixture.run(Operation::Mknod(mknod.clone())));
    assert_eq!(
        (attributes.kind, attributes.device),
        (FileKind::CharacterDevice, 0x0103)
    );
    mknod.name = name("pipe");
    mknod.kind = FileKind::Fifo;
    assert_eq!(
        entry(fixture.run(Operation::Mknod(mknod.clone()))).device,
        0
    );
    mknod.name = name("directory");
    mknod.kind = FileKind::Directory;
    assert_eq!(
        fixture.run(Operation::Mknod(mknod)),
        Err(PosixError::InvalidArgument)
    );
}

#[test]
fn a_directory_counts_its_subdirectories_as_links() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    fixture.create(ROOT, "f");
    assert_eq!(fixture.attributes(directory).unwrap().nlink, 2);
    assert_eq!(fixture.attributes(ROOT).unwrap().nlink, 3);
    fixture.rmdir(ROOT, "d").unwrap();
    assert_eq!(fixture.attributes(ROOT).unwrap().nlink, 2);
    assert_eq!(fixture.attributes(directory).unwrap().nlink, 0);
}

#[test]
fn rmdir_of_a_nonempty_directory_is_enotempty() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    fixture.create(directory, "f");
    assert_eq!(fixture.rmdir(ROOT, "d"), Err(PosixError::NotEmpty));
}

#[test]
fn a_removed_directory_takes_no_new_names() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    let file = fixture.create(ROOT, "f");
    fixture.rmdir(ROOT, "d").unwrap();
    assert_eq!(
        fixture.link(file, directory, "g"),
        Err(PosixError::NotFound)
    );
}

#[test]
fn the_last_unlink_makes_an_orphan_that_stays_readable() {
    let mut fixture = Fixture::new();
    let ino = fixture.create(ROOT, "a");
    fixture.link(ino, ROOT, "b").unwrap();
    let orphaned = false;
    assert_eq!(
        fixture.unlink(ROOT, "a"),
        Ok(Answer::Removed { ino, orphaned })
    );
    let orphaned = true;
    assert_eq!(
        fixture.unlink(ROOT, "b"),
        Ok(Answer::Removed { ino, orphaned })
    );
    assert_eq!(fixture.attributes(ino).unwrap().nlink, 0);
    assert_eq!(fixture.link(ino, ROOT, "c"), Err(PosixError::NotFound));
}

#[test]
fn unlink_of_a_directory_is_eisdir() {
    let mut fixture = Fixture::new();
    fixture.mkdir(ROOT, "d");
    assert_eq!(fixture.unlink(ROOT, "d"), Err(PosixError::IsDirectory));
}

#[test]
fn link_to_a_directory_is_eperm() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    assert_eq!(
        fixture.link(directory, ROOT, "e"),
        Err(PosixError::NotPermitted)
    );
}

#[test]
fn link_updates_the_change_time_of_the_inode() {
    let mut fixture = Fixture::new();
    let ino = fixture.create(ROOT, "a");
    assert_eq!(entry(fixture.link(ino, ROOT, "b")).nlink, 2);
    assert_eq!(fixture.attributes(ino).unwrap().ctime, fixture.now());
}

#[test]
fn a_symlink_holds_up_to_4095_bytes() {
    let mut fixture = Fixture::new();
    let longest = vec![b'x'; SYMLINK_BYTES_MAX];
    let attributes = entry(fixture.symlink(ROOT, "long", &longest));
    assert_eq!((attributes.size, attributes.mode), (4095, Mode::new(0o777)));
    let longer = vec![b'x'; SYMLINK_BYTES_MAX + 1];
    assert_eq!(
        fixture.symlink(ROOT, "longer", &longer),
        Err(PosixError::NameTooLong)
    );
    assert_eq!(
        fixture.symlink(ROOT, "empty", b""),
        Err(PosixError::NotFound)
    );
}

#[test]
fn names_in_a_file_are_enotdir_and_in_nothing_estale() {
    let mut fixture = Fixture::new();
    let file = fixture.create(ROOT, "f");
    assert_eq!(fixture.lookup(file, "x"), Err(PosixError::NotDirectory));
    assert_eq!(
        fixture.lookup(InodeId::new(99), "x"),
        Err(PosixError::InodeGone)
    );
    assert_eq!(fixture.lookup(ROOT, "x"), Err(PosixError::NotFound));
    assert_eq!(fixture.unlink(file, "x"), Err(PosixError::NotDirectory));
}

#[test]
fn cookies_grow_and_are_never_reused() {
    let mut fixture = Fixture::new();
    fixture.create(ROOT, "a");
    fixture.create(ROOT, "b");
    fixture.unlink(ROOT, "b").unwrap();
    fixture.create(ROOT, "c");
    let expected = vec![("a".to_owned(), Cookie(3)), ("c".to_owned(), Cookie(5))];
    assert_eq!(fixture.list(ROOT), expected);
}

#[test]
fn another_directory_than_the_one_that_was_seen_is_not_removed() {
    let mut fixture = Fixture::new();
    let seen = fixture.mkdir(ROOT, "b");
    let there = fixture.mkdir(ROOT, "a");
    fixture.create(there, "file");
    let rmdir = |seen| {
        Operation::Rmdir(Rmdir {
            parent: ROOT,
            name: name("a"),
            seen: Some(seen),
        })
    };
    assert_eq!(fixture.run(rmdir(seen)), Err(PosixError::NotEmpty));
    fixture.unlink(there, "file").unwrap();
    let before = fixture.attributes(ROOT);
    let refused = fixture.run(rmdir(seen));
    assert_eq!(refused, Err(PosixError::AnotherDirectory));
    assert_eq!(fixture.attributes(ROOT), before);
    fixture.run(rmdir(there)).unwrap();
    assert_eq!(fixture.run(rmdir(there)), Err(PosixError::NotFound));
    assert_eq!(fixture.names(ROOT), ["b"]);
}
