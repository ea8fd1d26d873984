//! What the errors of RocksDB mean for us.
//!
//! Its C interface gives the kind and the cause of an error as text only, so this is the one place
//! that reads it.

use rocksdb::{Error, ErrorKind};

use crate::fault::Fault;

/// An error of a running database.
pub(super) fn of(error: &Error) -> Fault {
    let text: &str = error.as_ref();
    match error.kind() {
        ErrorKind::Corruption => Fault::corrupt("store", without_kind(text)),
        _ if text.contains("No space left on device") => Fault::NoSpace,
        // Nobody but RocksDB removes its files, and it does not remove what it still needs.
        _ if text.contains("No such file or directory") => {
            Fault::corrupt("store", without_kind(text))
        }
        _ => Fault::Io(text.to_owned()),
    }
}

/// An error of opening: what it does not find or understand was there when it was closed.
pub(super) fn at_open(error: &Error) -> Fault {
    let text: &str = error.as_ref();
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::NotFound => {
            Fault::corrupt("store", without_kind(text))
        }
        _ => of(error),
    }
}

fn without_kind(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, detail)| detail)
}
