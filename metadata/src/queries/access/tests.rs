//! The answers of `access(2)`.

use crate::ops::fixture::Fixture;
use crate::outcome::{PosixError, Reply};
use crate::permission::fixture::user;
use crate::query::Query;
use crate::types::{Credentials, FileKind, InodeFlags, InodeId};

fn access(
    fixture: &Fixture,
    ino: InodeId,
    mask: u8,
    credentials: Credentials,
) -> Result<Reply, PosixError> {
    let query = Query::Access {
        ino,
        mask,
        credentials,
    };
    fixture.machine.query(&query).unwrap()
}

#[test]
fn what_is_not_granted_is_denied() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.dress(ino, 1, 1, 0o640);
    assert_eq!(access(&fixture, ino, 6, user(1, &[])), Ok(Reply::Granted));
    assert_eq!(
        access(&fixture, ino, 1, user(1, &[])),
        Err(PosixError::AccessDenied)
    );
    assert_eq!(
        access(&fixture, ino, 4, user(2, &[])),
        Err(PosixError::AccessDenied)
    );
    assert_eq!(access(&fixture, ino, 0, user(2, &[])), Ok(Reply::Granted));
}

#[test]
fn nobody_may_write_what_is_immutable() {
    let mut fixture = Fixture::new();
    let ino = fixture.make(FileKind::Regular, "file");
    fixture.flag(ino, InodeFlags::IMMUTABLE);
    let root = || Credentials::ROOT;
    assert_eq!(
        access(&fixture, ino, 6, root()),
        Err(PosixError::NotPermitted)
    );
    assert_eq!(access(&fixture, ino, 4, root()), Ok(Reply::Granted));
}

#[test]
fn an_inode_that_is_gone_and_a_mask_of_other_bits_are_errors() {
    let fixture = Fixture::new();
    let gone = InodeId::new(99);
    assert_eq!(
        access(&fixture, gone, 0, Credentials::ROOT),
        Err(PosixError::InodeGone)
    );
    let invalid = access(&fixture, InodeId::ROOT, 8, Credentials::ROOT);
    assert_eq!(invalid, Err(PosixError::InvalidArgument));
}
