//! What rename promises, one sentence a test.

use super::fixture::{Fixture, name};
use crate::command::{Operation, Rename, RenameFlags};
use crate::outcome::{Answer, PosixError};
use crate::types::{Cookie, FileKind, InodeId};

const ROOT: InodeId = InodeId::ROOT;
const PLAIN: RenameFlags = RenameFlags {
    no_replace: false,
    exchange: false,
    whiteout: false,
};
const NO_REPLACE: RenameFlags = RenameFlags {
    no_replace: true,
    ..PLAIN
};
const EXCHANGE: RenameFlags = RenameFlags {
    exchange: true,
    ..PLAIN
};
const WHITEOUT: RenameFlags = RenameFlags {
    whiteout: true,
    ..PLAIN
};

#[test]
fn a_file_moves_and_keeps_its_inode() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    let file = fixture.create(ROOT, "f");
    let outcome = fixture.rename((ROOT, "f"), (directory, "g"), PLAIN);
    assert_eq!(outcome, Ok(Answer::Renamed { orphaned: None }));
    assert_eq!(fixture.lookup(directory, "g"), Ok(file));
    assert_eq!(fixture.names(ROOT), ["d"]);
    assert_eq!(fixture.attributes(file).unwrap().ctime, fixture.now());
    assert_eq!(fixture.attributes(directory).unwrap().mtime, fixture.now());
}

#[test]
fn a_new_name_in_the_same_directory_keeps_its_place_in_the_listing() {
    let mut fixture = Fixture::new();
    for text in ["a", "b", "c"] {
        fixture.create(ROOT, text);
    }
    let before = fixture.list(ROOT);
    let outcome = fixture.rename((ROOT, "b"), (ROOT, "z"), NO_REPLACE);
    assert_eq!(outcome, Ok(Answer::Renamed { orphaned: None }));
    assert_eq!(fixture.names(ROOT), ["a", "z", "c"]);
    let cookies = |list: &[(String, Cookie)]| list.iter().map(|(_, cookie)| *cookie).collect();
    let after: Vec<Cookie> = cookies(&fixture.list(ROOT));
    assert_eq!(after, cookies(&before));
    assert_eq!(fixture.lookup(ROOT, "b"), Err(PosixError::NotFound));
    assert_eq!(fixture.attributes(ROOT).unwrap().mtime, fixture.now());
}

#[test]
fn a_moved_directory_knows_its_new_parent() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(ROOT, "above");
    let moved = fixture.mkdir(ROOT, "moved");
    fixture
        .rename((ROOT, "moved"), (above, "moved"), PLAIN)
        .unwrap();
    assert_eq!(fixture.attributes(ROOT).unwrap().nlink, 3);
    assert_eq!(fixture.attributes(above).unwrap().nlink, 3);
    let outcome = fixture.rename((ROOT, "above"), (moved, "loop"), PLAIN);
    assert_eq!(outcome, Err(PosixError::InvalidArgument));
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    let outcome = fixture.rename((ROOT, "d"), (directory, "e"), PLAIN);
    assert_eq!(outcome, Err(PosixError::InvalidArgument));
}

#[test]
fn a_replaced_file_becomes_an_orphan_and_the_place_in_the_listing_stays() {
    let mut fixture = Fixture::new();
    let old = fixture.create(ROOT, "target");
    fixture.create(ROOT, "middle");
    let new = fixture.create(ROOT, "source");
    let place = fixture.list(ROOT)[0].1;
    let outcome = fixture.rename((ROOT, "source"), (ROOT, "target"), PLAIN);
    assert_eq!(
        outcome,
        Ok(Answer::Renamed {
            orphaned: Some(old)
        })
    );
    assert_eq!(fixture.lookup(ROOT, "target"), Ok(new));
    assert_eq!(fixture.names(ROOT), ["target", "middle"]);
    assert_eq!(fixture.list(ROOT)[0].1, place);
    assert_eq!(fixture.attributes(ROOT).unwrap().size, 2);
}

#[test]
fn kinds_must_agree() {
    let mut fixture = Fixture::new();
    let directory = fixture.mkdir(ROOT, "d");
    fixture.create(ROOT, "f");
    let onto_file = fixture.rename((ROOT, "d"), (ROOT, "f"), PLAIN);
    assert_eq!(onto_file, Err(PosixError::NotDirectory));
    let onto_directory = fixture.rename((ROOT, "f"), (ROOT, "d"), PLAIN);
    assert_eq!(onto_directory, Err(PosixError::IsDirectory));
    fixture.create(directory, "inside");
    fixture.mkdir(ROOT, "e");
    let onto_full = fixture.rename((ROOT, "e"), (ROOT, "d"), PLAIN);
    assert_eq!(onto_full, Err(PosixError::NotEmpty));
}

