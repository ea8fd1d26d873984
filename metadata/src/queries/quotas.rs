//! Quota trees and what they use.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::PAGE_ENTRIES_MAX;
use crate::ops::{Stop, load_inode};
use crate::outcome::{QuotaInfo, Reply};
use crate::quota;
use crate::record::Quota;
use crate::store::View;
use crate::types::InodeId;

/// Those an inode counts in, the innermost first.
pub(crate) fn around(view: &dyn View, ino: InodeId) -> Result<Reply, Stop> {
    let inode = load_inode(view, ino)?;
    let quotas = quota::around(view, inode.tree)?;
    let quotas = quotas.into_iter().map(|(root, quota)| info(root, quota));
    Ok(Reply::Quotas(quotas.collect()))
}

/// A page of all of them, in the order of their roots.
pub(crate) fn after(view: &dyn View, after: InodeId, quotas_max: usize) -> Result<Reply, Stop> {
    let quotas_max = quotas_max.min(PAGE_ENTRIES_MAX);
    let mut quotas = Vec::new();
    let (_, end) = keys::all(Prefix::Quota);
    let start = keys::quota(InodeId::new(after.get().saturating_add(1)));
    view.scan(&start, &end, &mut |key, value| {
        if quotas.len() == quotas_max {
            return Ok(ControlFlow::Break(()));
        }
        let root = keys::first_number(key).ok_or_else(|| Fault::corrupt("quota key", "short"))?;
        quotas.push(info(InodeId::new(root), Quota::decode(value)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Reply::Quotas(quotas))
}

fn info(root: InodeId, quota: Quota) -> QuotaInfo {
    QuotaInfo {
        root,
        outer: quota.outer,
        limits: quota.limits,
        used: quota.used,
    }
}
