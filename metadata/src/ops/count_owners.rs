//! One step on the way to counting what users and groups use, or to counting it no more.
//!
//! The inodes that are there are counted in the order of their numbers, some in each step. The mark in the volume record
//! says how far: what changes below it is counted, what changes above it will be found by a later step. New inodes have
//! the highest numbers, and when a step finds no more of them the mark goes beyond all there will be.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Context, Stop};
use crate::command::CountOwners;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::COUNT_STEP_RECORDS_MAX;
use crate::outcome::{Answer, PosixError};
use crate::quota::owners;
use crate::record::Inode;
use crate::types::{Amounts, InodeId, Owner, OwnerCount};

pub(crate) fn apply(context: &mut Context<'_>, count: &CountOwners) -> Result<Answer, Stop> {
    if !context.credentials.is_superuser() {
        return Err(PosixError::NotPermitted.into());
    }
    let records_max = count.records_max.clamp(1, COUNT_STEP_RECORDS_MAX);
    context.volume.owners = match (context.volume.owners, count.on) {
        (OwnerCount::Off, false) => OwnerCount::Off,
        (OwnerCount::ALL, true) => OwnerCount::ALL,
        (OwnerCount::Off, true) => count_from(context, InodeId::new(0), records_max)?,
        (OwnerCount::Below(end), true) => count_from(context, end, records_max)?,
        (OwnerCount::Forgetting, _) | (OwnerCount::Below(_), false) => {
            forget(context, records_max)?
        }
    };
    Ok(Answer::Done)
}

fn count_from(
    context: &mut Context<'_>,
    start: InodeId,
    inodes_max: usize,
) -> Result<OwnerCount, Stop> {
    let mut found: BTreeMap<Owner, Amounts> = BTreeMap::new();
    let (mut inodes, mut next) = (0, None);
    let (_, end) = keys::all(Prefix::Inode);
    context
        .state
        .scan(&keys::inode(start), &end, &mut |key, value| {
            if inodes == inodes_max {
                next = keys::first_number(key).map(InodeId::new);
                return Ok(ControlFlow::Break(()));
            }
            inodes += 1;
            let inode = Inode::decode(value)?;
            for owner in owners::of(&inode) {
                let sum = found.entry(owner).or_default();
                sum.bytes = sum.bytes.saturating_add(inode.allocated);
                sum.inodes += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    for (owner, sum) in found {
        let mut quota = owners::load(&*context.state, owner)?;
        quota.used.bytes = quota.used.bytes.saturating_add(sum.bytes);
        quota.used.inodes += sum.inodes;
        owners::put(context, owner, &quota);
    }
    Ok(next.map_or(OwnerCount::ALL, OwnerCount::Below))
}

/// Limits go with the rest.
fn forget(context: &mut Context<'_>, records_max: usize) -> Result<OwnerCount, Stop> {
    let (start, end) = keys::all(Prefix::Owner);
    let (mut found, mut are_more) = (Vec::new(), false);
    context.state.scan(&start, &end, &mut |key, _| {
        are_more = found.len() == records_max;
        if are_more {
            return Ok(ControlFlow::Break(()));
        }
        found.push(key.to_vec());
        Ok::<_, Fault>(ControlFlow::Continue(()))
    })?;
    for key in found {
        context.state.delete(key);
    }
    Ok(if are_more {
        OwnerCount::Forgetting
    } else {
        OwnerCount::Off
    })
}

#[cfg(test)]
mod tests;
