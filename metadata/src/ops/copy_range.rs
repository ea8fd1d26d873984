//! `copy_file_range(2)`: the destination gets extents that show the same blocks.

use std::ops::ControlFlow;

use super::{Context, Stop};
use crate::change::{Happened, Was};
use crate::command::CopyRange;
use crate::file::{self, Placed};
use crate::limits::RECLAIM_STEP_KEYS_MAX;
use crate::outcome::{Answer, PosixError};
use crate::record::ExtentHome;
use crate::types::InodeId;

/// Most extents one command shares; a copy of more ends early, as `copy_file_range(2)` may.
const EXTENTS_MAX: usize = RECLAIM_STEP_KEYS_MAX;

pub(crate) fn apply(context: &mut Context<'_>, command: CopyRange) -> Result<Answer, Stop> {
    let CopyRange {
        source,
        source_offset,
        destination,
        destination_offset,
        length,
    } = command;
    let source_size = context.regular(source)?.size;
    let mut inode = context.regular(destination)?;
    file::check_writable(&inode, destination_offset)?;
    let length = length.min(source_size.saturating_sub(source_offset));
    if length > 0 {
        let destination_end = file::range_end(destination_offset, length)?;
        let source_end = source_offset + length;
        let overlap = source_offset < destination_end && destination_offset < source_end;
        if source == destination && overlap {
            return Err(PosixError::InvalidArgument.into());
        }
        let (parts, source_end) = parts(context, source, source_offset, source_end)?;
        let length = source_end - source_offset;
        let destination_end = destination_offset + length;
        file::cut(
            context,
            destination,
            &mut inode,
            destination_offset,
            destination_end,
        )?;
        for part in parts {
            if let ExtentHome::Block { block, .. } = part.extent.home {
                file::share(context, block)?;
                let offset = part.offset - source_offset + destination_offset;
                file::place(context, destination, &mut inode, Placed { offset, ..part })?;
            }
        }
        inode.size = inode.size.max(destination_end);
        inode.mtime = context.now;
        inode.ctime = context.now;
        let keeps_set_id = context.credentials.is_superuser();
        file::content_changed(context, destination, &mut inode, keeps_set_id)?;
        context.put_inode(destination, &inode);
        context.tell(destination, inode.kind(), Was::Otherwise, || {
            Happened::Content
        });
        return Ok(Answer::Written {
            offset: destination_offset,
            length,
        });
    }
    Ok(Answer::Written {
        offset: destination_offset,
        length: 0,
    })
}

/// The extents of a range, clipped to it, and where they end if they are too many.
fn parts(
    context: &Context<'_>,
    ino: InodeId,
    start: u64,
    end: u64,
) -> Result<(Vec<Placed>, u64), Stop> {
    let mut parts: Vec<Placed> = Vec::new();
    let mut parts_end = end;
    file::visit_from(&*context.state, ino, start, &mut |placed| {
        let Some(part) = placed.clip(start, end) else {
            return ControlFlow::Break(());
        };
        if parts.len() == EXTENTS_MAX {
            parts_end = part.offset;
            return ControlFlow::Break(());
        }
        parts.push(part);
        ControlFlow::Continue(())
    })?;
    Ok((parts, parts_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::FallocateMode;
    use crate::file::fixture::{FIRST, Fixture, SECOND};
    use crate::types::InodeFlags;

    #[test]
    fn a_copy_shares_blocks_and_survives_its_source() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 10_000]).unwrap();
        fixture.write(SECOND, 0, &[2; 3_000]).unwrap();
        let answer = fixture.copy(FIRST, 5_000, SECOND, 1_000, 100_000);
        let (offset, length) = (1_000, 5_000);
        assert_eq!(answer, Ok(Answer::Written { offset, length }));
        assert_eq!(fixture.blocks(), 2);
        fixture.check();
        fixture.truncate(FIRST, 0).unwrap();
        let expected = [vec![2; 1_000], vec![1; 5_000]].concat();
        assert_eq!(fixture.read(SECOND, 0, 100_000), expected);
        fixture.check();
        fixture.truncate(SECOND, 0).unwrap();
        assert_eq!(fixture.blocks(), 0);
    }

    #[test]
    fn holes_and_unwritten_space_are_copied_as_holes() {
        let mut fixture = Fixture::new();
        let allocate = FallocateMode::Allocate { keep_size: false };
        fixture.fallocate(FIRST, 0, 100, allocate).unwrap();
        fixture.write(FIRST, 200, b"x").unwrap();
        fixture.write(SECOND, 0, &[2; 300]).unwrap();
        fixture.copy(FIRST, 0, SECOND, 0, 201).unwrap();
        assert_eq!(
            fixture.read(SECOND, 0, 202),
            [&[0; 200][..], b"x", &[2]].concat()
        );
        assert_eq!(fixture.inode(SECOND).allocated, 100);
        fixture.check();
    }

    #[test]
    fn ranges_of_one_file_may_touch_and_not_overlap() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 10_000]).unwrap();
        let error = fixture.copy(FIRST, 0, FIRST, 4_999, 5_000);
        assert_eq!(error, Err(PosixError::InvalidArgument));
        fixture.copy(FIRST, 0, FIRST, 5_000, 5_000).unwrap();
        fixture.check();
        fixture.copy(FIRST, 5_000, FIRST, 10_000, 5_000).unwrap();
        assert_eq!(fixture.read(FIRST, 0, 100_000), vec![1; 15_000]);
        fixture.check();
    }

    #[test]
    fn nothing_is_copied_from_past_the_end() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"x").unwrap();
        let before = fixture.inode(SECOND);
        let (offset, length) = (7, 0);
        let answer = fixture.copy(FIRST, 1, SECOND, 7, 10);
        assert_eq!(answer, Ok(Answer::Written { offset, length }));
        assert_eq!(fixture.inode(SECOND), before);
    }

    #[test]
    fn a_copy_of_very_many_extents_ends_early() {
        let mut fixture = Fixture::new();
        for piece in 0..=EXTENTS_MAX as u64 {
            fixture.write(FIRST, piece * 10, b"x").unwrap();
        }
        let offset = 0;
        let length = EXTENTS_MAX as u64 * 10;
        let answer = fixture.copy(FIRST, 0, SECOND, 0, u64::MAX);
        assert_eq!(answer, Ok(Answer::Written { offset, length }));
        assert_eq!(fixture.inode(SECOND).size, length);
        fixture.check();
    }

    #[test]
    fn an_immutable_destination_is_refused() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"x").unwrap();
        let immutable = InodeFlags::new(InodeFlags::IMMUTABLE).unwrap();
        fixture.edit(SECOND, |inode| inode.flags = immutable);
        let error = fixture.copy(FIRST, 0, SECOND, 0, 1);
        assert_eq!(error, Err(PosixError::NotPermitted));
    }
}
