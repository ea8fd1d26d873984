//! Extents: finding, cutting, placing and moving them.

use std::ops::ControlFlow;

use super::block;
use crate::fault::Fault;
use crate::keys;
use crate::limits::FILE_BYTES_MAX;
use crate::ops::{Context, Stop};
use crate::outcome::PosixError;
use crate::record::{Extent, ExtentHome, Inode};
use crate::store::View;
use crate::types::InodeId;

/// Keys that go with one extent: itself, and its block or the count of those that share it.
const KEYS_OF_EXTENT: usize = 2;

/// Space that may be promised without data, so that promises alone never exhaust the counters:
/// more than any disk has, and less than [`FILE_BYTES_MAX`] for what is written.
const RESERVED_BYTES_MAX: u64 = 1 << 62;

/// How far before a position the extent that reaches to it is looked for in the direction of the scan.
/// A file that is overwritten at random leaves traces of removed extents between those that are there:
/// the store passes over them ten times faster forwards than backwards.
const NEAR_BYTES: u64 = 64 * 1024;

/// An extent and where it begins in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Its first byte in the file.
    pub(crate) offset: u64,
    /// The extent.
    pub(crate) extent: Extent,
}

impl Placed {
    /// The first byte after it.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.extent.length
    }

    /// The part of it between two positions of the file, if there is one.
    pub(crate) fn clip(&self, start: u64, end: u64) -> Option<Placed> {
        let offset = self.offset.max(start);
        let end = self.end().min(end);
        (offset < end).then(|| Placed {
            offset,
            extent: self.extent.part(offset - self.offset, end - offset),
        })
    }

    fn decode(key: &[u8], value: &[u8]) -> Result<Placed, Fault> {
        let offset =
            keys::second_number(key).ok_or_else(|| Fault::corrupt("extent key", "short"))?;
        let extent = Extent::decode(value)?;
        match offset.checked_add(extent.length) {
            Some(end) if end <= FILE_BYTES_MAX => Ok(Placed { offset, extent }),
            _ => Err(Fault::corrupt("extent record", "past the largest file")),
        }
    }
}

