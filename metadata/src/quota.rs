//! Quotas of trees, users and groups: what a command takes of them and gives back, settled when the command is done.
//!
//! Every inode knows its tree, the innermost one; it is that of the directory it was made in, and no name leads
//! from one tree into another but those of the roots. A command notes in the [`Ledger`] what grows and what
//! shrinks. At its end [`settle`] adds that up: a tree that has grown beyond its limit refuses the whole command.
//! So the usage is exact, and a command that gives back as much as it takes is never refused. The same holds for the user and
//! the group of an inode ([`owners`]).
//!
//! **Invariant.** The usage of a tree is the sum over all inodes in it and in the trees inside of it.

pub(crate) mod owners;

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::keys;
use crate::limits::QUOTA_DEPTH_MAX;
use crate::ops::{Context, Stop};
use crate::outcome::PosixError;
use crate::record::{Inode, Quota, Volume};
use crate::store::View;
use crate::types::{Amounts, InodeId, Owner, OwnerCount};

/// By how much an amount changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Change {
    bytes: i128,
    inodes: i128,
}

impl Change {
    fn add(&mut self, other: Change) {
        self.bytes += other.bytes;
        self.inodes += other.inodes;
    }
}

/// What a command has changed in each tree and of each owner; empty where there are no quotas.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    trees: Vec<(InodeId, Change)>,
    /// Usually no more than the users and groups of two inodes.
    owners: Vec<(Owner, Change)>,
    count: OwnerCount,
    /// Nothing is refused because it is too much.
    passes_limits: bool,
}

impl Ledger {
    /// For a command on this volume.
    pub(crate) fn of(volume: &Volume) -> Ledger {
        Ledger {
            count: volume.owners,
            ..Ledger::default()
        }
    }

    /// An extent was placed.
    pub(crate) fn take_bytes(&mut self, ino: InodeId, inode: &Inode, bytes: u64) {
        let bytes = i128::from(bytes);
        self.note(ino, inode, Change { bytes, inodes: 0 });
    }

    /// An extent was cut.
    pub(crate) fn give_bytes(&mut self, ino: InodeId, inode: &Inode, bytes: u64) {
        let bytes = -i128::from(bytes);
        self.note(ino, inode, Change { bytes, inodes: 0 });
    }

    /// An inode was made.
    pub(crate) fn take_inode(&mut self, ino: InodeId, inode: &Inode) {
        let inodes = 1;
        self.note(ino, inode, Change { bytes: 0, inodes });
    }

    /// An inode was removed.
    pub(crate) fn give_inode(&mut self, ino: InodeId, inode: &Inode) {
        let inodes = -1;
        self.note(ino, inode, Change { bytes: 0, inodes });
    }

    /// An inode with all it has goes from the user and group before to those it has now.
    pub(crate) fn change_owner(&mut self, ino: InodeId, before: (u32, u32), inode: &Inode) {
        let (bytes, inodes) = (i128::from(inode.allocated), 1);
        let (given, taken) = (
            Change {
                bytes: -bytes,
                inodes: -inodes,
            },
            Change { bytes, inodes },
        );
        self.note_owners(ino, before, given);
        self.note_owners(ino, (inode.uid, inode.gid), taken);
    }

    /// An inode with all it has goes from the tree it is in to another one, or to none.
    pub(crate) fn change_tree(&mut self, inode: &Inode, tree: Option<InodeId>) {
        let (bytes, inodes) = (i128::from(inode.allocated), 1);
        let given = Change {
            bytes: -bytes,
            inodes: -inodes,
        };
        self.note_tree(inode.tree, given);
        self.note_tree(tree, Change { bytes, inodes });
    }

    /// How many inodes the command has taken for an owner.
    fn inodes_of(&self, owner: Owner) -> i128 {
        let mut known = self.owners.iter();
        let found = known.find(|(known, _)| *known == owner);
        found.map_or(0, |(_, change)| change.inodes)
    }

    /// What the command takes is counted, and not refused.
    pub(crate) fn pass_limits(&mut self) {
        self.passes_limits = true;
    }

    fn note(&mut self, ino: InodeId, inode: &Inode, change: Change) {
        self.note_tree(inode.tree, change);
        self.note_owners(ino, (inode.uid, inode.gid), change);
    }

    fn note_tree(&mut self, tree: Option<InodeId>, change: Change) {
        let Some(tree) = tree else {
            return;
        };
        match self.trees.last_mut() {
            Some((last, sum)) if *last == tree => sum.add(change),
            Some(_) | None => self.trees.push((tree, change)),
        }
    }

