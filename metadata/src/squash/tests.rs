//! Each rule by itself; that they are those of the kernel, `tests/security/squash.rs` compares.

use bytes::Bytes;

use crate::command::{
    Command, CopyRange, Create, Link, Mkdir, Mknod, Operation, Reclaim, RemoveXattr, Rename,
    RenameFlags, Rmdir, SetAttributes, SetXattr, SetXattrMode, TouchAtime, Unlink, Write,
    WritePosition,
};
use crate::ops::fixture::{Fixture, name, open_session};
use crate::outcome::PosixError::{AccessDenied, NoAttribute, NotPermitted};
use crate::outcome::{Outcome, PosixError, Reply};
use crate::permission::fixture::{list, user};
use crate::query::Query;
use crate::types::{Cookie, Credentials, FileKind, InodeFlags, InodeId, Mode, Owner, Timestamp};

/// Whom the client is made.
const WHO: u32 = 1000;
const ROOT: InodeId = InodeId::ROOT;

impl Fixture {
    fn squashed(&mut self, operation: Operation) -> Outcome {
        let command = Command {
            request: None,
            now: self.now(),
            credentials: user(WHO, &[]),
            squashed: true,
            operation,
        };
        self.machine.apply_next(&[command]).unwrap().remove(0)
    }

    fn ask_squashed(&self, query: Query) -> Result<Reply, PosixError> {
        let credentials = user(WHO, &[]);
        let query = Box::new(query);
        self.machine
            .query(&Query::Squashed { credentials, query })
            .unwrap()
    }

    /// A directory of somebody else with a file of somebody else in it.
    fn place(&mut self, mode: u32) -> (InodeId, InodeId) {
        let directory = self.mkdir(ROOT, "d");
        let file = self.create(directory, "f");
        self.dress(directory, 5, 5, mode);
        self.dress(file, 5, 5, 0o600);
        (directory, file)
    }
}

fn create(parent: InodeId, text: &str) -> Operation {
    Operation::Create(Create {
        parent,
        name: name(text),
        mode: Mode::new(0o644),
        umask: Mode::default(),
        exclusive: true,
    })
}

fn unlink(parent: InodeId, text: &str) -> Operation {
    Operation::Unlink(Unlink {
        parent,
        name: name(text),
    })
}

fn rename(from: (InodeId, &str), to: (InodeId, &str), flags: RenameFlags) -> Operation {
    Operation::Rename(Rename {
        parent: from.0,
        name: name(from.1),
        new_parent: to.0,
        new_name: name(to.1),
        flags,
        seen: None,
    })
}

fn write(ino: InodeId) -> Operation {
    Operation::Write(Write {
        ino,
        position: WritePosition::End,
        data: Bytes::from_static(b"abc"),
        clear_privileges: true,
    })
}

fn set_xattr(ino: InodeId, text: &str, value: Bytes) -> Operation {
    Operation::SetXattr(SetXattr {
        ino,
        name: text.as_bytes().into(),
        value,
        mode: SetXattrMode::Either,
    })
}

#[test]
fn names_are_told_to_who_searches_and_made_by_who_writes() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o750);
    let new = |text| create(directory, text);
    assert_eq!(fixture.squashed(new("f")), Err(AccessDenied));
    fixture.dress(directory, 5, 5, 0o755);
    assert_eq!(fixture.squashed(new("f")), Err(PosixError::Exists));
    assert_eq!(fixture.squashed(new("g")), Err(AccessDenied));
    assert_eq!(
        fixture.squashed(unlink(directory, "g")),
        Err(PosixError::NotFound)
    );
    assert_eq!(fixture.squashed(unlink(directory, "f")), Err(AccessDenied));
    fixture.dress(directory, 5, 5, 0o757);
    fixture.squashed(new("g")).unwrap();
    let made = fixture.lookup(directory, "g").unwrap();
    assert_eq!(fixture.stat(made).uid, WHO);
    fixture.squashed(unlink(directory, "f")).unwrap();
}

#[test]
fn in_a_sticky_directory_owners_take_names_away() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o1777);
    fixture.squashed(create(directory, "own")).unwrap();
    let refused = Err(NotPermitted);
    assert_eq!(fixture.squashed(unlink(directory, "f")), refused);
    let over = rename((directory, "own"), (directory, "f"), RenameFlags::default());
    assert_eq!(fixture.squashed(over), refused);
    let away = rename((directory, "f"), (directory, "g"), RenameFlags::default());
    assert_eq!(fixture.squashed(away), refused);
    fixture.squashed(unlink(directory, "own")).unwrap();
}

