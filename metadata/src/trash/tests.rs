//! What is kept where, for whom and how long.

use super::*;
use crate::command::{
    CountOwners, EmptyTrash, Operation, RenameFlags, SetAttributes, SetOwnerQuota, SetQuota,
    SetTrash, Unlink,
};
use crate::invariant;
use crate::ops::fixture::{Fixture, name};
use crate::outcome::Answer;
use crate::store::Engine;
use crate::types::{Credentials, Owner};

const ROOT: InodeId = InodeId::ROOT;
/// The times of a fixture are of this hour.
const HOUR: &str = "1970-01-01-00";

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    set(&mut fixture, Some(0)).unwrap();
    fixture
}

fn set(fixture: &mut Fixture, keep_seconds: Option<u64>) -> crate::Outcome {
    fixture.run(Operation::SetTrash(SetTrash { keep_seconds }))
}

/// What a path below the trash leads to.
fn kept(fixture: &Fixture, path: &str) -> Option<InodeId> {
    let path = format!(".trash/{HOUR}/{path}");
    let mut names = path.split('/');
    names.try_fold(ROOT, |directory, name| fixture.lookup(directory, name).ok())
}

fn assert_sound(fixture: &Fixture) {
    let view = fixture.machine.engine().view();
    assert_eq!(invariant::check(&view, &mut |_| ()), Ok(Vec::new()));
}

fn chmod(fixture: &mut Fixture, ino: InodeId, mode: u32, uid: u32) {
    let set = SetAttributes {
        ino,
        mode: Some(Mode::new(mode)),
        uid: Some(uid),
        gid: None,
        size: None,
        atime: None,
        mtime: None,
        ctime: None,
    };
    fixture.run(Operation::SetAttributes(set)).unwrap();
}

#[test]
fn what_loses_its_last_name_is_kept_under_the_path_it_had() {
    let mut fixture = fixture();
    let home = fixture.mkdir(ROOT, "home");
    chmod(&mut fixture, home, 0o710, 1000);
    let file = fixture.create(home, "letter");
    fixture.link(file, home, "second").unwrap();
    fixture.unlink(home, "letter").unwrap();
    assert_eq!(kept(&fixture, "home"), None, "it has another name");
    assert_eq!(
        fixture.unlink(home, "second"),
        Ok(Answer::Removed {
            ino: file,
            orphaned: false
        })
    );
    assert_eq!(kept(&fixture, "home/second"), Some(file));
    let copy = fixture.attributes(kept(&fixture, "home").unwrap()).unwrap();
    assert_eq!((copy.mode.bits(), copy.uid), (0o710, 1000));

    // It comes back as any file is moved, and what is removed there is gone.
    let place = kept(&fixture, "home").unwrap();
    let back = fixture.rename((place, "second"), (home, "letter"), RenameFlags::default());
    back.unwrap();
    fixture.unlink(home, "letter").unwrap();
    let gone = Ok(Answer::Removed {
        ino: file,
        orphaned: true,
    });
    assert_eq!(fixture.unlink(place, "letter"), gone);
    assert_sound(&fixture);
}

#[test]
fn what_is_replaced_is_kept_as_often_as_it_is() {
    let mut fixture = fixture();
    let long = "n".repeat(NAME_BYTES_MAX);
    let mut replaced = vec![fixture.create(ROOT, &long)];
    for _ in 0..3 {
        let next = fixture.create(ROOT, "new");
        let onto = fixture.rename((ROOT, "new"), (ROOT, &long), RenameFlags::default());
        assert_eq!(onto, Ok(Answer::Renamed { orphaned: None }));
        replaced.push(next);
    }
    replaced.pop();
    assert_eq!(kept(&fixture, &long), Some(replaced[0]));
    for ino in &replaced[1..] {
        let suffix = format!("~{ino}");
        let name = format!("{}{suffix}", "n".repeat(NAME_BYTES_MAX - suffix.len()));
        assert_eq!(kept(&fixture, &name), Some(*ino));
    }
    assert_sound(&fixture);
}

