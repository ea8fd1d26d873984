//! `fallocate(2)`: gives space to a range, takes it away, or moves what follows.

use super::{Context, Stop};
use crate::change::{Happened, Was};
use crate::command::{Fallocate, FallocateMode};
use crate::file;
use crate::limits::{BLOCK_BYTES, FILE_BYTES_MAX};
use crate::outcome::{Answer, PosixError};
use crate::record::Inode;
use crate::types::InodeFlags;

pub(crate) fn apply(context: &mut Context<'_>, command: Fallocate) -> Result<Answer, Stop> {
    let ino = command.ino;
    let mut inode = context.regular(ino)?;
    check_flags(&inode, command.mode)?;
    if command.length == 0 {
        return Err(PosixError::InvalidArgument.into());
    }
    let start = command.offset;
    let end = file::range_end(start, command.length)?;
    match command.mode {
        FallocateMode::Allocate { keep_size } => {
            file::fill_holes(context, ino, &mut inode, start, end)?;
            grow(&mut inode, end, keep_size);
        }
        FallocateMode::Unshare => {
            file::fill_holes(context, ino, &mut inode, start, end)?;
            grow(&mut inode, end, false);
        }
        FallocateMode::PunchHole => file::cut(context, ino, &mut inode, start, end)?,
        FallocateMode::ZeroRange { keep_size } => {
            file::cut(context, ino, &mut inode, start, end)?;
            file::fill_holes(context, ino, &mut inode, start, end)?;
            grow(&mut inode, end, keep_size);
        }
        FallocateMode::CollapseRange => collapse(context, command, &mut inode)?,
        FallocateMode::InsertRange => insert(context, command, &mut inode)?,
    }
    inode.mtime = context.now;
    inode.ctime = context.now;
    let keeps_set_id = context.credentials.is_superuser();
    file::content_changed(context, ino, &mut inode, keeps_set_id)?;
    context.put_inode(ino, &inode);
    context.tell(ino, inode.kind(), Was::Otherwise, || Happened::Content);
    Ok(Answer::Done)
}

/// An append-only file may be given space, and nothing else.
fn check_flags(inode: &Inode, mode: FallocateMode) -> Result<(), PosixError> {
    let forbidden = match mode {
        FallocateMode::Allocate { .. } => InodeFlags::IMMUTABLE,
        FallocateMode::PunchHole
        | FallocateMode::ZeroRange { .. }
        | FallocateMode::CollapseRange
        | FallocateMode::InsertRange
        | FallocateMode::Unshare => InodeFlags::IMMUTABLE | InodeFlags::APPEND,
    };
    if inode.flags.has_any(forbidden) {
        return Err(PosixError::NotPermitted);
    }
    Ok(())
}

fn grow(inode: &mut Inode, end: u64, keep_size: bool) {
    if !keep_size {
        inode.size = inode.size.max(end);
    }
}

fn check_aligned(command: Fallocate) -> Result<(), PosixError> {
    let unit = u64::from(BLOCK_BYTES);
    if command.offset.is_multiple_of(unit) && command.length.is_multiple_of(unit) {
        Ok(())
    } else {
        Err(PosixError::InvalidArgument)
    }
}

fn collapse(context: &mut Context<'_>, command: Fallocate, inode: &mut Inode) -> Result<(), Stop> {
    check_aligned(command)?;
    let end = command.offset + command.length;
    if end >= inode.size {
        return Err(PosixError::InvalidArgument.into());
    }
    file::cut(context, command.ino, inode, command.offset, end)?;
    file::move_down(context, command.ino, end, command.length)?;
    inode.size -= command.length;
    Ok(())
}

