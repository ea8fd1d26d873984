//! Quota trees use what they say, and no name leads from one into another.
//!
//! Keeps 16 bytes an inode that is in a tree, and nothing where there are no quotas.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::mend::Mend;
use super::report::{Report, quoted};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::QUOTA_DEPTH_MAX;
use crate::record::{Dentry, Inode, InodeBody, Quota};
use crate::store::View;
use crate::types::{Amounts, InodeId};

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut trees = Trees::default();
    let mut quotas = Cursor::new(view, Prefix::Quota);
    while let Some((key, value)) = quotas.next(report)? {
        if let Ok(quota) = Quota::decode(&value) {
            let root = keys::first_number(&key).unwrap_or_default();
            trees.quotas.insert(root, quota);
        }
    }
    trees.count_inodes(view, report)?;
    trees.compare(report);
    if !trees.members.is_empty() {
        trees.follow_names(view, report)?;
    }
    Ok(())
}

#[derive(Default)]
struct Trees {
    /// By the numbers of their roots.
    quotas: BTreeMap<u64, Quota>,
    /// What was found in each, without the trees inside.
    found: BTreeMap<u64, Amounts>,
    /// Inodes and their trees, in the order of inodes.
    members: Vec<(u64, u64)>,
}

impl Trees {
    fn count_inodes(&mut self, view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
        let mut inodes = Cursor::new(view, Prefix::Inode);
        while let Some((key, value)) = inodes.next(report)? {
            let ino = keys::first_number(&key).unwrap_or_default();
            let Ok(inode) = Inode::decode(&value) else {
                continue;
            };
            let tree = inode.tree.map(InodeId::get);
            let is_directory = matches!(inode.body, InodeBody::Directory(_));
            if self.quotas.contains_key(&ino) && (tree != Some(ino) || !is_directory) {
                report.add(|| format!("inode {ino} has a quota but is not its root"));
            }
            let Some(tree) = tree else {
                continue;
            };
            if !self.quotas.contains_key(&tree) {
                report.add(|| format!("inode {ino} is in tree {tree}, which has no quota"));
            }
            let found = self.found.entry(tree).or_default();
            found.bytes = found.bytes.saturating_add(inode.allocated);
            found.inodes += 1;
            self.members.push((ino, tree));
        }
        Ok(())
    }

    /// What each tree says with what was found in it and in those inside of it.
    fn compare(&self, report: &mut Report<'_>) {
        let mut sums: BTreeMap<u64, Amounts> = BTreeMap::new();
        for (tree, found) in &self.found {
            let mut next = Some(*tree);
            for _ in 0..QUOTA_DEPTH_MAX {
                let Some((root, quota)) =
                    next.and_then(|root| Some((root, self.quotas.get(&root)?)))
                else {
                    break;
                };
                let sum = sums.entry(root).or_default();
                sum.bytes = sum.bytes.saturating_add(found.bytes);
                sum.inodes += found.inodes;
                next = quota.outer.map(InodeId::get);
            }
            if next.is_some_and(|root| self.quotas.contains_key(&root)) {
                report.add(|| format!("tree {tree} is inside of too many others"));
            }
        }
        for (root, quota) in &self.quotas {
            let sum = sums.get(root).copied().unwrap_or_default();
            let used = Quota {
                used: sum,
                ..*quota
            };
            let mend = Mend::Put(keys::quota(InodeId::new(*root)), used.encode());
            let mend = (sum.inodes > 0).then_some(mend);
            if sum.inodes != quota.used.inodes || sum.inodes == 0 {
                let said = quota.used.inodes;
                let there = sum.inodes;
                report.add_mendable(mend.clone(), || {
                    format!("tree {root} has {there} inodes but says {said}")
                });
            }
            if sum.bytes != quota.used.bytes {
                let said = quota.used.bytes;
                let there = sum.bytes;
                report.add_mendable(mend, || {
                    format!("tree {root} has {there} bytes but says {said}")
                });
            }
            let outer = quota.outer.map(InodeId::get);
            if let Some(outer) = outer.filter(|outer| !self.quotas.contains_key(outer)) {
                report.add(|| format!("tree {root} is in tree {outer}, which has no quota"));
            }
        }
    }

