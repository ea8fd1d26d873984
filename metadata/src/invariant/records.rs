//! Every key is of a known shape and every value decodes.

use std::ops::ControlFlow;

use super::cursor::well_formed;
use super::report::{Report, shown};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{
    Dentry, Extent, Inode, LockCount, LockRecord, OrderEntry, Orphan, OutcomeRecord, OwnerQuota,
    PendingRecord, PositionRecord, Quota, SessionRecord, Shared, TurnRecord, Volume, WaiterRecord,
    Xattr,
};
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::{FileName, Owner};

/// In the order of their bytes.
const PREFIXES: [Prefix; 20] = [
    Prefix::Position,
    Prefix::Block,
    Prefix::ClosedSession,
    Prefix::Dentry,
    Prefix::Extent,
    Prefix::Owner,
    Prefix::LockCount,
    Prefix::Inode,
    Prefix::Lock,
    Prefix::Shared,
    Prefix::Order,
    Prefix::Pending,
    Prefix::Orphan,
    Prefix::Request,
    Prefix::Session,
    Prefix::Turn,
    Prefix::Quota,
    Prefix::Volume,
    Prefix::Waiter,
    Prefix::Xattr,
];

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut start = Vec::new();
    for prefix in PREFIXES {
        let (first, end) = keys::all(prefix);
        unknown(view, &start, &first, report)?;
        // The bytes of a block have no format, and reading all of them belongs to the rule of blocks.
        if prefix != Prefix::Block {
            known(view, prefix, report)?;
        }
        start = end;
    }
    // No key is as long as 300 bytes.
    unknown(view, &start, &[0xff; 300], report)?;
    match load_volume(view) {
        Ok(None) => report.add(|| "no volume record".to_owned()),
        Ok(Some(volume)) if volume.load.is_some() => {
            report.add(|| "a dump is being loaded, or its load was cut off".to_owned());
        }
        // One that does not decode was told of.
        Ok(Some(_)) | Err(Fault::Corrupt { .. }) => {}
        Err(fault) => return Err(fault),
    }
    Ok(())
}

fn unknown(
    view: &dyn View,
    start: &[u8],
    end: &[u8],
    report: &mut Report<'_>,
) -> Result<(), Fault> {
    view.scan(start, end, &mut |key, _| {
        report.record();
        report.add(|| format!("unknown key {}", shown(key)));
        Ok(ControlFlow::Continue(()))
    })
}

fn known(view: &dyn View, prefix: Prefix, report: &mut Report<'_>) -> Result<(), Fault> {
    let (start, end) = keys::all(prefix);
    view.scan(&start, &end, &mut |key, value| {
        report.record();
        if !well_formed(prefix, key) {
            report.add(|| format!("key {} has a wrong length", shown(key)));
        } else if let Err(fault) = decode(prefix, key, value) {
            report.add(|| format!("key {}: {fault}", shown(key)));
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Whether a key of this prefix is of its shape, and the value decodes.
pub(crate) fn is_sound_record(prefix: Prefix, key: &[u8], value: &[u8]) -> bool {
    well_formed(prefix, key) && decode(prefix, key, value).is_ok()
}

fn decode(prefix: Prefix, key: &[u8], value: &[u8]) -> Result<(), Fault> {
    match prefix {
        Prefix::Dentry => {
            let name = keys::name_part(key).unwrap_or_default();
            FileName::new(name).map_err(|_| Fault::corrupt("dentry key", "not a name"))?;
            Dentry::decode(value).map(drop)
        }
        Prefix::Extent => Extent::decode(value).map(drop),
        Prefix::Inode => Inode::decode(value).map(drop),
        Prefix::Order => OrderEntry::decode(value).map(drop),
        Prefix::Volume => Volume::decode(value).map(drop),
        Prefix::Shared => Shared::decode(value).map(drop),
        Prefix::Xattr => Xattr::decode(value).map(drop),
        Prefix::Request => OutcomeRecord::decode(value).map(drop),
        Prefix::Orphan => Orphan::decode(value).map(drop),
        Prefix::Quota => Quota::decode(value).map(drop),
        Prefix::Owner => {
            let owner = keys::first_number(key).and_then(Owner::from_number);
            owner.ok_or_else(|| Fault::corrupt("owner key", "neither user nor group"))?;
            OwnerQuota::decode(value).map(drop)
        }
        Prefix::Position => PositionRecord::decode(value).map(drop),
        Prefix::Session => SessionRecord::decode(value).map(drop),
        Prefix::ClosedSession if value.is_empty() => Ok(()),
        Prefix::ClosedSession => Err(Fault::corrupt("closed session", "too long")),
        Prefix::Lock => {
            let start = keys::lock_parts(key).map(|(_, _, start)| start);
            keys::space_part(key).ok_or_else(|| Fault::corrupt("lock key", "unknown kind"))?;
            let lock = LockRecord::decode(value)?;
            if start.is_some_and(|start| start > lock.end) {
                return Err(Fault::corrupt("lock record", "ends before it begins"));
            }
            Ok(())
        }
        Prefix::Waiter => {
            keys::space_part(key).ok_or_else(|| Fault::corrupt("waiter key", "unknown kind"))?;
            WaiterRecord::decode(value).map(drop)
        }
        Prefix::Pending => PendingRecord::decode(value).map(drop),
        Prefix::LockCount => LockCount::decode(value).map(drop),
        Prefix::Turn => TurnRecord::decode(value).map(drop),
        Prefix::Block => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::State;
    use crate::keys;
    use crate::types::InodeId;

    #[test]
    fn a_value_that_does_not_decode_is_reported_with_its_key() {
        let mut state = State::sound();
        state.put(keys::inode(InodeId::new(9)), &[99, 0]);
        state.expect("records: key I 0000000000000009: corrupt inode record: version 99");
    }

    #[test]
    fn a_key_of_an_unknown_prefix_is_reported() {
        for key in [&b"7"[..], b"Fx", b"z\x01"] {
            let mut state = State::sound();
            state.put(key.to_vec(), b"");
            state.expect("records: unknown key");
        }
    }

    #[test]
    fn a_key_of_a_wrong_length_is_reported() {
        let mut state = State::sound();
        state.put(b"I123".to_vec(), b"");
        state.expect("records: key I 313233 has a wrong length");
    }

    #[test]
    fn a_name_with_a_slash_is_reported() {
        let mut state = State::sound();
        let value = state.get(&keys::dentry(InodeId::ROOT, b"file"));
        state.put(keys::dentry(InodeId::ROOT, b"a/b"), &value);
        state.expect("corrupt dentry key: not a name");
    }
}