/// The extents that overlap `start..end`, in their order, mostly in one scan.
pub(super) fn overlapping(
    view: &(impl View + ?Sized),
    ino: InodeId,
    start: u64,
    end: u64,
) -> Result<Vec<Placed>, Fault> {
    let near = start.saturating_sub(NEAR_BYTES);
    let mut found = Vec::new();
    let mut precedes = false;
    view.scan(
        &keys::extent(ino, near),
        &keys::extent(ino, end),
        &mut |key, value| {
            let placed = Placed::decode(key, value)?;
            precedes |= placed.offset <= start;
            if placed.end() > start {
                found.push(placed);
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    if !precedes {
        let before = last_before(view, ino, near)?;
        if let Some(placed) = before.filter(|placed| placed.end() > start) {
            found.insert(0, placed);
        }
    }
    Ok(found)
}

/// The last extent that begins before `end`: looked for forwards in what is not far away, then backwards.
fn last_before(
    view: &(impl View + ?Sized),
    ino: InodeId,
    end: u64,
) -> Result<Option<Placed>, Fault> {
    let near = end.saturating_sub(16 * NEAR_BYTES);
    let mut last = None;
    let (first, middle) = (keys::extent(ino, 0), keys::extent(ino, near));
    view.scan(&middle, &keys::extent(ino, end), &mut |key, value| {
        last = Some(Placed::decode(key, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    if last.is_none() {
        view.scan_back(&first, &middle, &mut |key, value| {
            last = Some(Placed::decode(key, value)?);
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(last)
}

/// The extent that begins at `start` and covers all of `start..end`: what most reads and overwrites
/// meet, found without a scan.
pub(super) fn covering_from(
    view: &(impl View + ?Sized),
    ino: InodeId,
    start: u64,
    end: u64,
) -> Result<Option<Placed>, Fault> {
    let key = keys::extent(ino, start);
    let mut found = Ok(None);
    view.with_value(&key, &mut |value| {
        found = Placed::decode(&key, value).map(Some);
    })?;
    Ok(found?.filter(|placed| placed.end() >= end))
}

/// Visits the extents that end after `start`, in their order.
pub(crate) fn visit_from(
    view: &(impl View + ?Sized),
    ino: InodeId,
    start: u64,
    visit: &mut dyn FnMut(Placed) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let mut before = overlapping(view, ino, start, start.saturating_add(1))?;
    if let Some(placed) = before.pop()
        && visit(placed).is_break()
    {
        return Ok(());
    }
    let (_, last) = keys::extents_of(ino);
    let next = keys::extent(ino, start.saturating_add(1));
    view.scan(&next, &last, &mut |key, value| {
        Ok(visit(Placed::decode(key, value)?))
    })
}

/// Makes a hole of `start..end`; extents at its ends keep what is outside.
pub(crate) fn cut(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    start: u64,
    end: u64,
) -> Result<(), Fault> {
    if inode.allocated == 0 {
        return Ok(());
    }
    for placed in overlapping(&*context.state, ino, start, end)? {
        cut_one(context, ino, inode, placed, (start, end))?;
    }
    Ok(())
}

/// Takes the bytes of a range out of one extent.
pub(super) fn cut_one(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    placed: Placed,
    (start, end): (u64, u64),
) -> Result<(), Fault> {
    let Some(gone) = placed.clip(start, end) else {
        return Ok(());
    };
    uncount(context, ino, inode, gone.extent.length)?;
    let head = placed.clip(0, start);
    let tail = placed.clip(end, u64::MAX);
    if head.is_none() {
        context.state.delete(keys::extent(ino, placed.offset));
    }
    for kept in [head, tail].into_iter().flatten() {
        context
            .state
            .put(keys::extent(ino, kept.offset), kept.extent.encode());
    }
    match (placed.extent.home, head, tail) {
        (ExtentHome::Block { block, .. }, None, None) => block::release(context, block),
        (ExtentHome::Block { block, .. }, Some(_), Some(_)) => block::share(context, block),
        (ExtentHome::Block { .. } | ExtentHome::Zero, _, _) => Ok(()),
    }
}

/// Adds an extent where there is a hole; the reference to its block is the caller's.
pub(crate) fn place(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    placed: Placed,
) -> Result<(), Stop> {
    let allocated_max = match placed.extent.home {
        ExtentHome::Zero => RESERVED_BYTES_MAX,
        ExtentHome::Block { .. } => FILE_BYTES_MAX,
    };
    let length = placed.extent.length;
    context.volume.allocated = context
        .volume
        .allocated
        .checked_add(length)
        .filter(|allocated| *allocated <= allocated_max)
        .ok_or(PosixError::NoSpace)?;
    inode.allocated += length;
    context.ledger.take_bytes(ino, inode, length);
    context
        .state
        .put(keys::extent(ino, placed.offset), placed.extent.encode());
    Ok(())
}

/// Gives space that reads as zeros to every hole of `start..end`.
pub(crate) fn fill_holes(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    start: u64,
    end: u64,
) -> Result<(), Stop> {
    let mut offset = start;
    let found = overlapping(&*context.state, ino, start, end)?;
    let ends = found.iter().map(|placed| (placed.offset, placed.end()));
    for (next, next_end) in ends.chain([(end, end)]) {
        if offset < next {
            let extent = Extent {
                length: next - offset,
                home: ExtentHome::Zero,
            };
            place(context, ino, inode, Placed { offset, extent })?;
        }
        offset = next_end;
    }
    Ok(())
}

/// Moves every extent from `start` on down by `distance`; the range below `start` is a hole.
pub(crate) fn move_down(
    context: &mut Context<'_>,
    ino: InodeId,
    start: u64,
    distance: u64,
) -> Result<(), Fault> {
    for placed in overlapping(&*context.state, ino, start, u64::MAX)? {
        context.state.delete(keys::extent(ino, placed.offset));
        let offset = placed.offset - distance;
        context
            .state
            .put(keys::extent(ino, offset), placed.extent.encode());
    }
    Ok(())
}

/// Moves every byte from `start` on up by `distance`, which splits an extent that spans `start`.
pub(crate) fn move_up(
    context: &mut Context<'_>,
    ino: InodeId,
    start: u64,
    distance: u64,
) -> Result<(), Fault> {
    // From the last, so that no extent is moved onto one that is still to be moved.
    for placed in overlapping(&*context.state, ino, start, u64::MAX)?
        .into_iter()
        .rev()
    {
        let head = placed.clip(0, start);
        if let Some(head) = head {
            context
                .state
                .put(keys::extent(ino, head.offset), head.extent.encode());
        } else {
            context.state.delete(keys::extent(ino, placed.offset));
        }
        if let Some(tail) = placed.clip(start, u64::MAX) {
            let key = keys::extent(ino, tail.offset + distance);
            context.state.put(key, tail.extent.encode());
        }
        if let (Some(_), ExtentHome::Block { block, .. }) = (head, placed.extent.home) {
            block::share(context, block)?;
        }
    }
    Ok(())
}

/// Removes extents until none is left or `keys_left` is used up; answers where the next step begins.
///
/// No extent may begin below `from`.
pub(crate) fn clear(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    from: u64,
    keys_left: &mut usize,
) -> Result<Option<u64>, Stop> {
    if inode.allocated == 0 {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut next = None;
    let extents_max = *keys_left / KEYS_OF_EXTENT;
    let (_, end) = keys::extents_of(ino);
    context
        .state
        .scan(&keys::extent(ino, from), &end, &mut |key, value| {
            let placed = Placed::decode(key, value)?;
            if found.len() == extents_max {
                next = Some(placed.offset);
                return Ok(ControlFlow::Break(()));
            }
            found.push(placed);
            Ok(ControlFlow::Continue(()))
        })?;
    *keys_left -= found.len() * KEYS_OF_EXTENT;
    for placed in found {
        cut_one(context, ino, inode, placed, (0, u64::MAX))?;
    }
    Ok(next)
}

fn uncount(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    length: u64,
) -> Result<(), Fault> {
    let uncounted = |allocated: u64| {
        allocated
            .checked_sub(length)
            .ok_or_else(|| Fault::corrupt("allocated bytes", "less than the extents cover"))
    };
    inode.allocated = uncounted(inode.allocated)?;
    context.volume.allocated = uncounted(context.volume.allocated)?;
    context.ledger.give_bytes(ino, inode, length);
    Ok(())
}
