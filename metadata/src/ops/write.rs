//! `write(2)`: new bytes go into a new block, and the extents below them are cut.

use super::{Context, Stop};
use crate::change::{Happened, Was};
use crate::command::{Write, WritePosition};
use crate::file;
use crate::limits::WRITE_BYTES_MAX;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(context: &mut Context<'_>, command: &Write) -> Result<Answer, Stop> {
    let ino = command.ino;
    let mut inode = context.regular(ino)?;
    let offset = match command.position {
        WritePosition::At(offset) => offset,
        WritePosition::End => inode.size,
    };
    file::check_writable(&inode, offset)?;
    if command.data.len() > WRITE_BYTES_MAX {
        return Err(PosixError::InvalidArgument.into());
    }
    let length = command.data.len() as u64;
    if length > 0 {
        let end = file::range_end(offset, length)?;
        file::write(context, ino, &mut inode, offset, &command.data)?;
        inode.size = inode.size.max(end);
        inode.mtime = context.now;
        inode.ctime = context.now;
        file::content_changed(context, ino, &mut inode, !command.clear_privileges)?;
        context.put_inode(ino, &inode);
        context.tell(ino, inode.kind(), Was::Otherwise, || Happened::Content);
    }
    Ok(Answer::Written { offset, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::fixture::{FIRST, Fixture};
    use crate::keys;
    use crate::limits::FILE_BYTES_MAX;
    use crate::types::{InodeFlags, Mode};
    use bytes::Bytes;

    #[test]
    fn appended_lines_share_blocks_of_up_to_four_kilobytes() {
        let mut fixture = Fixture::new();
        for line in 0..1000_u32 {
            fixture
                .append(FIRST, format!("{line:99}\n").as_bytes())
                .unwrap();
        }
        assert_eq!(fixture.inode(FIRST).size, 100_000);
        assert_eq!(fixture.extents(FIRST).len(), 25);
        let bytes = fixture.read(FIRST, 4050, 100);
        assert_eq!(
            &bytes[..50],
            format!("{:99}\n", 40).as_bytes().split_at(50).1
        );
        fixture.check();
    }

    #[test]
    fn joining_stops_where_a_block_would_grow_past_its_bound() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 3000]).unwrap();
        fixture.write(FIRST, 3050, &[2; 3000]).unwrap();
        fixture.write(FIRST, 3000, &[3; 50]).unwrap();
        assert_eq!(fixture.extents(FIRST), vec![(0, 3050), (3050, 3000)]);
        assert_eq!(fixture.read(FIRST, 3049, 2), [3, 2]);
        fixture.check();
    }

    #[test]
    fn large_neighbouring_writes_keep_their_own_blocks() {
        let mut fixture = Fixture::new();
        let data = vec![7; 4096];
        for piece in 0..3 {
            fixture.write(FIRST, piece * 4096, &data).unwrap();
        }
        assert_eq!(fixture.extents(FIRST).len(), 3);
        fixture.check();
    }

    #[test]
    fn a_write_into_a_small_block_leaves_one_extent() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &[1; 1000]).unwrap();
        fixture.write(FIRST, 200, &[2; 100]).unwrap();
        fixture.write(FIRST, 950, &[3; 100]).unwrap();
        assert_eq!(fixture.extents(FIRST), vec![(0, 1050)]);
        assert_eq!(fixture.read(FIRST, 199, 2), [1, 2]);
        assert_eq!(
            fixture.read(FIRST, 949, 200),
            [[1].as_slice(), &[3; 100]].concat()
        );
        fixture.check();
    }

    #[test]
    fn a_write_in_the_middle_of_a_large_block_splits_its_extent() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, &vec![1; 100_000]).unwrap();
        fixture.write(FIRST, 40_000, &[2; 5_000]).unwrap();
        let extents = fixture.extents(FIRST);
        assert_eq!(
            extents,
            vec![(0, 40_000), (40_000, 5_000), (45_000, 55_000)]
        );
        fixture.check();
        fixture.write(FIRST, 0, &vec![3; 100_000]).unwrap();
        assert_eq!(fixture.extents(FIRST), vec![(0, 100_000)]);
        fixture.check();
    }

    #[test]
    fn a_write_of_nothing_changes_nothing() {
        let mut fixture = Fixture::new();
        let before = fixture.inode(FIRST);
        let answer = fixture.write(FIRST, 1 << 62, b"");
        let (offset, length) = (1 << 62, 0);
        assert_eq!(answer, Ok(Answer::Written { offset, length }));
        assert_eq!(fixture.inode(FIRST), before);
    }

    #[test]
    fn the_largest_file_ends_where_offsets_end() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, FILE_BYTES_MAX - 1, b"x").unwrap();
        assert_eq!(fixture.inode(FIRST).size, FILE_BYTES_MAX);
        let error = fixture.write(FIRST, FILE_BYTES_MAX - 1, b"xy");
        assert_eq!(error, Err(PosixError::FileTooLarge));
        assert_eq!(
            fixture.write(FIRST, u64::MAX, b"x"),
            Err(PosixError::FileTooLarge)
        );
        assert_eq!(fixture.append(FIRST, b"x"), Err(PosixError::FileTooLarge));
        fixture.check();
    }

    #[test]
    fn an_append_only_file_grows_and_an_immutable_one_stays() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"line").unwrap();
        fixture.edit(FIRST, |inode| {
            inode.flags = InodeFlags::new(InodeFlags::APPEND).unwrap();
        });
        assert_eq!(fixture.write(FIRST, 3, b"x"), Err(PosixError::NotPermitted));
        fixture.write(FIRST, 4, b"x").unwrap();
        fixture.append(FIRST, b"y").unwrap();
        assert_eq!(fixture.read(FIRST, 0, 100), b"linexy");
        fixture.edit(FIRST, |inode| {
            inode.flags = InodeFlags::new(InodeFlags::IMMUTABLE).unwrap();
        });
        assert_eq!(fixture.append(FIRST, b"z"), Err(PosixError::NotPermitted));
    }

    #[test]
    fn a_writer_without_privilege_takes_the_privileges_of_the_file() {
        let mut fixture = Fixture::new();
        fixture.edit(FIRST, |inode| {
            inode.mode = Mode::new(0o6755);
            inode.xattrs = 1;
        });
        let key = keys::xattr(FIRST, b"security.capability");
        fixture
            .run(|context| {
                context.state.put(key.clone(), Bytes::from_static(b"all"));
                Ok(())
            })
            .unwrap();
        fixture.write(FIRST, 0, b"x").unwrap();
        assert_eq!(fixture.inode(FIRST).mode, Mode::new(0o6755));
        let write = Write {
            ino: FIRST,
            position: WritePosition::At(0),
            data: Bytes::from_static(b"y"),
            clear_privileges: true,
        };
        fixture.run(|context| apply(context, &write)).unwrap();
        let inode = fixture.inode(FIRST);
        assert_eq!((inode.mode, inode.xattrs), (Mode::new(0o755), 0));
        assert_eq!(fixture.value(&key), None);
    }
}