    fn follow_names(&self, view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
        let mut names = Cursor::new(view, Prefix::Dentry);
        while let Some((key, value)) = names.next(report)? {
            let Ok(dentry) = Dentry::decode(&value) else {
                continue;
            };
            let parent = keys::first_number(&key).unwrap_or_default();
            let ino = dentry.ino.get();
            if self.tree_of(parent) != self.tree_around(ino) {
                let name = quoted(keys::name_part(&key).unwrap_or_default());
                report.add(|| {
                    format!("{name} in directory {parent} leads to inode {ino} of another tree")
                });
            }
        }
        Ok(())
    }

    fn tree_of(&self, ino: u64) -> Option<u64> {
        let place = self.members.binary_search_by_key(&ino, |(ino, _)| *ino);
        Some(self.members.get(place.ok()?)?.1)
    }

    /// The tree that the directory above an inode is in.
    fn tree_around(&self, ino: u64) -> Option<u64> {
        let tree = self.tree_of(ino)?;
        if tree != ino {
            return Some(tree);
        }
        let outer = self.quotas.get(&tree)?.outer;
        outer.map(InodeId::get)
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{DIRECTORY, FILE, ORPHAN, SYMLINK, State};
    use crate::keys;
    use crate::record::Quota;
    use crate::types::{Amounts, InodeId};

    const OUTSIDE: InodeId = InodeId::ROOT;

    fn quota(outer: Option<InodeId>, bytes: u64, inodes: u64) -> Quota {
        Quota {
            outer,
            limits: Amounts::UNLIMITED,
            used: Amounts { bytes, inodes },
        }
    }

    /// The whole volume is a tree, and the directory with the symlink another one in it.
    fn with_quotas() -> State {
        let mut state = State::sound();
        for ino in [OUTSIDE, FILE, ORPHAN] {
            state.change(ino, |inode| inode.tree = Some(OUTSIDE));
        }
        for ino in [DIRECTORY, SYMLINK] {
            state.change(ino, |inode| inode.tree = Some(DIRECTORY));
        }
        state.put(keys::quota(OUTSIDE), &quota(None, 250, 5).encode());
        state.put(keys::quota(DIRECTORY), &quota(Some(OUTSIDE), 0, 2).encode());
        state
    }

    #[test]
    fn what_adds_up_is_sound() {
        assert_eq!(with_quotas().violations(), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_sum_is_reported() {
        let mut state = with_quotas();
        state.put(keys::quota(OUTSIDE), &quota(None, 249, 6).encode());
        state.expect("quotas: tree 1 has 5 inodes but says 6");
        state.expect("quotas: tree 1 has 250 bytes but says 249");
    }

    #[test]
    fn a_tree_without_anything_in_it_is_reported() {
        let mut state = with_quotas();
        let gone = InodeId::new(9);
        state.put(keys::quota(gone), &quota(None, 0, 0).encode());
        state.expect("quotas: tree 9 has 0 inodes but says 0");
    }

    #[test]
    fn an_inode_of_a_tree_without_a_quota_is_reported() {
        let mut state = with_quotas();
        state.delete(keys::quota(DIRECTORY));
        state.expect("quotas: inode 5 is in tree 3, which has no quota");
    }

    #[test]
    fn a_root_that_is_in_no_tree_is_reported() {
        let mut state = with_quotas();
        state.change(DIRECTORY, |inode| inode.tree = Some(OUTSIDE));
        state.expect("quotas: inode 3 has a quota but is not its root");
    }

    #[test]
    fn a_name_that_leads_into_another_tree_is_reported() {
        let mut state = with_quotas();
        state.change(SYMLINK, |inode| inode.tree = Some(OUTSIDE));
        state.expect("quotas: \"symlink\" in directory 3 leads to inode 5 of another tree");
    }

    #[test]
    fn trees_around_each_other_are_reported() {
        let mut state = with_quotas();
        state.put(keys::quota(OUTSIDE), &quota(Some(DIRECTORY), 0, 0).encode());
        state.expect("is inside of too many others");
    }
}
