//! Quotas: after each command everything is counted anew; what has grown too large is undone.

use std::collections::BTreeMap;

use super::node::Body;
use super::{Checked, Model, refuse_if_any};
use crate::command::{Operation, SetQuota};
use crate::outcome::{Answer, PosixError, QuotaInfo};
use crate::types::{Amounts, InodeId};

/// A tree around a tree, and what this one may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limited {
    outer: Option<InodeId>,
    limits: Amounts,
}

impl Model {
    /// Runs a command; one that lets a tree or an owner have more than its limit has never been run.
    pub(super) fn run_within_quotas(&mut self, operation: &Operation) -> Checked<Answer> {
        if self.quotas.is_empty() && !self.limits_owners() {
            return self.run(operation);
        }
        let before = self.clone();
        let answer = self.run(operation)?;
        let is_over = |root: &InodeId| {
            let (used, limits) = (self.used(*root), self.quotas[root].limits);
            let had = before.used(*root);
            (used.bytes > limits.bytes && used.bytes > had.bytes)
                || (used.inodes > limits.inodes && used.inodes > had.inodes)
        };
        let known = before.quotas.keys();
        let is_tree_over = known
            .filter(|root| self.quotas.contains_key(root))
            .any(is_over);
        if !self.passes_limits && (is_tree_over || self.is_owner_over(&before)) {
            *self = before;
            return Err(vec![PosixError::QuotaExceeded]);
        }
        let roots: Vec<InodeId> = self.quotas.keys().copied().collect();
        for root in roots {
            let left = self.used(root).inodes;
            let Limited { outer, limits } = self.quotas[&root];
            let is_alone = left == 1 && self.nodes.contains_key(&root);
            if left == 0 {
                self.quotas.remove(&root);
            } else if limits == Amounts::UNLIMITED && is_alone {
                self.quotas.remove(&root);
                self.change(root, |node| node.tree = outer);
            }
        }
        Ok(answer)
    }

    /// The superuser makes a tree of an empty directory, changes its limits, or ends it when it is empty again.
    pub(super) fn set_quota(&mut self, set: &SetQuota) -> Checked<Answer> {
        if !self.superuser() {
            return Err(vec![PosixError::NotPermitted]);
        }
        let node = self.node(set.ino)?;
        let Body::Directory(directory) = &node.body else {
            return Err(vec![PosixError::NotDirectory]);
        };
        let (tree, is_empty) = (node.tree, directory.entries.is_empty());
        let is_protected = node.immutable() || node.append_only();
        let is_root = tree == Some(set.ino);
        let mut limited = match self.quotas.get(&set.ino) {
            Some(limited) if is_root => *limited,
            _ => Limited {
                outer: tree,
                limits: Amounts::UNLIMITED,
            },
        };
        limited.limits.bytes = set.bytes.unwrap_or(limited.limits.bytes);
        limited.limits.inodes = set.inodes.unwrap_or(limited.limits.inodes);
        let is_lifted = limited.limits == Amounts::UNLIMITED;
        let mut errors = Vec::new();
        if self.nlink(set.ino) == 0 {
            errors.push(PosixError::NotFound);
        }
        if is_protected {
            errors.push(PosixError::NotPermitted);
        }
        if !is_root && is_lifted {
            errors.push(PosixError::NoAttribute);
        }
        if !is_root && !is_empty {
            errors.push(PosixError::NotEmpty);
        }
        refuse_if_any(errors)?;
        if is_lifted && self.used(set.ino).inodes == 1 {
            self.quotas.remove(&set.ino);
            self.change(set.ino, |node| node.tree = limited.outer);
        } else {
            self.quotas.insert(set.ino, limited);
            self.change(set.ino, |node| node.tree = Some(set.ino));
        }
        Ok(Answer::Done)
    }

    /// All there is to tell of quotas, in the order of their roots.
    pub fn quotas(&self) -> Vec<QuotaInfo> {
        let infos = self.quotas.iter().map(|(root, limited)| QuotaInfo {
            root: *root,
            outer: limited.outer,
            limits: limited.limits,
            used: self.used(*root),
        });
        infos.collect()
    }

    /// The roots of the trees an inode is in, the innermost first.
    pub fn trees_around(&self, ino: InodeId) -> Vec<InodeId> {
        let mut next = self.nodes.get(&ino).and_then(|node| node.tree);
        let mut found = Vec::new();
        while let Some(root) = next {
            found.push(root);
            next = self.quotas.get(&root).and_then(|limited| limited.outer);
        }
        found
    }

    fn used(&self, root: InodeId) -> Amounts {
        let mut used = Amounts::default();
        for (ino, node) in &self.nodes {
            if self.trees_around(*ino).contains(&root) {
                used.bytes += node.allocated();
                used.inodes += 1;
            }
        }
        used
    }

    /// Whether both directories are in the same tree.
    pub(super) fn same_tree(&self, one: InodeId, other: InodeId) -> bool {
        let tree_of = |ino| self.nodes.get(&ino).and_then(|node| node.tree);
        tree_of(one) == tree_of(other)
    }
}

/// By the roots of the trees.
pub(super) type Quotas = BTreeMap<InodeId, Limited>;
