//! Blocks: bytes that never change, and the number of extents that show a part of them.

use bytes::Bytes;

use crate::fault::Fault;
use crate::keys::{self, BlockId};
use crate::ops::Context;
use crate::record::Shared;
use crate::store::View;

/// Stores bytes under a new number; the one extent that will show them is the caller's.
pub(super) fn create(context: &mut Context<'_>, bytes: Bytes) -> BlockId {
    let block = context.allocate_block();
    context.state.put(keys::block(block), bytes);
    block
}

/// Counts one more extent.
pub(crate) fn share(context: &mut Context<'_>, block: BlockId) -> Result<(), Fault> {
    let extents = extents(&*context.state, block)? + 1;
    let shared = Shared { extents };
    context.state.put(keys::shared(block), shared.encode());
    Ok(())
}

/// Counts one extent less; the last one takes the bytes with it.
pub(super) fn release(context: &mut Context<'_>, block: BlockId) -> Result<(), Fault> {
    match extents(&*context.state, block)? {
        1 => context.state.delete(keys::block(block)),
        2 => context.state.delete(keys::shared(block)),
        more => {
            let shared = Shared { extents: more - 1 };
            context.state.put(keys::shared(block), shared.encode());
        }
    }
    Ok(())
}

/// Appends a part of a block to `bytes`.
pub(super) fn append_part(
    view: &(impl View + ?Sized),
    block: BlockId,
    start: u64,
    length: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), Fault> {
    let end = start.saturating_add(length);
    let mut copied = false;
    view.with_value(&keys::block(block), &mut |value| {
        if let Some(part) = value.get(start as usize..end as usize) {
            bytes.extend_from_slice(part);
            copied = true;
        }
    })?;
    if copied {
        Ok(())
    } else {
        let detail = format!("{} is not there up to byte {end}", block.0);
        Err(Fault::corrupt("block", detail))
    }
}

fn extents(view: &(impl View + ?Sized), block: BlockId) -> Result<u64, Fault> {
    let mut extents = Ok(1);
    view.with_value(&keys::shared(block), &mut |value| {
        extents = Shared::decode(value).map(|shared| shared.extents);
    })?;
    extents
}
