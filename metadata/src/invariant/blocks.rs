//! Every block is referred to by as many extents as is noted, and they lie inside it.
//!
//! Keeps 16 bytes an extent, sorted by block.

use super::cursor::{Cursor, Entry};
use super::mend::Mend;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, BlockId, Prefix};
use crate::record::{Extent, ExtentHome, Shared};
use crate::store::View;

/// An extent as its block sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    block: u64,
    /// Where the extent ends in the block; blocks are far smaller than what fits here.
    end: u32,
}

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let references = collect(view, report)?;
    let mut rest = references.as_slice();
    let mut blocks = Cursor::new(view, Prefix::Block);
    let mut shared = Cursor::new(view, Prefix::Shared);
    while let Some((key, value)) = blocks.next(report)? {
        let Some(block) = keys::first_number(&key) else {
            continue;
        };
        let before = rest.partition_point(|reference| reference.block < block);
        let (before, from) = rest.split_at(before);
        let own = from.partition_point(|reference| reference.block == block);
        let (own, after) = from.split_at(own);
        rest = after;
        missing(before, report);
        without_block(&mut shared, Some(block), report)?;
        let note = shared.next_of(block, report)?;
        compare(block, value.len(), own, note.as_ref(), report);
    }
    missing(rest, report);
    without_block(&mut shared, None, report)
}

fn collect(view: &dyn View, report: &mut Report<'_>) -> Result<Vec<Reference>, Fault> {
    let mut references = Vec::new();
    let mut extents = Cursor::new(view, Prefix::Extent);
    while let Some((_, value)) = extents.next(report)? {
        if let Ok(extent) = Extent::decode(&value)
            && let ExtentHome::Block { block, start } = extent.home
        {
            let end = start.saturating_add(extent.length);
            references.push(Reference {
                block: block.0,
                end: u32::try_from(end).unwrap_or(u32::MAX),
            });
        }
    }
    references.sort_unstable();
    Ok(references)
}

fn missing(references: &[Reference], report: &mut Report<'_>) {
    for reference in references {
        report.add(|| {
            format!(
                "an extent refers to block {}, which does not exist",
                reference.block
            )
        });
    }
}

/// Reports the notes of blocks before this one, which have no block.
fn without_block(
    shared: &mut Cursor<'_>,
    block: Option<u64>,
    report: &mut Report<'_>,
) -> Result<(), Fault> {
    while let Some(number) = shared.peek_number()?
        && block.is_none_or(|block| number < block)
    {
        shared.next(report)?;
        let note = keys::shared(BlockId(number));
        report.add_mendable(Some(Mend::Forget(note)), || {
            format!("block {number} is noted as shared but does not exist")
        });
    }
    Ok(())
}

fn compare(
    block: u64,
    bytes: usize,
    references: &[Reference],
    note: Option<&Entry>,
    report: &mut Report<'_>,
) {
    let found = references.len() as u64;
    if found == 0 {
        report.add(|| format!("block {block} has no extent that refers to it"));
    }
    // A note that does not decode has been told of by the rule of records.
    let noted = match note {
        None => 1,
        Some((_, value)) => Shared::decode(value).map_or(found, |shared| shared.extents),
    };
    if found > 0 && noted != found {
        let note = keys::shared(BlockId(block));
        let mend = match found {
            1 => Mend::Forget(note),
            extents => Mend::Put(note, Shared { extents }.encode()),
        };
        report.add_mendable(Some(mend), || {
            format!("block {block} has {found} extents but {noted} are noted")
        });
    }
    if let Some(last) = references.iter().max_by_key(|reference| reference.end)
        && last.end as usize > bytes
    {
        report.add(|| {
            format!(
                "an extent ends at {} in block {block}, which has {bytes} bytes",
                last.end
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{BLOCK, FILE, State, part};
    use crate::keys::{self, BlockId};
    use crate::record::Shared;

    #[test]
    fn a_block_without_an_extent_is_reported() {
        let mut state = State::sound();
        state.put(keys::block(BlockId(3)), b"lost");
        state.expect("blocks: block 3 has no extent that refers to it");
    }

    #[test]
    fn an_extent_without_a_block_is_reported() {
        let mut state = State::sound();
        state.put(keys::extent(FILE, 4096), &part(BlockId(2), 0, 1));
        state.expect("blocks: an extent refers to block 2, which does not exist");
    }

    #[test]
    fn a_third_reference_that_is_not_noted_is_reported() {
        let mut state = State::sound();
        state.put(keys::extent(FILE, 4096), &part(BLOCK, 0, 1));
        state.expect("blocks: block 1 has 3 extents but 2 are noted");
    }

    #[test]
    fn a_shared_block_must_be_noted() {
        let mut state = State::sound();
        state.delete(keys::shared(BLOCK));
        state.expect("blocks: block 1 has 2 extents but 1 are noted");
    }

    #[test]
    fn a_block_that_is_not_shared_must_not_be_noted() {
        let mut state = State::sound();
        state.delete(keys::extent(FILE, 0));
        state.expect("blocks: block 1 has 1 extents but 2 are noted");
    }

    #[test]
    fn a_note_without_a_block_is_reported() {
        let mut state = State::sound();
        state.put(keys::shared(BlockId(9)), &Shared { extents: 2 }.encode());
        state.expect("blocks: block 9 is noted as shared but does not exist");
    }

    #[test]
    fn an_extent_past_the_end_of_its_block_is_reported() {
        let mut state = State::sound();
        state.put(keys::extent(FILE, 0), &part(BLOCK, 1, 100));
        state.expect("blocks: an extent ends at 101 in block 1, which has 100 bytes");
    }
}
