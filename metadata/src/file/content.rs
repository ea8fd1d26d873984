//! Bytes of a file: reading them, and writing them into new blocks.

use bytes::Bytes;

use super::block;
use super::extents::{Placed, covering_from, cut_one, overlapping, place};
use crate::fault::Fault;
use crate::limits::BLOCK_JOIN_BYTES_MAX;
use crate::ops::{Context, Stop};
use crate::record::{Extent, ExtentHome, Inode};
use crate::store::View;
use crate::types::InodeId;

/// The bytes from `offset` on, at most `length` and none past the end of the file.
pub(crate) fn read(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, Fault> {
    let end = offset.saturating_add(length).min(inode.size);
    let length = end.saturating_sub(offset) as usize;
    let mut bytes = Vec::with_capacity(length);
    if length > 0 && inode.allocated > 0 {
        let found = match covering_from(view, ino, offset, end)? {
            Some(placed) => vec![placed],
            None => overlapping(view, ino, offset, end)?,
        };
        for part in found.iter().filter_map(|placed| placed.clip(offset, end)) {
            bytes.resize((part.offset - offset) as usize, 0);
            append_extent(view, part.extent, &mut bytes)?;
        }
    }
    bytes.resize(length, 0);
    Ok(bytes)
}

/// Puts `data`, which is not empty, at `offset`. Size, times and the inode's record are the caller's.
pub(crate) fn write(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    offset: u64,
    data: &Bytes,
) -> Result<(), Stop> {
    let end = offset + data.len() as u64;
    let found = touching(&*context.state, ino, inode, offset, end)?;
    let (start, bytes) = join(&*context.state, &found, offset, data)?;
    let length = bytes.len() as u64;
    for placed in found {
        cut_one(context, ino, inode, placed, (start, start + length))?;
    }
    let home = ExtentHome::Block {
        block: block::create(context, bytes),
        start: 0,
    };
    let extent = Extent { length, home };
    place(
        context,
        ino,
        inode,
        Placed {
            offset: start,
            extent,
        },
    )
}

/// The extents that overlap the range, and those that end or begin right beside it.
fn touching(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    start: u64,
    end: u64,
) -> Result<Vec<Placed>, Fault> {
    if inode.allocated == 0 {
        return Ok(Vec::new());
    }
    if start < inode.size
        && let Some(placed) = covering_from(view, ino, start, end)?
    {
        return Ok(vec![placed]);
    }
    overlapping(view, ino, start.saturating_sub(1), end + 1)
}

/// Adds to a small write what its neighbours hold, so that many of them make few blocks: where the
/// joined bytes begin, and they themselves.
fn join(
    view: &(impl View + ?Sized),
    found: &[Placed],
    offset: u64,
    data: &Bytes,
) -> Result<(u64, Bytes), Fault> {
    let end = offset + data.len() as u64;
    let mut room = BLOCK_JOIN_BYTES_MAX.saturating_sub(data.len()) as u64;
    let before = found.first().and_then(|first| first.clip(0, offset));
    let after = found.last().and_then(|last| last.clip(end, u64::MAX));
    let mut fits = |part: &Placed| {
        let is_block = matches!(part.extent.home, ExtentHome::Block { .. });
        let fits = is_block && part.extent.length <= room;
        if fits {
            room -= part.extent.length;
        }
        fits
    };
    let before = before.filter(&mut fits);
    let after = after.filter(&mut fits);
    if before.is_none() && after.is_none() {
        return Ok((offset, data.clone()));
    }
    let mut bytes = Vec::with_capacity(BLOCK_JOIN_BYTES_MAX);
    if let Some(before) = before {
        append_extent(view, before.extent, &mut bytes)?;
    }
    bytes.extend_from_slice(data);
    if let Some(after) = after {
        append_extent(view, after.extent, &mut bytes)?;
    }
    Ok((
        before.map_or(offset, |before| before.offset),
        Bytes::from(bytes),
    ))
}

fn append_extent(
    view: &(impl View + ?Sized),
    extent: Extent,
    bytes: &mut Vec<u8>,
) -> Result<(), Fault> {
    match extent.home {
        ExtentHome::Zero => {
            bytes.resize(bytes.len() + extent.length as usize, 0);
            Ok(())
        }
        ExtentHome::Block { block, start } => {
            block::append_part(view, block, start, extent.length, bytes)
        }
    }
}
