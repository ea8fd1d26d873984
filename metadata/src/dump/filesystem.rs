//! What a dump shows of a state.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;

use super::prefix_of;
use crate::fault::Fault;
use crate::keys::{self, BlockId, Prefix};
use crate::quota::{self, owners};
use crate::record::{Extent, ExtentHome, Inode, OwnerQuota, Quota, Shared, Volume};
use crate::state_machine::load_volume;
use crate::store::{View, Visit};
use crate::types::{Amounts, InodeId, LogIndex};

/// A state without what is not of the filesystem: sessions, their requests and locks, the place in a log, the generation of
/// the volume, and inodes that have no name any more.
///
/// Keeps in memory the numbers of the orphans, of their blocks and quota trees; usually there are none.
#[derive(Debug)]
pub struct Filesystem<V> {
    view: V,
    volume: Volume,
    applied: LogIndex,
    orphans: BTreeSet<u64>,
    /// Blocks that orphans have, with the number of extents of others.
    blocks: BTreeMap<u64, u64>,
    /// Quota trees that orphans are in, as they are without these; `None` for one that has nothing else, or has ended.
    quotas: BTreeMap<u64, Option<Quota>>,
    /// The roots of those that have ended.
    roots: BTreeMap<u64, Inode>,
    /// The same of users and groups, by their numbers.
    owners: BTreeMap<u64, OwnerQuota>,
}

impl<V: View> Filesystem<V> {
    /// Looks for orphans.
    pub fn of(view: V) -> Result<Filesystem<V>, Fault> {
        let volume = load_volume(&view)?;
        let volume =
            volume.ok_or_else(|| Fault::corrupt("state", "the volume record is missing"))?;
        let orphans = orphans(&view)?;
        let mut filesystem = Filesystem {
            view,
            applied: volume.applied,
            volume: Volume {
                generation: 0,
                applied: LogIndex::default(),
                // Whoever loads it says whether anything is kept there.
                trash: None,
                ..volume
            },
            orphans,
            blocks: BTreeMap::new(),
            quotas: BTreeMap::new(),
            roots: BTreeMap::new(),
            owners: BTreeMap::new(),
        };
        filesystem.leave_out_orphans()?;
        filesystem.end_trees()?;
        Ok(filesystem)
    }

    /// The counters, without those who have no name.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The last batch that was applied to the state.
    pub fn applied(&self) -> LogIndex {
        self.applied
    }

    fn leave_out_orphans(&mut self) -> Result<(), Fault> {
        for ino in &self.orphans {
            let ino = InodeId::new(*ino);
            let missing = || Fault::corrupt("orphan", format!("inode {} is missing", ino.get()));
            let inode = self.view.get(&keys::inode(ino))?.ok_or_else(missing)?;
            let inode = Inode::decode(&inode)?;
            self.volume.inodes = self.volume.inodes.saturating_sub(1);
            self.volume.allocated = self.volume.allocated.saturating_sub(inode.allocated);
            for (root, quota) in quota::around(&self.view, inode.tree)? {
                let quota = self.quotas.entry(root.get()).or_insert(Some(quota));
                *quota = quota.and_then(|quota| without(quota, inode.allocated));
            }
            if self.volume.owners.counts(ino) {
                for owner in owners::of(&inode) {
                    let quota = match self.owners.get(&owner.number()) {
                        Some(quota) => *quota,
                        None => owners::load(&self.view, owner)?,
                    };
                    let used = less(quota.used, inode.allocated);
                    self.owners
                        .insert(owner.number(), OwnerQuota { used, ..quota });
                }
            }
            for block in blocks_of(&self.view, ino)? {
                let extents = match self.blocks.get(&block.0) {
                    Some(extents) => *extents,
                    None => extents(&self.view, block)?,
                };
                self.blocks.insert(block.0, extents.saturating_sub(1));
            }
        }
        Ok(())
    }

    /// As in a volume in which these orphans were reclaimed.
    fn end_trees(&mut self) -> Result<(), Fault> {
        for (root, left) in &mut self.quotas {
            let Some(quota) = left.filter(quota::is_only_root) else {
                continue;
            };
            let key = keys::inode(InodeId::new(*root));
            // What is left in a tree whose root is gone is no root.
            if let Some(inode) = self
                .view
                .get(&key)?
                .filter(|_| !self.orphans.contains(root))
            {
                let inode = Inode {
                    tree: quota.outer,
                    ..Inode::decode(&inode)?
                };
                self.roots.insert(*root, inode);
                *left = None;
            }
        }
        Ok(())
    }