#[test]
fn nobody_reads_in_the_trash_what_he_could_not_read_before() {
    let mut fixture = fixture();
    let first = fixture.mkdir(ROOT, "d");
    chmod(&mut fixture, first, 0o700, 1000);
    let secret = fixture.create(first, "secret");
    fixture.unlink(first, "secret").unwrap();
    fixture.rmdir(ROOT, "d").unwrap();
    // Another directory of that name, for everybody.
    let second = fixture.mkdir(ROOT, "d");
    let public = fixture.create(second, "public");
    fixture.unlink(second, "public").unwrap();
    assert_eq!(kept(&fixture, "d/secret"), Some(secret));
    assert_eq!(kept(&fixture, "d~1/public"), Some(public));
    let place = fixture.attributes(kept(&fixture, "d").unwrap()).unwrap();
    assert_eq!(place.mode.bits(), 0o700);
    assert_sound(&fixture);
}

/// What is kept without its path.
fn pathless(fixture: &Fixture, ino: InodeId) -> bool {
    kept(fixture, &format!("#/#{ino}")) == Some(ino)
}

#[test]
fn who_takes_all_names_takes_the_path_and_not_the_file() {
    let mut fixture = fixture();
    let directory = fixture.mkdir(ROOT, "d");
    fixture.create(directory, "first");
    fixture.unlink(directory, "first").unwrap();
    let trash = fixture.lookup(ROOT, ".trash").unwrap();
    let hour = fixture.lookup(trash, HOUR).unwrap();
    chmod(&mut fixture, directory, 0o750, 0);
    for number in 1..ATTEMPTS_MAX {
        fixture.create(hour, &format!("d~{number}"));
    }
    let file = fixture.create(directory, "second");
    fixture.unlink(directory, "second").unwrap();
    assert!(pathless(&fixture, file));
    let place = fixture.attributes(kept(&fixture, "#").unwrap()).unwrap();
    assert_eq!((place.uid, place.mode.bits()), (0, 0o700));
    assert_sound(&fixture);
}

#[test]
fn what_is_too_deep_is_kept_without_its_path() {
    let mut fixture = fixture();
    let mut directory = ROOT;
    for _ in 0..DEPTH_MAX {
        directory = fixture.mkdir(directory, "d");
    }
    let file = fixture.create(directory, "file");
    fixture.unlink(directory, "file").unwrap();
    assert_eq!(
        kept(&fixture, &("d/".repeat(DEPTH_MAX) + "file")),
        Some(file)
    );
    let deeper = fixture.mkdir(directory, "d");
    let file = fixture.create(deeper, "file");
    fixture.unlink(deeper, "file").unwrap();
    assert!(pathless(&fixture, file));
    assert_sound(&fixture);
}

#[test]
fn nobody_gets_more_directories_than_he_may_have() {
    let mut fixture = fixture();
    let home = fixture.mkdir(ROOT, "home");
    chmod(&mut fixture, home, 0o700, 1000);
    let counted = fixture.run(Operation::CountOwners(CountOwners {
        on: true,
        records_max: 1000,
    }));
    counted.unwrap();
    let limit = Operation::SetOwnerQuota(SetOwnerQuota {
        owner: Owner::User(1000),
        bytes: None,
        inodes: Some(1),
    });
    fixture.run(limit).unwrap();
    let file = fixture.create(home, "file");
    fixture.unlink(home, "file").unwrap();
    assert!(pathless(&fixture, file));
    assert_sound(&fixture);
}

