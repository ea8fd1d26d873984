//! Records that follow from others are spoilt in the state that random commands have made, and a repair makes them as they were.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_metadata::invariant::{self, Repair};
use holdfast_metadata::keys::Prefix;
use holdfast_metadata::record::{Dentry, Inode, OwnerQuota, Quota, Volume};
use holdfast_metadata::store::Batch;
use holdfast_metadata::{Command, Engine, FileKind, MemoryEngine, OwnerCount, Timestamp, keys};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::run::{self, machine, state};

/// What is done to the records one after the other; many are left as they are.
pub(crate) fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), 1..200_u8], 1..200)
}

/// The state is as it was before, to the byte.
pub(crate) fn is_undone(commands: &[Command], choices: &[u8]) -> TestCaseResult {
    let machine = machine(MemoryEngine::new());
    run::all(&machine, commands);
    let before = state(&machine);
    let mut batch = Batch::default();
    let of_names = u64::from(choices[0]);
    let volume = Volume::decode(&before[&keys::volume()]).unwrap();
    // What is being forgotten has no meaning any more.
    let is_forgotten =
        |key: &[u8]| volume.owners == OwnerCount::Forgetting && key[0] == Prefix::Owner as u8;
    for ((key, value), choice) in before.iter().zip(choices.iter().cycle()) {
        if let Some(spoilt) = spoilt(key, value, *choice, of_names)
            && !is_forgotten(key)
        {
            batch.set(key.clone(), spoilt);
        }
    }
    let is_damaged = !batch.is_empty();
    machine.engine().commit(batch).unwrap();
    let repaired = invariant::repair(machine.engine(), Timestamp::default(), &mut |_| ());
    let Repair { mended, left } = repaired.unwrap();
    prop_assert!(left.is_empty(), "{left:#?}\nmended {mended:#?}");
    let after = state(&machine);
    let keys: Vec<_> = before.keys().chain(after.keys()).collect();
    let differ = keys
        .iter()
        .filter(|key| before.get(**key) != after.get(**key));
    let differ: BTreeMap<_, _> = differ.map(|key| (key, after.get(*key))).collect();
    prop_assert!(differ.is_empty(), "{differ:?}\nmended {mended:#?}");
    prop_assert!(is_damaged || mended.is_empty());
    Ok(())
}

/// What becomes of a record: another value or none, as a batch has it.
#[expect(clippy::option_option, reason = "a change of a batch is an option")]
fn spoilt(key: &[u8], value: &Bytes, choice: u8, of_names: u64) -> Option<Option<Bytes>> {
    const INODE: u8 = Prefix::Inode as u8;
    const DENTRY: u8 = Prefix::Dentry as u8;
    const ORDER: u8 = Prefix::Order as u8;
    const ORPHAN: u8 = Prefix::Orphan as u8;
    const SHARED: u8 = Prefix::Shared as u8;
    const QUOTA: u8 = Prefix::Quota as u8;
    const OWNER: u8 = Prefix::Owner as u8;
    const VOLUME: u8 = Prefix::Volume as u8;
    let wrong = u64::from(choice);
    let garbage = choice.is_multiple_of(2).then(|| Bytes::from_static(&[99]));
    match key[0] {
        // One of the two records of a name stays.
        DENTRY => {
            let cookie = Dentry::decode(value).unwrap().cookie.0;
            (cookie + of_names).is_multiple_of(3).then_some(garbage)
        }
        ORDER => {
            let cookie = keys::second_number(key).unwrap();
            ((cookie + of_names) % 3 == 1).then_some(garbage)
        }
        _ if choice == 0 => None,
        INODE => {
            let mut inode = Inode::decode(value).unwrap();
            match choice % 4 {
                // One that says 0 has lost its last name, or its names are all that is left to say otherwise.
                0 if inode.nlink > 0 => inode.nlink = u32::from(choice),
                1 if inode.kind() == FileKind::Directory => inode.size = wrong,
                2 => inode.allocated = wrong,
                _ => inode.xattrs = u32::from(choice),
            }
            Some(Some(inode.encode()))
        }
        // What has been given back so far is not known of records that are not there.
        ORPHAN if value.is_empty() => Some(None),
        SHARED => Some(None),
        QUOTA => {
            let mut quota = Quota::decode(value).unwrap();
            (quota.used.inodes, quota.used.bytes) = (wrong, wrong * 3);
            Some(Some(quota.encode()))
        }
        OWNER => {
            let mut quota = OwnerQuota::decode(value).unwrap();
            (quota.used.inodes, quota.used.bytes) = (wrong, wrong * 3);
            Some(Some(quota.encode()))
        }
        VOLUME => {
            let mut volume = Volume::decode(value).unwrap();
            (volume.inodes, volume.allocated) = (wrong, wrong * 3);
            Some(Some(volume.encode()))
        }
        _ => None,
    }
}