    /// What is shown of an entry.
    fn show(&self, key: &[u8]) -> Shown {
        let number = keys::first_number(key).unwrap_or_default();
        let is_shown = match prefix_of(key) {
            // A note that is left is wrong.
            None | Some(Prefix::Orphan) => false,
            Some(Prefix::Volume) => return Shown::Other(self.volume.encode()),
            Some(Prefix::Block) => self.blocks.get(&number) != Some(&0),
            Some(Prefix::Shared) => match self.blocks.get(&number) {
                None => true,
                Some(0 | 1) => false,
                Some(extents) => return Shown::Other(Shared { extents: *extents }.encode()),
            },
            Some(Prefix::Quota) => match self.quotas.get(&number) {
                None => true,
                Some(None) => false,
                Some(Some(quota)) => return Shown::Other(quota.encode()),
            },
            Some(Prefix::Owner) => match self.owners.get(&number) {
                None => true,
                Some(quota) if *quota == OwnerQuota::NOTHING => false,
                Some(quota) => return Shown::Other(quota.encode()),
            },
            Some(Prefix::Inode) => match self.roots.get(&number) {
                None => !self.orphans.contains(&number),
                Some(root) => return Shown::Other(root.encode()),
            },
            Some(_of_inode) => !self.orphans.contains(&number),
        };
        if is_shown {
            Shown::AsIs
        } else {
            Shown::Nothing
        }
    }

    fn visit_shown(
        &self,
        key: &[u8],
        value: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        match self.show(key) {
            Shown::AsIs => visit(key, value),
            Shown::Other(value) => visit(key, &value),
            Shown::Nothing => Ok(ControlFlow::Continue(())),
        }
    }
}

enum Shown {
    AsIs,
    Other(Bytes),
    Nothing,
}

impl<V: View> View for Filesystem<V> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let shown = self.show(key);
        let mut show = |value: &[u8]| match &shown {
            Shown::AsIs => visit(value),
            Shown::Other(value) => visit(value),
            Shown::Nothing => {}
        };
        let is_there = self.view.with_value(key, &mut show)?;
        Ok(is_there && !matches!(shown, Shown::Nothing))
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let visit = &mut |key: &[u8], value: &[u8]| self.visit_shown(key, value, visit);
        self.view.scan(start, end, visit)
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let visit = &mut |key: &[u8], value: &[u8]| self.visit_shown(key, value, visit);
        self.view.scan_back(start, end, visit)
    }
}

/// The quota with one inode less, unless that was the last.
fn without(mut quota: Quota, bytes: u64) -> Option<Quota> {
    quota.used = less(quota.used, bytes);
    (quota.used.inodes > 0).then_some(quota)
}

fn less(used: Amounts, bytes: u64) -> Amounts {
    Amounts {
        bytes: used.bytes.saturating_sub(bytes),
        inodes: used.inodes.saturating_sub(1),
    }
}

/// Who is noted and has no name indeed: of a damaged volume nothing else is left out.
fn orphans(view: &impl View) -> Result<BTreeSet<u64>, Fault> {
    let (start, end) = keys::all(Prefix::Orphan);
    let mut orphans = BTreeSet::new();
    view.scan(&start, &end, &mut |key, _| {
        let number = keys::first_number(key).unwrap_or_default();
        if let Some(inode) = view.get(&keys::inode(InodeId::new(number)))?
            && Inode::decode(&inode)?.nlink == 0
        {
            orphans.insert(number);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(orphans)
}

/// Once for each extent.
fn blocks_of(view: &impl View, ino: InodeId) -> Result<Vec<BlockId>, Fault> {
    let (start, end) = keys::extents_of(ino);
    let mut blocks = Vec::new();
    view.scan(&start, &end, &mut |_, value| {
        if let ExtentHome::Block { block, .. } = Extent::decode(value)?.home {
            blocks.push(block);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(blocks)
}

/// How many extents share a block.
fn extents(view: &impl View, block: BlockId) -> Result<u64, Fault> {
    match view.get(&keys::shared(block))? {
        Some(value) => Ok(Shared::decode(&value)?.extents),
        None => Ok(1),
    }
}