#[test]
fn the_hour_is_that_of_the_nodes_and_not_of_who_removes() {
    let mut fixture = fixture();
    let file = fixture.create(ROOT, "file");
    let unlink = Operation::Unlink(Unlink {
        parent: ROOT,
        name: name("file"),
    });
    let command = crate::Command {
        request: None,
        now: Timestamp::new(-1_000_000, 0).unwrap(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: unlink,
    };
    fixture.machine.apply_next(&[command]).unwrap()[0]
        .clone()
        .unwrap();
    assert_eq!(kept(&fixture, "file"), Some(file));
}

#[test]
fn a_trash_that_was_closed_for_others_is_still_emptied() {
    let mut fixture = fixture();
    for text in ["first", "second"] {
        fixture.create(ROOT, text);
        fixture.unlink(ROOT, text).unwrap();
        let trash = fixture.lookup(ROOT, ".trash").unwrap();
        chmod(&mut fixture, trash, 0o700, 0);
    }
    assert!(kept(&fixture, "second").is_some());
}

#[test]
fn a_full_quota_does_not_keep_anybody_from_removing() {
    let mut fixture = fixture();
    let tree = fixture.mkdir(ROOT, "tree");
    let quota = |ino, inodes| {
        Operation::SetQuota(SetQuota {
            ino,
            bytes: None,
            inodes: Some(inodes),
        })
    };
    fixture.run(quota(tree, 2)).unwrap();
    fixture.create(tree, "file");
    let trash = fixture.lookup(ROOT, ".trash").unwrap();
    fixture.run(quota(trash, 1)).unwrap();
    fixture.unlink(tree, "file").unwrap();
    assert!(kept(&fixture, "tree/file").is_some());
    // What was in the tree is not any more.
    fixture.create(tree, "again");
    assert_sound(&fixture);
}

#[test]
fn the_trash_is_emptied_by_hours_and_in_steps() {
    let mut fixture = Fixture::new();
    set(&mut fixture, Some(7200)).unwrap();
    let directory = fixture.mkdir(ROOT, "d");
    for number in 0..5 {
        fixture.create(directory, &format!("{number}"));
        fixture.unlink(directory, &format!("{number}")).unwrap();
    }
    let trash = fixture.lookup(ROOT, ".trash").unwrap();
    // Whatever else is there stays.
    fixture.mkdir(trash, "mine");
    let machine = &fixture.machine;
    let at = |seconds| Timestamp::new(seconds, 0).unwrap();
    let empty = |seconds: i64, names_max| {
        let command = crate::Command {
            request: None,
            now: at(seconds),
            credentials: Credentials::ROOT,
            squashed: false,
            operation: Operation::EmptyTrash(EmptyTrash { names_max, term: 1 }),
        };
        match machine.apply_next(&[command]).unwrap().remove(0) {
            Ok(Answer::Reclaimed { unfinished }) => unfinished.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(machine.is_trash_due(at(10_799)), Ok(true), "an hour begins");
    assert_eq!(empty(10_799, 100), 0);
    assert_eq!(machine.is_trash_due(at(10_799)), Ok(false));
    assert!(kept(&fixture, "d/4").is_some());
    assert_eq!(machine.is_trash_due(at(10_800)), Ok(true));
    assert_eq!(empty(10_800, 3), 1);
    assert_eq!(kept(&fixture, "d/2"), None);
    assert!(kept(&fixture, "d/3").is_some());
    assert_eq!(empty(10_800, 3), 1);
    assert_eq!(empty(10_800, 3), 0);
    assert_eq!(machine.is_trash_due(at(10_800)), Ok(false));
    assert!(fixture.lookup(trash, HOUR).is_err());
    assert!(fixture.lookup(trash, "mine").is_ok());
    assert_sound(&fixture);
}

#[test]
fn the_trash_stays_where_it_is_while_there_is_one() {
    let mut fixture = fixture();
    let refused = Err(PosixError::NotPermitted);
    assert_eq!(fixture.rmdir(ROOT, ".trash"), refused);
    let flags = RenameFlags::default();
    let moved = fixture.rename((ROOT, ".trash"), (ROOT, "x"), flags);
    assert_eq!(moved, refused);
    fixture.mkdir(ROOT, "d");
    let replaced = fixture.rename((ROOT, "d"), (ROOT, ".trash"), flags);
    assert_eq!(replaced, refused);
    set(&mut fixture, None).unwrap();
    fixture.rmdir(ROOT, ".trash").unwrap();
    let file = fixture.create(ROOT, "file");
    let removed = Ok(Answer::Removed {
        ino: file,
        orphaned: true,
    });
    assert_eq!(fixture.unlink(ROOT, "file"), removed);
}

#[test]
fn what_is_called_like_the_trash_and_is_none_is_left_alone() {
    let mut fixture = Fixture::new();
    fixture.create(ROOT, ".trash");
    assert_eq!(set(&mut fixture, Some(1)), Err(PosixError::Exists));
    fixture.unlink(ROOT, ".trash").unwrap();
    let directory = fixture.mkdir(ROOT, ".trash");
    chmod(&mut fixture, directory, 0o755, 1000);
    assert_eq!(set(&mut fixture, Some(1)), Err(PosixError::Exists));
    chmod(&mut fixture, directory, 0o755, 0);
    set(&mut fixture, Some(1)).unwrap();
    let eve = Credentials {
        uid: 1000,
        gid: 1000,
        groups: Vec::new(),
    };
    let operation = Operation::SetTrash(SetTrash { keep_seconds: None });
    assert_eq!(
        fixture.run_as(eve, operation),
        Err(PosixError::NotPermitted)
    );
}
