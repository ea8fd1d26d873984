//! Bytes of a file, up to its end.

use crate::file;
use crate::limits::READ_BYTES_MAX;
use crate::ops::{Stop, load_regular};
use crate::outcome::{PosixError, Reply};
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(
    view: &dyn View,
    ino: InodeId,
    offset: u64,
    length: u32,
) -> Result<Reply, Stop> {
    let inode = load_regular(view, ino)?;
    if length > READ_BYTES_MAX {
        return Err(PosixError::InvalidArgument.into());
    }
    let bytes = file::read(view, ino, &inode, offset, u64::from(length))?;
    Ok(Reply::Data {
        bytes,
        attributes: inode.attributes(ino),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::fixture::{FIRST, Fixture};

    #[test]
    fn a_read_ends_at_the_end_of_the_file() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.read(FIRST, 0, 10), b"");
        fixture.write(FIRST, 0, b"content").unwrap();
        assert_eq!(fixture.read(FIRST, 3, 100), b"tent");
        assert_eq!(fixture.read(FIRST, 7, 100), b"");
        assert_eq!(fixture.read(FIRST, u64::MAX, 100), b"");
    }

    #[test]
    fn holes_read_as_zeros() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 5, b"x").unwrap();
        fixture.write(FIRST, 9, b"y").unwrap();
        fixture.truncate(FIRST, 12).unwrap();
        assert_eq!(fixture.read(FIRST, 0, 100), b"\0\0\0\0\0x\0\0\0y\0\0");
        assert_eq!(fixture.read(FIRST, 6, 3), b"\0\0\0");
    }

    #[test]
    fn what_was_truncated_does_not_come_back() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"secret").unwrap();
        fixture.truncate(FIRST, 2).unwrap();
        fixture.truncate(FIRST, 6).unwrap();
        assert_eq!(fixture.read(FIRST, 0, 100), b"se\0\0\0\0");
    }

    #[test]
    fn a_block_that_is_missing_is_a_fault() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"data").unwrap();
        fixture.lose_blocks();
        assert!(matches!(
            fixture.query(|view| answer(view, FIRST, 0, 4)),
            Err(Stop::Fault(_))
        ));
    }
}