#[test]
fn an_empty_directory_is_replaced() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(ROOT, "above");
    let empty = fixture.mkdir(above, "empty");
    let full = fixture.mkdir(ROOT, "full");
    fixture.create(full, "f");
    let outcome = fixture.rename((ROOT, "full"), (above, "empty"), PLAIN);
    let orphaned = Some(empty);
    assert_eq!(outcome, Ok(Answer::Renamed { orphaned }));
    assert_eq!(fixture.lookup(above, "empty"), Ok(full));
    assert_eq!(fixture.attributes(above).unwrap().nlink, 3);
    assert_eq!(fixture.attributes(ROOT).unwrap().nlink, 3);
}

#[test]
fn two_names_of_one_inode_both_stay() {
    let mut fixture = Fixture::new();
    let file = fixture.create(ROOT, "a");
    fixture.link(file, ROOT, "b").unwrap();
    fixture.rename((ROOT, "a"), (ROOT, "b"), PLAIN).unwrap();
    assert_eq!(fixture.names(ROOT), ["a", "b"]);
    fixture.rename((ROOT, "a"), (ROOT, "a"), PLAIN).unwrap();
    assert_eq!(fixture.attributes(file).unwrap().nlink, 2);
}

#[test]
fn no_replace_refuses_an_existing_name() {
    let mut fixture = Fixture::new();
    fixture.create(ROOT, "a");
    fixture.create(ROOT, "b");
    let outcome = fixture.rename((ROOT, "a"), (ROOT, "b"), NO_REPLACE);
    assert_eq!(outcome, Err(PosixError::Exists));
    fixture
        .rename((ROOT, "a"), (ROOT, "c"), NO_REPLACE)
        .unwrap();
    assert_eq!(fixture.names(ROOT), ["c", "b"]);
}

#[test]
fn exchange_swaps_a_file_and_a_directory() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(ROOT, "above");
    let directory = fixture.mkdir(above, "d");
    let file = fixture.create(ROOT, "f");
    fixture.rename((ROOT, "f"), (above, "d"), EXCHANGE).unwrap();
    assert_eq!(fixture.lookup(ROOT, "f"), Ok(directory));
    assert_eq!(fixture.lookup(above, "d"), Ok(file));
    assert_eq!(fixture.attributes(ROOT).unwrap().nlink, 4);
    assert_eq!(fixture.attributes(above).unwrap().nlink, 2);
    let missing = fixture.rename((ROOT, "f"), (above, "nothing"), EXCHANGE);
    assert_eq!(missing, Err(PosixError::NotFound));
}

#[test]
fn exchange_of_a_directory_with_its_descendant_is_einval() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(ROOT, "above");
    fixture.mkdir(above, "below");
    let down = fixture.rename((ROOT, "above"), (above, "below"), EXCHANGE);
    assert_eq!(down, Err(PosixError::InvalidArgument));
    let up = fixture.rename((above, "below"), (ROOT, "above"), EXCHANGE);
    assert_eq!(up, Err(PosixError::InvalidArgument));
}

#[test]
fn whiteout_leaves_a_device_under_the_old_name() {
    let mut fixture = Fixture::new();
    let file = fixture.create(ROOT, "a");
    fixture.rename((ROOT, "a"), (ROOT, "b"), WHITEOUT).unwrap();
    assert_eq!(fixture.lookup(ROOT, "b"), Ok(file));
    let whiteout = fixture.lookup(ROOT, "a").unwrap();
    let attributes = fixture.attributes(whiteout).unwrap();
    assert_eq!(attributes.kind, FileKind::CharacterDevice);
    assert_eq!((attributes.device, attributes.mode.bits()), (0, 0));
}

#[test]
fn exchange_excludes_the_other_flags() {
    let mut fixture = Fixture::new();
    fixture.create(ROOT, "a");
    fixture.create(ROOT, "b");
    let both = RenameFlags {
        exchange: true,
        whiteout: true,
        no_replace: false,
    };
    let outcome = fixture.rename((ROOT, "a"), (ROOT, "b"), both);
    assert_eq!(outcome, Err(PosixError::InvalidArgument));
}

#[test]
fn nothing_moves_where_another_directory_is_than_the_one_that_was_seen_or_none() {
    let mut fixture = Fixture::new();
    let moved = fixture.mkdir(ROOT, "moved");
    let seen = fixture.mkdir(ROOT, "seen");
    let there = fixture.mkdir(ROOT, "there");
    let file = fixture.create(ROOT, "file");
    fixture.link(file, ROOT, "link").unwrap();
    let rename = |from: &str, to: &str, seen| {
        Operation::Rename(Rename {
            parent: ROOT,
            name: name(from),
            new_parent: ROOT,
            new_name: name(to),
            flags: PLAIN,
            seen: Some(seen),
        })
    };
    // The last would do nothing: but the kernel believed that a directory was there, and takes it for replaced.
    for (from, to) in [("moved", "there"), ("moved", "free"), ("file", "link")] {
        let refused = fixture.run(rename(from, to, seen));
        assert_eq!(refused, Err(PosixError::AnotherDirectory), "{from} to {to}");
    }
    let all = ["moved", "seen", "there", "file", "link"];
    assert_eq!(fixture.names(ROOT), all);
    fixture.run(rename("moved", "there", there)).unwrap();
    assert_eq!(fixture.lookup(ROOT, "there"), Ok(moved));
}
