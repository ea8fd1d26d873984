//! Inodes without a name, page by page.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::PAGE_ENTRIES_MAX;
use crate::ops::Stop;
use crate::outcome::Reply;
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(view: &dyn View, after: InodeId, inodes_max: usize) -> Result<Reply, Stop> {
    let inodes_max = inodes_max.min(PAGE_ENTRIES_MAX);
    let start = keys::orphan(InodeId::new(after.get().saturating_add(1)));
    let (_, end) = keys::all(Prefix::Orphan);
    let mut orphans = Vec::new();
    view.scan(&start, &end, &mut |key, _| {
        if orphans.len() == inodes_max {
            return Ok(ControlFlow::Break(()));
        }
        let ino = keys::first_number(key).ok_or_else(|| Fault::corrupt("orphan key", "short"))?;
        orphans.push(InodeId::new(ino));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Reply::Orphans(orphans))
}