#[test]
fn a_directory_that_gets_another_parent_is_written_to() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o777);
    let other = fixture.mkdir(ROOT, "other");
    fixture.dress(other, 5, 5, 0o777);
    let moved = fixture.mkdir(directory, "moved");
    fixture.dress(moved, 5, 5, 0o755);
    let flags = RenameFlags::default();
    let away = || rename((directory, "moved"), (other, "moved"), flags);
    assert_eq!(fixture.squashed(away()), Err(AccessDenied));
    let here = rename((directory, "moved"), (directory, "m"), flags);
    fixture.squashed(here).unwrap();
    let back = rename((directory, "m"), (directory, "moved"), flags);
    fixture.squashed(back).unwrap();
    // What is exchanged for it, too.
    fixture.squashed(create(other, "file")).unwrap();
    let exchange = RenameFlags {
        exchange: true,
        ..flags
    };
    let exchanged = rename((other, "file"), (directory, "moved"), exchange);
    assert_eq!(fixture.squashed(exchanged), Err(AccessDenied));
    fixture.dress(moved, 5, 5, 0o757);
    fixture.squashed(away()).unwrap();
}

#[test]
fn devices_are_for_the_superuser() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o777);
    let mut make = |kind, device| {
        fixture.squashed(Operation::Mknod(Mknod {
            parent: directory,
            name: name(&format!("{kind:?}")),
            kind,
            mode: Mode::new(0o600),
            umask: Mode::default(),
            device,
        }))
    };
    assert!(make(FileKind::Fifo, 0).is_ok() && make(FileKind::Socket, 0).is_ok());
    for kind in [FileKind::CharacterDevice, FileKind::BlockDevice] {
        assert_eq!(make(kind, 0x103), Err(NotPermitted));
    }
    assert_eq!(make(FileKind::BlockDevice, 0), Err(NotPermitted));
    // A whiteout.
    assert!(make(FileKind::CharacterDevice, 0).is_ok());
}

#[test]
fn a_second_name_is_made_of_what_is_ones_own_or_plain_and_open() {
    let mut fixture = Fixture::new();
    let (directory, file) = fixture.place(0o777);
    let mut count = 0;
    let mut link = |fixture: &mut Fixture, ino| {
        count += 1;
        fixture.squashed(Operation::Link(Link {
            ino,
            parent: directory,
            name: name(&count.to_string()),
        }))
    };
    let refused = Err(NotPermitted);
    assert_eq!(link(&mut fixture, file), refused);
    fixture.dress(file, 5, 5, 0o606);
    assert!(link(&mut fixture, file).is_ok());
    fixture.dress(file, 5, 5, 0o4606);
    assert_eq!(link(&mut fixture, file), refused);
    fixture.dress(file, WHO, 5, 0o4000);
    assert!(link(&mut fixture, file).is_ok());
    assert_eq!(link(&mut fixture, directory), refused);
}

/// Fills in a change, at the time of its command.
type Fill = fn(&mut SetAttributes, Timestamp);

/// The superuser may make all of these.
const CHANGES: [(&str, Fill); 10] = [
    ("mode", |set, _| set.mode = Some(Mode::new(0o644))),
    ("own uid", |set, _| set.uid = Some(WHO)),
    ("uid", |set, _| set.uid = Some(7)),
    ("own gid", |set, _| set.gid = Some(WHO)),
    ("gid", |set, _| set.gid = Some(7)),
    ("size", |set, _| set.size = Some(1)),
    ("past", |set, _| set.mtime = Timestamp::new(3, 0)),
    ("half a touch", |set, now| set.mtime = Some(now)),
    ("touch", |set, now| {
        (set.atime, set.mtime) = (Some(now), Some(now));
    }),
    ("cut", |set, now| {
        (set.size, set.mtime) = (Some(1), Some(now));
    }),
];

/// What is refused of a file of this owner and mode, and how.
fn refused_changes(uid: u32, mode: u32) -> Vec<(&'static str, PosixError)> {
    let mut fixture = Fixture::new();
    let (_, file) = fixture.place(0o777);
    let outcomes = CHANGES.map(|(what, fill)| {
        fixture.dress(file, uid, 5, mode);
        let mut set = SetAttributes::nothing(file);
        fill(&mut set, fixture.now());
        let outcome = fixture.squashed(Operation::SetAttributes(set));
        outcome.err().map(|error| (what, error))
    });
    outcomes.into_iter().flatten().collect()
}