fn insert(context: &mut Context<'_>, command: Fallocate, inode: &mut Inode) -> Result<(), Stop> {
    check_aligned(command)?;
    let size = file::range_end(inode.size, command.length)?;
    if command.offset >= inode.size {
        return Err(PosixError::InvalidArgument.into());
    }
    // Space past the end of the file that would move past the largest one is given back.
    let movable_end = FILE_BYTES_MAX - command.length;
    file::cut(context, command.ino, inode, movable_end, u64::MAX)?;
    file::move_up(context, command.ino, command.offset, command.length)?;
    inode.size = size;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::fixture::{FIRST, Fixture, SECOND};
    use crate::types::{Credentials, Mode};

    const ALLOCATE: FallocateMode = FallocateMode::Allocate { keep_size: false };
    const RESERVE: FallocateMode = FallocateMode::Allocate { keep_size: true };

    #[test]
    fn allocation_fills_holes_and_keeps_data() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 100, b"data").unwrap();
        fixture.fallocate(FIRST, 0, 200, ALLOCATE).unwrap();
        let inode = fixture.inode(FIRST);
        assert_eq!((inode.size, inode.allocated), (200, 200));
        let zeros = [0; 100];
        assert_eq!(fixture.read(FIRST, 0, 104), [&zeros[..], b"data"].concat());
        fixture.check();
    }

    #[test]
    fn space_past_the_end_stays_until_the_file_is_truncated() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"data").unwrap();
        fixture.fallocate(FIRST, 0, 1000, RESERVE).unwrap();
        let inode = fixture.inode(FIRST);
        assert_eq!((inode.size, inode.allocated), (4, 1000));
        fixture.truncate(FIRST, 500).unwrap();
        assert_eq!(fixture.inode(FIRST).allocated, 1000);
        fixture.truncate(FIRST, 500).unwrap();
        assert_eq!(fixture.inode(FIRST).allocated, 500);
        fixture.check();
    }

    #[test]
    fn a_punched_hole_reads_zeros_and_keeps_the_size() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 10_000]).unwrap();
        fixture
            .fallocate(FIRST, 5_000, 100_000, FallocateMode::PunchHole)
            .unwrap();
        let inode = fixture.inode(FIRST);
        assert_eq!((inode.size, inode.allocated), (10_000, 5_000));
        assert_eq!(fixture.read(FIRST, 4_999, 2), [1, 0]);
        fixture.check();
    }

    #[test]
    fn a_zeroed_range_keeps_its_space() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 10_000]).unwrap();
        let zero = FallocateMode::ZeroRange { keep_size: true };
        fixture.fallocate(FIRST, 5_000, 10_000, zero).unwrap();
        let inode = fixture.inode(FIRST);
        assert_eq!((inode.size, inode.allocated), (10_000, 15_000));
        assert_eq!(fixture.read(FIRST, 4_999, 2), [1, 0]);
        let zero = FallocateMode::ZeroRange { keep_size: false };
        fixture.fallocate(FIRST, 5_000, 10_000, zero).unwrap();
        assert_eq!(fixture.inode(FIRST).size, 15_000);
        fixture.check();
    }

    #[test]
    fn collapse_and_insert_move_what_follows() {
        let mut fixture = Fixture::new();
        let pages: Vec<u8> = (0..4_u8).flat_map(|page| [page; 4096]).collect();
        fixture.write(FIRST, 0, &pages).unwrap();
        fixture
            .fallocate(FIRST, 4096, 4096, FallocateMode::CollapseRange)
            .unwrap();
        let collapsed = [&pages[..4096], &pages[8192..]].concat();
        assert_eq!(fixture.read(FIRST, 0, 100_000), collapsed);
        fixture.check();
        fixture
            .fallocate(FIRST, 8192, 8192, FallocateMode::InsertRange)
            .unwrap();
        let inserted = [&collapsed[..8192], &[0; 8192], &collapsed[8192..]].concat();
        assert_eq!(fixture.read(FIRST, 0, 100_000), inserted);
        fixture.check();
    }

    #[test]
    fn collapse_and_insert_refuse_the_end_of_the_file_and_parts_of_blocks() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 8192]).unwrap();
        let invalid = Err(PosixError::InvalidArgument);
        let collapse = FallocateMode::CollapseRange;
        let insert = FallocateMode::InsertRange;
        assert_eq!(fixture.fallocate(FIRST, 4096, 4096, collapse), invalid);
        assert_eq!(fixture.fallocate(FIRST, 0, 100, collapse), invalid);
        assert_eq!(fixture.fallocate(FIRST, 100, 4096, insert), invalid);
        assert_eq!(fixture.fallocate(FIRST, 8192, 4096, insert), invalid);
        assert_eq!(fixture.fallocate(FIRST, 0, 0, ALLOCATE), invalid);
        let huge = (FILE_BYTES_MAX - 8191) & !4095;
        let error = fixture.fallocate(FIRST, 0, huge, insert);
        assert_eq!(error, Err(PosixError::FileTooLarge));
        let error = fixture.fallocate(FIRST, 1, FILE_BYTES_MAX, ALLOCATE);
        assert_eq!(error, Err(PosixError::FileTooLarge));
    }

    #[test]
    fn insert_gives_back_space_that_would_move_past_the_largest_file() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 8192]).unwrap();
        fixture
            .fallocate(FIRST, FILE_BYTES_MAX - 8192, 8192, RESERVE)
            .unwrap();
        fixture
            .fallocate(FIRST, 4096, 4096, FallocateMode::InsertRange)
            .unwrap();
        assert_eq!(fixture.inode(FIRST).allocated, 8192 + 4096);
        fixture.check();
    }

    #[test]
    fn promises_do_not_exhaust_the_counters() {
        let mut fixture = Fixture::new();
        fixture.fallocate(FIRST, 0, 1 << 62, ALLOCATE).unwrap();
        let error = fixture.fallocate(SECOND, 0, 1, ALLOCATE);
        assert_eq!(error, Err(PosixError::NoSpace));
        fixture.write(SECOND, 0, b"data").unwrap();
        fixture.check();
    }

    #[test]
    fn flags_and_privileges_are_kept_as_linux_keeps_them() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 100]).unwrap();
        fixture.edit(FIRST, |inode| {
            inode.flags = InodeFlags::new(InodeFlags::APPEND).unwrap();
        });
        let error = fixture.fallocate(FIRST, 0, 10, FallocateMode::PunchHole);
        assert_eq!(error, Err(PosixError::NotPermitted));
        fixture.edit(FIRST, |inode| inode.mode = Mode::new(0o4755));
        fixture.fallocate(FIRST, 0, 200, ALLOCATE).unwrap();
        assert_eq!(fixture.inode(FIRST).mode, Mode::new(0o4755));
        fixture.credentials = Credentials {
            uid: 7,
            ..Credentials::ROOT
        };
        fixture.fallocate(FIRST, 0, 200, ALLOCATE).unwrap();
        assert_eq!(fixture.inode(FIRST).mode, Mode::new(0o755));
    }
}