    fn note_owners(&mut self, ino: InodeId, (uid, gid): (u32, u32), change: Change) {
        if !self.count.counts(ino) {
            return;
        }
        for owner in [Owner::User(uid), Owner::Group(gid)] {
            let mut known = self.owners.iter_mut();
            match known.find(|(known, _)| *known == owner) {
                Some((_, sum)) => sum.add(change),
                None => self.owners.push((owner, change)),
            }
        }
    }
}

/// The quota of a tree that an inode or another tree says it is in.
pub(crate) fn load(view: &(impl View + ?Sized), root: InodeId) -> Result<Quota, Fault> {
    let mut quota = Err(Fault::corrupt("quota", format!("no record of tree {root}")));
    view.with_value(&keys::quota(root), &mut |bytes| {
        quota = Quota::decode(bytes);
    })?;
    quota
}

/// A tree and those around it, the innermost first.
pub(crate) fn around(
    view: &(impl View + ?Sized),
    tree: Option<InodeId>,
) -> Result<Vec<(InodeId, Quota)>, Fault> {
    let mut found = Vec::new();
    let mut next = tree;
    while let Some(root) = next {
        if found.len() == QUOTA_DEPTH_MAX {
            return Err(Fault::corrupt("quota", format!("tree {root} is too deep")));
        }
        let quota = load(view, root)?;
        next = quota.outer;
        found.push((root, quota));
    }
    Ok(found)
}

/// Adds up what the command has changed; refuses it when a tree or an owner has more than its limit.
pub(crate) fn settle(context: &mut Context<'_>) -> Result<(), Stop> {
    settle_trees(context)?;
    owners::settle(context)
}

fn settle_trees(context: &mut Context<'_>) -> Result<(), Stop> {
    let mut changes: BTreeMap<InodeId, Change> = BTreeMap::new();
    for (tree, change) in std::mem::take(&mut context.ledger.trees) {
        changes.entry(tree).or_default().add(change);
    }
    // What is written over gives back what it takes: most writes of a database change nothing.
    changes.retain(|_, change| *change != Change::default());
    let mut sums: BTreeMap<InodeId, (Quota, Change)> = BTreeMap::new();
    for (tree, change) in changes {
        for (root, quota) in around(&*context.state, Some(tree))? {
            let (_, sum) = sums.entry(root).or_insert((quota, Change::default()));
            sum.add(change);
        }
    }
    for (root, (mut quota, sum)) in sums {
        let limits = if context.ledger.passes_limits {
            Amounts::UNLIMITED
        } else {
            quota.limits
        };
        quota.used.bytes = counted(quota.used.bytes, sum.bytes, limits.bytes)?;
        quota.used.inodes = counted(quota.used.inodes, sum.inodes, limits.inodes)?;
        put(context, root, &quota)?;
    }
    Ok(())
}

/// Keeps what is known of a tree, unless it has ended.
pub(crate) fn put(context: &mut Context<'_>, root: InodeId, quota: &Quota) -> Result<(), Stop> {
    if quota.used.inodes == 0 || has_ended(context, root, quota)? {
        context.state.delete(keys::quota(root));
    } else {
        context.state.put(keys::quota(root), quota.encode());
    }
    Ok(())
}

/// A tree whose limits were lifted ends when nothing but its root is left.
pub(crate) fn is_only_root(quota: &Quota) -> bool {
    quota.limits == Amounts::UNLIMITED && quota.used.inodes == 1
}

/// The root of a tree that ends is in the tree around it, then.
fn has_ended(context: &mut Context<'_>, root: InodeId, quota: &Quota) -> Result<bool, Stop> {
    if !is_only_root(quota) {
        return Ok(false);
    }
    // What is left may be a removed file that is open, in a tree whose root is gone.
    let mut inode = match context.inode(root) {
        Ok(inode) => inode,
        Err(Stop::Posix(_)) => return Ok(false),
        Err(stop) => return Err(stop),
    };
    inode.tree = quota.outer;
    context.put_inode(root, &inode);
    Ok(true)
}

/// What shrinks is welcome even where too much is used, because the limit was lowered.
fn counted(used: u64, change: i128, limit: u64) -> Result<u64, Stop> {
    let sum = i128::from(used) + change;
    if change > 0 && sum > i128::from(limit) {
        return Err(PosixError::QuotaExceeded.into());
    }
    let lost = |_| Fault::corrupt("quota", format!("{used} in use, and a change of {change}"));
    Ok(u64::try_from(sum).map_err(lost)?)
}

#[cfg(test)]
mod tests;