#[test]
fn attributes_are_the_owners() {
    let of_others = [
        ("mode", NotPermitted),
        ("own uid", NotPermitted),
        ("uid", NotPermitted),
        ("own gid", NotPermitted),
        ("gid", NotPermitted),
        ("size", AccessDenied),
        ("past", NotPermitted),
        ("half a touch", NotPermitted),
        ("touch", AccessDenied),
        ("cut", AccessDenied),
    ];
    assert_eq!(refused_changes(5, 0o600), of_others);
    let mut of_writers = of_others.to_vec();
    of_writers.retain(|(_, error)| *error != AccessDenied);
    assert_eq!(refused_changes(5, 0o606), of_writers);
    let own = [("uid", NotPermitted), ("gid", NotPermitted)];
    assert_eq!(refused_changes(WHO, 0o400), own);
}

#[test]
fn content_is_for_who_may_and_always_for_its_owner() {
    let mut fixture = Fixture::new();
    let (_, file) = fixture.place(0o777);
    let read = Query::Read {
        ino: file,
        offset: 0,
        length: 10,
    };
    let copy = |source, destination| {
        Operation::CopyRange(CopyRange {
            source,
            source_offset: 0,
            destination,
            destination_offset: 0,
            length: 1,
        })
    };
    let own = fixture.create(ROOT, "own");
    fixture.dress(own, WHO, WHO, 0o000);
    let refused = Err(AccessDenied);
    for (mode, reads, writes) in [
        (0o600, false, false),
        (0o604, true, false),
        (0o602, false, true),
        (0o601, true, false),
    ] {
        fixture.dress(file, 5, 5, mode);
        assert_eq!(
            fixture.ask_squashed(read.clone()).is_ok(),
            reads,
            "{mode:o}"
        );
        assert_eq!(fixture.squashed(write(file)).is_ok(), writes, "{mode:o}");
        let touch = fixture.squashed(Operation::TouchAtime(TouchAtime { ino: file }));
        assert_eq!(touch.is_ok(), reads, "{mode:o}");
        // What may only be executed is not copied.
        let reads = reads && mode != 0o601;
        assert_eq!(fixture.squashed(copy(file, own)).is_ok(), reads, "{mode:o}");
        assert_eq!(
            fixture.squashed(copy(own, file)).is_ok(),
            writes,
            "{mode:o}"
        );
    }
    fixture.dress(file, 5, 5, 0o600);
    fixture
        .set_xattr(
            file,
            b"system.posix_acl_access",
            list("u::rw-,u:1000:r--,g::---,m::r--,o::---"),
        )
        .unwrap();
    assert!(fixture.ask_squashed(read).is_ok());
    assert_eq!(fixture.squashed(write(file)), refused);
    fixture.squashed(write(own)).unwrap();
}

#[test]
fn a_listing_shows_names_to_readers_and_inodes_to_searchers() {
    let mut fixture = Fixture::new();
    let (directory, file) = fixture.place(0o700);
    let list = |with_attributes| Query::ReadDirectory {
        ino: directory,
        after: Cookie::DOT_DOT,
        entries_max: 10,
        with_attributes,
    };
    let refused = Err(AccessDenied);
    assert_eq!(fixture.ask_squashed(list(true)), refused);
    fixture.dress(directory, 5, 5, 0o704);
    for with_attributes in [false, true] {
        let Ok(Reply::Directory { entries, .. }) = fixture.ask_squashed(list(with_attributes))
        else {
            panic!("no listing");
        };
        assert_eq!((entries.len(), entries[0].ino), (1, file));
        assert_eq!(entries[0].attributes, None);
    }
    let lookup = || Query::Lookup {
        parent: directory,
        name: name("f"),
    };
    let above = || Query::Parent { ino: directory };
    assert_eq!(fixture.ask_squashed(lookup()), refused);
    assert_eq!(fixture.ask_squashed(above()), refused);
    fixture.dress(directory, 5, 5, 0o705);
    assert!(fixture.ask_squashed(lookup()).is_ok() && fixture.ask_squashed(above()).is_ok());
    let Ok(Reply::Directory { entries, .. }) = fixture.ask_squashed(list(true)) else {
        panic!("no listing");
    };
    assert!(entries[0].attributes.is_some());
    let nowhere = Query::Lookup {
        parent: file,
        name: name("f"),
    };
    assert_eq!(fixture.ask_squashed(nowhere), Err(PosixError::NotDirectory));
}

