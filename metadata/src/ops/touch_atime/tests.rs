//! What noting a read changes.

use super::*;
use crate::command::Operation;
use crate::ops::fixture::Fixture;
use crate::outcome::{Outcome, PosixError};
use crate::types::{Attributes, FileKind, InodeId};

fn touch(fixture: &mut Fixture, ino: InodeId) -> Outcome {
    fixture.run(Operation::TouchAtime(TouchAtime { ino }))
}

#[test]
fn only_the_access_time_changes() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    let before = fixture.stat(ino);
    assert_eq!(touch(&mut fixture, ino), Ok(Answer::Done));
    let atime = fixture.now();
    assert_eq!(fixture.stat(ino), Attributes { atime, ..before });
}

#[test]
fn an_inode_without_access_time_stays_as_it_is() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.flag(ino, InodeFlags::NO_ATIME);
    let before = fixture.stat(ino);
    assert_eq!(touch(&mut fixture, ino), Ok(Answer::Done));
    assert_eq!(fixture.stat(ino), before);
}

#[test]
fn reading_an_immutable_file_is_noted() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.flag(ino, InodeFlags::IMMUTABLE);
    touch(&mut fixture, ino).unwrap();
    assert_eq!(fixture.stat(ino).atime, fixture.now());
}

#[test]
fn an_inode_that_is_gone_is_gone() {
    let outcome = touch(&mut Fixture::new(), InodeId::new(99));
    assert_eq!(outcome, Err(PosixError::InodeGone));
}
