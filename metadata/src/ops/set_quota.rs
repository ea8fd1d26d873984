//! Makes a directory the root of a quota tree, changes its limits or ends it.
//!
//! Only an empty directory can become a root: then nothing is to be counted, and everything that comes into it
//! later knows its tree from the beginning. For the same reason a tree only ends when nothing but its root is left.

use super::{Context, Stop, check_changeable};
use crate::command::SetQuota;
use crate::limits::QUOTA_DEPTH_MAX;
use crate::outcome::{Answer, PosixError};
use crate::quota;
use crate::record::{Inode, InodeBody, Quota};
use crate::types::Amounts;

pub(crate) fn apply(context: &mut Context<'_>, set: &SetQuota) -> Result<Answer, Stop> {
    if !context.credentials.is_superuser() {
        return Err(PosixError::NotPermitted.into());
    }
    let inode = context.inode(set.ino)?;
    if !matches!(inode.body, InodeBody::Directory(_)) {
        return Err(PosixError::NotDirectory.into());
    }
    if inode.nlink == 0 {
        return Err(PosixError::NotFound.into());
    }
    check_changeable(&inode)?;
    if inode.tree == Some(set.ino) {
        change(context, set)?;
    } else {
        begin(context, set, inode)?;
    }
    Ok(Answer::Done)
}

fn begin(context: &mut Context<'_>, set: &SetQuota, mut inode: Inode) -> Result<(), Stop> {
    let limits = changed(Amounts::UNLIMITED, set);
    if limits == Amounts::UNLIMITED {
        return Err(PosixError::NoAttribute.into());
    }
    if inode.size > 0 {
        return Err(PosixError::NotEmpty.into());
    }
    let outer = inode.tree;
    if quota::around(&*context.state, outer)?.len() == QUOTA_DEPTH_MAX {
        return Err(PosixError::TooManyLinks.into());
    }
    let used = Amounts {
        bytes: 0,
        inodes: 1,
    };
    inode.tree = Some(set.ino);
    context.put_inode(set.ino, &inode);
    let quota = Quota {
        outer,
        limits,
        used,
    };
    quota::put(context, set.ino, &quota)
}

fn change(context: &mut Context<'_>, set: &SetQuota) -> Result<(), Stop> {
    let mut quota = quota::load(&*context.state, set.ino)?;
    quota.limits = changed(quota.limits, set);
    quota::put(context, set.ino, &quota)
}

fn changed(limits: Amounts, set: &SetQuota) -> Amounts {
    Amounts {
        bytes: set.bytes.unwrap_or(limits.bytes),
        inodes: set.inodes.unwrap_or(limits.inodes),
    }
}

#[cfg(test)]
mod tests;