#[test]
fn attributes_of_the_system_are_not_there_and_those_of_users_are_as_the_content() {
    let mut fixture = Fixture::new();
    let (directory, file) = fixture.place(0o1777);
    for attribute in [&b"user.a"[..], b"trusted.b", b"security.c"] {
        fixture.set_xattr(file, attribute, &b"value"[..]).unwrap();
    }
    let get = |text: &str| Query::GetXattr {
        ino: file,
        name: text.as_bytes().into(),
    };
    let value = || Bytes::from_static(b"value");
    assert_eq!(fixture.ask_squashed(get("user.a")), Err(AccessDenied));
    assert_eq!(fixture.ask_squashed(get("trusted.b")), Err(NoAttribute));
    assert!(fixture.ask_squashed(get("security.c")).is_ok());
    let names = fixture.ask_squashed(Query::ListXattr { ino: file });
    assert_eq!(
        names,
        Ok(Reply::XattrNames(b"security.c\0user.a\0".to_vec()))
    );
    assert_eq!(
        fixture.squashed(set_xattr(file, "user.a", value())),
        Err(AccessDenied)
    );
    fixture.dress(file, 5, 5, 0o606);
    assert!(fixture.ask_squashed(get("user.a")).is_ok());
    fixture
        .squashed(set_xattr(file, "user.a", value()))
        .unwrap();
    let everybody = list("u::rwx,g::rwx,o::rwx");
    for (ino, text, value) in [
        (file, "trusted.b", value()),
        (file, "security.capability", value()),
        (file, "system.posix_acl_access", everybody.clone()),
        (directory, "system.posix_acl_default", everybody),
        (directory, "user.a", value()),
    ] {
        let outcome = fixture.squashed(set_xattr(ino, text, value));
        assert_eq!(outcome, Err(NotPermitted), "{text}");
    }
}

#[test]
fn what_is_immutable_says_so() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o755);
    fixture.flag(directory, InodeFlags::IMMUTABLE);
    let refused = Err(NotPermitted);
    assert_eq!(fixture.squashed(create(directory, "g")), refused);
    assert_eq!(fixture.squashed(unlink(directory, "f")), refused);
}

#[test]
fn what_is_asked_of_all_files_is_for_others() {
    let fixture = Fixture::new();
    let refused = Err(AccessDenied);
    let quotas = Query::Quotas {
        after: InodeId::new(0),
        quotas_max: 1,
    };
    let orphans = Query::Orphans {
        after: InodeId::new(0),
        inodes_max: 1,
    };
    let locks = Query::Locks {
        ino: None,
        after: Bytes::new(),
        entries_max: 1,
    };
    let owners = |from, owners_max| Query::Owners { from, owners_max };
    for query in [
        quotas,
        orphans,
        locks,
        owners(Owner::User(5), 1),
        owners(Owner::User(WHO), 2),
    ] {
        assert_eq!(fixture.ask_squashed(query.clone()), refused, "{query:?}");
    }
    assert!(fixture.ask_squashed(owners(Owner::User(WHO), 1)).is_ok());
    assert!(fixture.ask_squashed(Query::Statistics).is_ok());
}

#[test]
fn access_is_that_of_the_user_it_is_squashed_to() {
    let mut fixture = Fixture::new();
    let (_, file) = fixture.place(0o777);
    let access = |uid| Query::Access {
        ino: file,
        mask: 4,
        credentials: user(uid, &[]),
    };
    for claimed in [0, 5, WHO] {
        assert_eq!(fixture.ask_squashed(access(claimed)), Err(AccessDenied));
    }
}

#[test]
fn duties_are_for_leaders() {
    let mut fixture = Fixture::new();
    let reclaim = Operation::Reclaim(Reclaim {
        inodes: Vec::new(),
        term: None,
    });
    assert_eq!(fixture.squashed(reclaim), Err(NotPermitted));
}

#[test]
fn directories_are_made_and_removed_as_files_are() {
    let mut fixture = Fixture::new();
    let (directory, _) = fixture.place(0o755);
    let make = || {
        Operation::Mkdir(Mkdir {
            parent: directory,
            name: name("below"),
            mode: Mode::new(0o755),
            umask: Mode::default(),
        })
    };
    let remove = || {
        Operation::Rmdir(Rmdir {
            parent: directory,
            name: name("below"),
            seen: None,
        })
    };
    assert_eq!(fixture.squashed(make()), Err(AccessDenied));
    fixture.mkdir(directory, "below");
    assert_eq!(fixture.squashed(remove()), Err(AccessDenied));
    fixture.dress(directory, 5, 5, 0o757);
    fixture.squashed(remove()).unwrap();
    fixture.squashed(make()).unwrap();
}

