//! Users and groups: what each may use of the volume, and what it uses.
//!
//! **Invariant.** What an owner uses is the sum over the inodes it owns that are counted ([`crate::types::OwnerCount`]). Where
//! nothing is counted there is no record, and a command costs one comparison more.

use super::counted;
use crate::fault::Fault;
use crate::keys;
use crate::ops::{Context, Stop};
use crate::record::{Inode, OwnerQuota};
use crate::store::View;
use crate::types::{Amounts, Owner, OwnerCount};

/// The user and the group that an inode counts for.
pub(crate) fn of(inode: &Inode) -> [Owner; 2] {
    [Owner::User(inode.uid), Owner::Group(inode.gid)]
}

/// What is known of an owner.
pub(crate) fn load(view: &(impl View + ?Sized), owner: Owner) -> Result<OwnerQuota, Fault> {
    let mut quota = Ok(OwnerQuota::NOTHING);
    view.with_value(&keys::owner(owner), &mut |bytes| {
        quota = OwnerQuota::decode(bytes);
    })?;
    quota
}

/// Keeps what is known of an owner; nothing is not kept.
pub(crate) fn put(context: &mut Context<'_>, owner: Owner, quota: &OwnerQuota) {
    if quota.used.inodes == 0 && quota.limits == Amounts::UNLIMITED {
        context.state.delete(keys::owner(owner));
    } else {
        context.state.put(keys::owner(owner), quota.encode());
    }
}

/// Adds up what the command has changed. The superuser passes a limit, as on other filesystems of Linux, and it is counted.
pub(super) fn settle(context: &mut Context<'_>) -> Result<(), Stop> {
    let is_bound = !context.credentials.is_superuser() && !context.ledger.passes_limits;
    for (owner, change) in std::mem::take(&mut context.ledger.owners) {
        if change == super::Change::default() {
            continue;
        }
        let mut quota = load(&*context.state, owner)?;
        let limits = if is_bound {
            quota.limits
        } else {
            Amounts::UNLIMITED
        };
        quota.used.bytes = counted(quota.used.bytes, change.bytes, limits.bytes)?;
        quota.used.inodes = counted(quota.used.inodes, change.inodes, limits.inodes)?;
        put(context, owner, &quota);
    }
    Ok(())
}

/// Whether those who would own an inode like this one may have one more, with what the command has taken already.
pub(crate) fn have_room(context: &Context<'_>, like: &Inode) -> Result<bool, Stop> {
    // Where not all is counted there are no limits.
    if context.volume.owners != OwnerCount::ALL {
        return Ok(true);
    }
    for owner in of(like) {
        let quota = load(&*context.state, owner)?;
        let used = i128::from(quota.used.inodes) + context.ledger.inodes_of(owner);
        if used >= i128::from(quota.limits.inodes) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
