//! Users and groups use what is said of them, where that is counted; elsewhere nothing is said.
//!
//! Keeps a few bytes a user and group.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::cursor::Cursor;
use super::mend::Mend;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::quota::owners;
use crate::record::{Inode, OwnerQuota};
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::{Amounts, InodeId, Owner, OwnerCount};

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let count = match load_volume(view) {
        Ok(Some(volume)) => volume.owners,
        // The rule of records has told of it.
        Ok(None) | Err(Fault::Corrupt { .. }) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    // What is left of them has no meaning any more.
    if count == OwnerCount::Forgetting {
        return Ok(());
    }
    let mut found = count_inodes(view, count, report)?;
    let mut quotas = Cursor::new(view, Prefix::Owner);
    while let Some((key, value)) = quotas.next(report)? {
        let owner = keys::first_number(&key).and_then(Owner::from_number);
        if let (Some(owner), Ok(quota)) = (owner, OwnerQuota::decode(&value)) {
            let there = found.remove(&owner).unwrap_or_default();
            compare(owner, there, &quota, count, report);
        }
    }
    for (owner, there) in found {
        let inodes = there.inodes;
        let mend = Mend::Put(keys::owner(owner), uses(&OwnerQuota::NOTHING, there));
        report.add_mendable(Some(mend), || {
            format!("{owner} has {inodes} inodes but no record")
        });
    }
    Ok(())
}

fn count_inodes(
    view: &dyn View,
    count: OwnerCount,
    report: &mut Report<'_>,
) -> Result<BTreeMap<Owner, Amounts>, Fault> {
    let mut found: BTreeMap<Owner, Amounts> = BTreeMap::new();
    if count == OwnerCount::Off {
        return Ok(found);
    }
    let mut inodes = Cursor::new(view, Prefix::Inode);
    while let Some((key, value)) = inodes.next(report)? {
        let ino = InodeId::new(keys::first_number(&key).unwrap_or_default());
        let Some(inode) = Inode::decode(&value).ok().filter(|_| count.counts(ino)) else {
            continue;
        };
        for owner in owners::of(&inode) {
            let sum = found.entry(owner).or_default();
            sum.bytes = sum.bytes.saturating_add(inode.allocated);
            sum.inodes += 1;
        }
    }
    Ok(found)
}

fn uses(quota: &OwnerQuota, used: Amounts) -> Bytes {
    OwnerQuota { used, ..*quota }.encode()
}

fn compare(
    owner: Owner,
    there: Amounts,
    quota: &OwnerQuota,
    count: OwnerCount,
    report: &mut Report<'_>,
) {
    if count == OwnerCount::Off {
        // Limits that somebody has set are not forgotten.
        let is_usage = quota.limits == OwnerQuota::NOTHING.limits;
        let mend = is_usage.then(|| Mend::Forget(keys::owner(owner)));
        report.add_mendable(mend, || {
            format!("{owner} has a record but owners are not counted")
        });
        return;
    }
    let said = quota.used;
    let mend = Some(Mend::Put(keys::owner(owner), uses(quota, there)));
    if there.inodes != said.inodes {
        let (there, said) = (there.inodes, said.inodes);
        report.add_mendable(mend.clone(), || {
            format!("{owner} has {there} inodes but its record says {said}")
        });
    }
    if there.bytes != said.bytes {
        let (there, said) = (there.bytes, said.bytes);
        report.add_mendable(mend.clone(), || {
            format!("{owner} has {there} bytes but its record says {said}")
        });
    }
    if *quota == OwnerQuota::NOTHING {
        // One that ought to say something is mended by that.
        let nothing = Some(Mend::Forget(keys::owner(owner)));
        let mend = if there == said { nothing } else { mend };
        report.add_mendable(mend, || format!("{owner} has a record that says nothing"));
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, SYMLINK, State};
    use crate::keys;
    use crate::record::OwnerQuota;
    use crate::types::{Amounts, InodeId, Owner, OwnerCount};

    fn uses(bytes: u64, inodes: u64) -> OwnerQuota {
        OwnerQuota {
            limits: Amounts::UNLIMITED,
            used: Amounts { bytes, inodes },
        }
    }

    /// The file is that of user 7, and everything of group 0.
    fn counted() -> State {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.uid = 7);
        state.change_volume(|volume| volume.owners = OwnerCount::ALL);
        for (owner, quota) in [
            (Owner::User(0), uses(100, 4)),
            (Owner::User(7), uses(150, 1)),
            (Owner::Group(0), uses(250, 5)),
        ] {
            state.put(keys::owner(owner), &quota.encode());
        }
        state
    }

    #[test]
    fn what_adds_up_is_sound() {
        assert_eq!(counted().violations(), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_sum_is_reported() {
        let mut state = counted();
        let user = keys::owner(Owner::User(7));
        state.put(user, &uses(149, 2).encode());
        state.expect("owners: user 7 has 1 inodes but its record says 2");
        state.expect("owners: user 7 has 150 bytes but its record says 149");
    }

    #[test]
    fn an_owner_without_a_record_is_reported() {
        let mut state = counted();
        state.delete(keys::owner(Owner::Group(0)));
        state.expect("owners: group 0 has 5 inodes but no record");
    }

    #[test]
    fn a_record_of_nothing_is_reported() {
        let mut state = counted();
        let gone = keys::owner(Owner::Group(9));
        state.put(gone, &OwnerQuota::NOTHING.encode());
        state.expect("owners: group 9 has a record that says nothing");
    }

    #[test]
    fn a_record_where_nothing_is_counted_is_reported() {
        let mut state = counted();
        state.change_volume(|volume| volume.owners = OwnerCount::Off);
        state.expect("owners: user 7 has a record but owners are not counted");
        state.change_volume(|volume| volume.owners = OwnerCount::Forgetting);
        assert_eq!(state.violations(), Vec::<String>::new());
    }

    #[test]
    fn inodes_from_the_mark_on_are_not_counted() {
        let mut state = counted();
        let mark = OwnerCount::Below(SYMLINK);
        state.change_volume(|volume| volume.owners = mark);
        state.expect("owners: user 0 has 3 inodes but its record says 4");
        let user = keys::owner(Owner::User(0));
        state.put(user, &uses(100, 3).encode());
        let group = keys::owner(Owner::Group(0));
        state.put(group, &uses(250, 4).encode());
        assert_eq!(state.violations(), Vec::<String>::new());
        let all = OwnerCount::Below(InodeId::new(6));
        state.change_volume(|volume| volume.owners = all);
        state.expect("owners: user 0 has 4 inodes but its record says 3");
    }

    #[test]
    fn a_key_that_is_neither_user_nor_group_is_reported() {
        let mut state = counted();
        let mut key = keys::owner(Owner::User(0));
        key[1] = 1;
        state.put(key, &uses(1, 1).encode());
        state.expect("corrupt owner key: neither user nor group");
    }
}