#[test]
fn a_directory_that_is_closed_keeps_all_that_is_below_it() {
    let mut fixture = Fixture::new();
    let (closed, _) = fixture.place(0o700);
    let open = fixture.mkdir(closed, "open");
    let below = fixture.mkdir(open, "below");
    let file = fixture.create(below, "file");
    for (ino, mode) in [(open, 0o777), (below, 0o777), (file, 0o666)] {
        fixture.dress(ino, 5, 5, mode);
    }
    let read = || Query::Read {
        ino: file,
        offset: 0,
        length: 1,
    };
    let list = || Query::ReadDirectory {
        ino: below,
        after: Cookie::default(),
        entries_max: 1,
        with_attributes: false,
    };
    let about = |ino| Query::Attributes { ino };
    let touch = |ino| Operation::SetAttributes(SetAttributes::nothing(ino));
    for query in [read(), list(), about(file), about(below)] {
        assert_eq!(
            fixture.ask_squashed(query.clone()),
            Err(AccessDenied),
            "{query:?}"
        );
    }
    for operation in [
        write(file),
        touch(file),
        create(below, "new"),
        unlink(below, "file"),
        set_xattr(file, "user.a", Bytes::new()),
    ] {
        let outcome = fixture.squashed(operation.clone());
        assert_eq!(outcome, Err(AccessDenied), "{operation:?}");
    }
    // Another name of it is another way.
    fixture.link(file, ROOT, "here").unwrap();
    assert!(fixture.ask_squashed(read()).is_ok() && fixture.squashed(write(file)).is_ok());
    assert_eq!(fixture.ask_squashed(list()), Err(AccessDenied));
    fixture.unlink(ROOT, "here").unwrap();
    assert_eq!(fixture.ask_squashed(read()), Err(AccessDenied));
    // Without a name it is its owner's: nobody is told of what others have removed.
    fixture.unlink(below, "file").unwrap();
    assert_eq!(fixture.ask_squashed(read()), Err(AccessDenied));
    fixture.dress(file, WHO, WHO, 0o600);
    assert!(fixture.ask_squashed(read()).is_ok());
    fixture.dress(closed, 5, 5, 0o711);
    assert!(fixture.ask_squashed(list()).is_ok());
}

#[test]
fn what_the_kernel_takes_away_before_a_write_is_part_of_it() {
    let mut fixture = Fixture::new();
    let (_, file) = fixture.place(0o777);
    let mode = |mode| {
        Operation::SetAttributes(SetAttributes {
            mode: Some(Mode::new(mode)),
            ..SetAttributes::nothing(file)
        })
    };
    let strip = || {
        Operation::RemoveXattr(RemoveXattr {
            ino: file,
            name: b"security.capability"[..].into(),
        })
    };
    fixture.dress(file, 5, 5, 0o6775);
    assert_eq!(fixture.squashed(mode(0o775)), Err(AccessDenied));
    assert_eq!(fixture.squashed(strip()), Err(AccessDenied));
    fixture.dress(file, 5, 5, 0o6777);
    fixture
        .set_xattr(file, b"security.capability", &b"value"[..])
        .unwrap();
    fixture.squashed(strip()).unwrap();
    for refused in [0o6666, 0o6777, 0o7777, 0o776] {
        assert_eq!(
            fixture.squashed(mode(refused)),
            Err(NotPermitted),
            "{refused:o}"
        );
    }
    fixture.squashed(mode(0o777)).unwrap();
    assert_eq!(fixture.squashed(mode(0o4777)), Err(NotPermitted));
}

#[test]
fn the_time_is_that_of_the_node() {
    let claimed = Timestamp::new(5, 0).unwrap();
    let now = Timestamp::new(100, 0).unwrap();
    let mut touch = Command {
        request: None,
        now: claimed,
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::SetAttributes(SetAttributes {
            atime: Some(claimed),
            mtime: Timestamp::new(7, 0),
            ..SetAttributes::nothing(ROOT)
        }),
    };
    touch.squash(user(WHO, &[]), now);
    assert_eq!(
        (touch.now, touch.credentials.uid, touch.squashed),
        (now, WHO, true)
    );
    let Operation::SetAttributes(set) = &touch.operation else {
        panic!("{touch:?}");
    };
    assert_eq!((set.atime, set.mtime), (Some(now), Timestamp::new(7, 0)));
    let mut open = Command {
        operation: open_session(),
        now: claimed,
        ..touch
    };
    open.squash(user(WHO, &[]), now);
    assert_eq!(open.now, claimed);
    // Nobody chooses the time of a change.
    let mut fixture = Fixture::new();
    let own = fixture.create(ROOT, "own");
    fixture.dress(own, WHO, WHO, 0o600);
    let past = Operation::SetAttributes(SetAttributes {
        ctime: Some(claimed),
        ..SetAttributes::nothing(own)
    });
    assert_eq!(fixture.squashed(past), Err(NotPermitted));
}
