//! `SEEK_DATA` and `SEEK_HOLE`: space that was allocated and never written is a hole.

use std::ops::ControlFlow;

use crate::file;
use crate::ops::{Stop, load_regular};
use crate::outcome::{PosixError, Reply};
use crate::query::SeekTarget;
use crate::record::ExtentHome;
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(
    view: &dyn View,
    ino: InodeId,
    offset: u64,
    target: SeekTarget,
) -> Result<Reply, Stop> {
    let inode = load_regular(view, ino)?;
    if offset >= inode.size {
        return Err(PosixError::NoSuchPosition.into());
    }
    let mut data = None;
    // Where the data that `offset` may be in ends.
    let mut hole = offset;
    file::visit_from(view, ino, offset, &mut |placed| {
        if matches!(placed.extent.home, ExtentHome::Zero) {
            return match target {
                SeekTarget::Data => ControlFlow::Continue(()),
                SeekTarget::Hole => ControlFlow::Break(()),
            };
        }
        match target {
            SeekTarget::Data => {
                data = Some(placed.offset.max(offset));
                ControlFlow::Break(())
            }
            SeekTarget::Hole if placed.offset > hole => ControlFlow::Break(()),
            SeekTarget::Hole => {
                hole = placed.end();
                ControlFlow::Continue(())
            }
        }
    })?;
    match target {
        SeekTarget::Data => Ok(Reply::Offset(data.ok_or(PosixError::NoSuchPosition)?)),
        SeekTarget::Hole => Ok(Reply::Offset(hole.min(inode.size))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::FallocateMode;
    use crate::file::fixture::{FIRST, Fixture};

    #[test]
    fn data_and_holes_are_found_to_the_byte() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 5_000, &[1; 5_000]).unwrap();
        fixture.write(FIRST, 10_000, &[2; 5_000]).unwrap();
        fixture.truncate(FIRST, 20_000).unwrap();
        assert_eq!(fixture.seek(FIRST, 0, SeekTarget::Data), Ok(5_000));
        assert_eq!(fixture.seek(FIRST, 7_000, SeekTarget::Data), Ok(7_000));
        assert_eq!(fixture.seek(FIRST, 0, SeekTarget::Hole), Ok(0));
        assert_eq!(fixture.seek(FIRST, 5_000, SeekTarget::Hole), Ok(15_000));
        let nowhere = Err(PosixError::NoSuchPosition);
        assert_eq!(fixture.seek(FIRST, 15_000, SeekTarget::Data), nowhere);
        assert_eq!(fixture.seek(FIRST, 15_000, SeekTarget::Hole), Ok(15_000));
        assert_eq!(fixture.seek(FIRST, 20_000, SeekTarget::Hole), nowhere);
        assert_eq!(fixture.seek(FIRST, 20_000, SeekTarget::Data), nowhere);
    }

    #[test]
    fn the_end_of_a_full_file_is_a_hole() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 5_000]).unwrap();
        assert_eq!(fixture.seek(FIRST, 0, SeekTarget::Hole), Ok(5_000));
    }

    #[test]
    fn unwritten_space_is_a_hole() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 5_000]).unwrap();
        let allocate = FallocateMode::Allocate { keep_size: false };
        fixture.fallocate(FIRST, 0, 10_000, allocate).unwrap();
        fixture.write(FIRST, 9_000, b"x").unwrap();
        assert_eq!(fixture.seek(FIRST, 0, SeekTarget::Hole), Ok(5_000));
        assert_eq!(fixture.seek(FIRST, 5_000, SeekTarget::Hole), Ok(5_000));
        assert_eq!(fixture.seek(FIRST, 5_000, SeekTarget::Data), Ok(9_000));
    }
}
