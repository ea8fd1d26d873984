//! Users and groups: what each uses is counted anew whenever it is asked for.

use std::collections::BTreeMap;

use super::{Checked, Model, refuse_if_any};
use crate::command::{CountOwners, SetOwnerQuota};
use crate::limits::COUNT_STEP_RECORDS_MAX;
use crate::outcome::{Answer, OwnerInfo, Owners, PosixError};
use crate::types::{Amounts, InodeId, Owner, OwnerCount};

/// How far is counted, and who is limited.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting {
    count: OwnerCount,
    limits: BTreeMap<Owner, Amounts>,
    /// Records that are still to be forgotten.
    left: usize,
}

impl Model {
    /// The superuser, once all is counted.
    pub(super) fn set_owner_quota(&mut self, set: &SetOwnerQuota) -> Checked<Answer> {
        let mut errors = Vec::new();
        if !self.superuser() {
            errors.push(PosixError::NotPermitted);
        }
        if set.owner.id() == u32::MAX {
            errors.push(PosixError::InvalidArgument);
        }
        if self.owners.count != OwnerCount::ALL {
            errors.push(PosixError::NotSupported);
        }
        refuse_if_any(errors)?;
        let mut limits = self.limits_of(set.owner);
        limits.bytes = set.bytes.unwrap_or(limits.bytes);
        limits.inodes = set.inodes.unwrap_or(limits.inodes);
        self.owners.limits.insert(set.owner, limits);
        Ok(Answer::Done)
    }

    /// So many inodes more are counted, or so many records less are kept.
    pub(super) fn count_owners(&mut self, count: &CountOwners) -> Checked<Answer> {
        if !self.superuser() {
            return Err(vec![PosixError::NotPermitted]);
        }
        let step = count.records_max.clamp(1, COUNT_STEP_RECORDS_MAX);
        let before = self.owners.count;
        let counted_to = match before {
            OwnerCount::Off if !count.on => return Ok(Answer::Done),
            OwnerCount::Off => InodeId::new(0),
            OwnerCount::Below(end) if count.on => end,
            OwnerCount::Below(_) => {
                self.owners.left = self.list_owners().len();
                self.forget(step);
                return Ok(Answer::Done);
            }
            OwnerCount::Forgetting => {
                self.forget(step);
                return Ok(Answer::Done);
            }
        };
        let next = self.nodes.range(counted_to..).nth(step);
        self.owners.count = next.map_or(OwnerCount::ALL, |(ino, _)| OwnerCount::Below(*ino));
        Ok(Answer::Done)
    }

    fn forget(&mut self, step: usize) {
        self.owners.limits.clear();
        self.owners.left = self.owners.left.saturating_sub(step);
        self.owners.count = if self.owners.left == 0 {
            OwnerCount::Off
        } else {
            OwnerCount::Forgetting
        };
    }

    /// Whether both may have one inode more.
    pub(super) fn has_room(&self, uid: u32, gid: u32) -> bool {
        let owners = [Owner::User(uid), Owner::Group(gid)];
        self.owners.count != OwnerCount::ALL
            || owners
                .iter()
                .all(|owner| self.used_by(*owner).inodes < self.limits_of(*owner).inodes)
    }

    fn limits_of(&self, owner: Owner) -> Amounts {
        let limits = self.owners.limits.get(&owner);
        limits.copied().unwrap_or(Amounts::UNLIMITED)
    }

    /// Whether somebody has more than the limit, and more than before; never for the superuser.
    pub(super) fn is_owner_over(&self, before: &Model) -> bool {
        let is_over = |(owner, limits): (&Owner, &Amounts)| {
            let (used, had) = (self.used_by(*owner), before.used_by(*owner));
            (used.bytes > limits.bytes && used.bytes > had.bytes)
                || (used.inodes > limits.inodes && used.inodes > had.inodes)
        };
        !self.superuser() && before.owners.limits.iter().any(is_over)
    }

    /// Whether anybody has a limit.
    pub(super) fn limits_owners(&self) -> bool {
        !self.owners.limits.is_empty()
    }

    fn used_by(&self, owner: Owner) -> Amounts {
        let mut used = Amounts::default();
        for (ino, node) in &self.nodes {
            let is_owner = match owner {
                Owner::User(uid) => node.uid == uid,
                Owner::Group(gid) => node.gid == gid,
            };
            if is_owner && self.owners.count.counts(*ino) {
                used.bytes += node.allocated();
                used.inodes += 1;
            }
        }
        used
    }

    fn list_owners(&self) -> Vec<OwnerInfo> {
        let users = self.nodes.values().map(|node| Owner::User(node.uid));
        let groups = self.nodes.values().map(|node| Owner::Group(node.gid));
        let mut owners: Vec<Owner> = users.chain(groups).collect();
        owners.extend(self.owners.limits.keys());
        owners.sort();
        owners.dedup();
        let infos = owners.into_iter().map(|owner| OwnerInfo {
            owner,
            limits: self.limits_of(owner),
            used: self.used_by(owner),
        });
        let is_known = |info: &OwnerInfo| info.used.inodes > 0 || info.limits != Amounts::UNLIMITED;
        infos.filter(is_known).collect()
    }

    /// All there is to tell of users and groups, in the order of their numbers.
    pub fn owners(&self) -> Owners {
        let is_told = matches!(self.owners.count, OwnerCount::Below(_));
        Owners {
            count: self.owners.count,
            next_inode: InodeId::new(self.next),
            owners: if is_told {
                self.list_owners()
            } else {
                Vec::new()
            },
        }
    }
}
