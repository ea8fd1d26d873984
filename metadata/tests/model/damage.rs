//! Records that follow from others are spoilt in the state that random commands have made, and a repair makes them as they were.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;
use holdfast_metadata::invariant::{self, Repair};
use holdfast_metadata::keys::Prefix;
use holdfast_metadata::record::{
    Dentry, DirectoryBody, Inode, InodeBody, OrderEntry, OwnerQuota, Place, Places, Quota, Volume,
};
use holdfast_metadata::store::{Batch, View};
use holdfast_metadata::{
    Command, Cookie, Engine, FileKind, FileName, InodeId, MemoryEngine, OwnerCount, StateMachine,
    Timestamp, keys,
};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};

use crate::run::{self, machine, state};

/// What is done to the records one after the other; many are left as they are.
pub(crate) fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), 1..200_u8], 1..200)
}

/// Any damage: which record, and what becomes of it.
pub(crate) fn blows() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u64)>> {
    let number = prop_oneof![
        6 => 0..12_u64,
        2 => any::<u64>(),
        1 => (1 << 62) - 100_010..(1 << 62) - 99_990_u64,
        1 => (1 << 62) - 3..(1 << 62) + 3_u64,
        1 => u64::MAX - 3..=u64::MAX,
    ];
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), number), 1..6)
}

/// Whatever is wrong: no name and no data goes, what has a name is not noted as removed, there is not more wrong than before, and it comes to an end.
pub(crate) fn loses_nothing(
    commands: &[Command],
    blows: &[(prop::sample::Index, u8, u64)],
) -> TestCaseResult {
    let machine = machine(MemoryEngine::new());
    run::all(&machine, commands);
    let whole = state(&machine);
    let keys: Vec<_> = whole.keys().cloned().collect();
    let mut batch = Batch::default();
    for (index, how, number) in blows {
        let key = &keys[index.index(keys.len())];
        let (key, value) = struck(key, &whole[key], *how, *number);
        batch.set(key, value);
    }
    machine.engine().commit(batch).unwrap();
    let found = |machine: &StateMachine<MemoryEngine>| {
        invariant::check(&machine.engine().view(), &mut |_| ())
    };
    let (before, wrong) = (entries(machine.engine()), found(&machine).unwrap());
    let Repair { mended, left } = repair(&machine);
    let left = left.unwrap();
    let (after, told) = (
        entries(machine.engine()),
        format!("{mended:#?}\nleft {left:#?}\nof {wrong:#?}"),
    );
    prop_assert!(left.len() <= wrong.len(), "more is wrong: {}", told);
    prop_assert_eq!(found(&machine).unwrap(), left);
    for (key, value) in &before {
        let now = after.get(key);
        match key[0] {
            b'D' => {
                let leads =
                    |value: &Bytes| Dentry::decode(value).map(|dentry| (dentry.ino, dentry.kind));
                let now = now.map(leads);
                prop_assert_eq!(now, Some(leads(value)), "a name: {}", told);
            }
            b'B' | b'E' | b'X' => prop_assert_eq!(now, Some(value), "data: {}", told),
            b'I' => {
                let Some(now) = now else {
                    return Err(TestCaseError::fail(format!("an inode: {told}")));
                };
                let ino = InodeId::new(keys::first_number(key).unwrap());
                let is_noted = |state: &BTreeMap<_, _>| state.contains_key(&keys::orphan(ino));
                prop_assert!(is_noted(&before) || !is_noted(&after), "noted: {}", told);
                if let (Ok(then), Ok(now)) = (Inode::decode(value), Inode::decode(now)) {
                    prop_assert!(then.nlink == 0 || now.nlink > 0, "{ino}: {}", told);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn entries(engine: &MemoryEngine) -> BTreeMap<Vec<u8>, Bytes> {
    let mut entries = BTreeMap::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.insert(key.to_vec(), Bytes::copy_from_slice(value));
        Ok(ControlFlow::Continue(()))
    };
    engine.view().scan(&[], &[0xff], visit).unwrap();
    entries
}

/// What a blow makes of a record, or of another beside it.
fn struck(key: &[u8], value: &Bytes, how: u8, number: u64) -> (Vec<u8>, Option<Bytes>) {
    let ino = InodeId::new(number);
    let at = |key: Vec<u8>, value: Bytes| (key, Some(value));
    let same = |value: Bytes| at(key.to_vec(), value);
    match (key[0], how % 8) {
        (_, 0) => (key.to_vec(), None),
        (_, 1) => same(Bytes::from_static(&[99])),
        (b'I', how) => {
            let Ok(mut inode) = Inode::decode(value) else {
                return (key.to_vec(), None);
            };
            match (how, &mut inode.body) {
                (2, _) => inode.nlink = (number % 5) as u32,
                (3, _) => inode.size = number,
                (4, _) => inode.allocated = number,
                (5, InodeBody::Directory(DirectoryBody { parent, .. })) => *parent = ino,
                (6, InodeBody::Directory(DirectoryBody { next_cookie, .. })) => {
                    next_cookie.0 = number;
                }
                (7, _) => {
                    inode.places = Places::of(Place {
                        directory: InodeId::ROOT,
                        cookie: Cookie(number),
                    });
                }
                _ => inode.body = InodeBody::Fifo,
            }
            same(inode.encode())
        }
        (b'D', how) => {
            let mut dentry = Dentry::decode(value).unwrap();
            match how {
                2 => dentry.ino = ino,
                3 => dentry.cookie.0 = number,
                4 => dentry.kind = FileKind::Fifo,
                5 => {
                    return at(
                        keys::dentry(ino, keys::name_part(key).unwrap()),
                        value.clone(),
                    );
                }
                _ => {
                    let parent = InodeId::new(keys::first_number(key).unwrap());
                    return at(keys::dentry(parent, b"another"), value.clone());
                }
            }
            same(dentry.encode())
        }
        (b'O', how) => struck_place(key, value, how, number),
        (b'V', how) => {
            let mut volume = Volume::decode(value).unwrap();
            match how {
                2 | 3 => volume.next_inode = number % (1 << 48),
                4 | 5 => volume.next_block = number,
                _ => volume.inodes = number,
            }
            same(volume.encode())
        }
        // Of what is not there, perhaps.
        (_, 2 | 3) => at(keys::orphan(ino), Bytes::new()),
        (_, 4 | 5) => at(keys::shared(keys::BlockId(number)), value.clone()),
        (_, 6) => at(keys::xattr(ino, b"user.x"), Bytes::from_static(&[1])),
        (_, _) => at(
            keys::block(keys::BlockId(number)),
            Bytes::from_static(b"lost"),
        ),
    }
}

/// The same of a record in the listing.
fn struck_place(key: &[u8], value: &Bytes, how: u8, number: u64) -> (Vec<u8>, Option<Bytes>) {
    let mut order = OrderEntry::decode(value).unwrap();
    let parent = InodeId::new(keys::first_number(key).unwrap());
    match how {
        2 => order.ino = InodeId::new(number),
        3 => return (keys::order(parent, Cookie(number)), Some(value.clone())),
        4 => order.kind = FileKind::Fifo,
        5 => {
            let place = keys::order(InodeId::new(number), Cookie::FIRST);
            return (place, Some(value.clone()));
        }
        _ => order.name = FileName::new(b"another").unwrap(),
    }
    (key.to_vec(), Some(order.encode()))
}

/// The state is as it was before, to the byte.
pub(crate) fn is_undone(commands: &[Command], choices: &[u8]) -> TestCaseResult {
    let machine = machine(MemoryEngine::new());
    run::all(&machine, commands);
    let before = state(&machine);
    let mut batch = Batch::default();
    let which = u64::from(choices[0]);
    let volume = Volume::decode(&before[&keys::volume()]).unwrap();
    // What is being forgotten has no meaning any more.
    let is_forgotten =
        |key: &[u8]| volume.owners == OwnerCount::Forgetting && key[0] == Prefix::Owner as u8;
    for ((key, value), choice) in before.iter().zip(choices.iter().cycle()) {
        if let Some(spoilt) = spoilt(key, value, *choice, which)
            && !is_forgotten(key)
        {
            batch.set(key.clone(), spoilt);
        }
    }
    let is_damaged = !batch.is_empty();
    machine.engine().commit(batch).unwrap();
    let Repair { mended, left } = repair(&machine);
    prop_assert_eq!(left, Ok(Vec::new()), "mended {:#?}", mended);
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

fn repair(machine: &StateMachine<MemoryEngine>) -> Repair {
    invariant::repair(machine.engine(), Timestamp::default(), &mut |_| ())
}

fn has_one_name(inode: &Inode) -> bool {
    inode.kind() == FileKind::Directory || inode.nlink == 1
}

/// What becomes of a record: another value or none, as a batch has it.
///
/// The link count of a file tells which of its names were lost, and the volume whether an extent was: either is spoilt, not both.
#[expect(clippy::option_option, reason = "a change of a batch is an option")]
fn spoilt(key: &[u8], value: &Bytes, choice: u8, which: u64) -> Option<Option<Bytes>> {
    const INODE: u8 = Prefix::Inode as u8;
    const DENTRY: u8 = Prefix::Dentry as u8;
    const ORDER: u8 = Prefix::Order as u8;
    const SHARED: u8 = Prefix::Shared as u8;
    const QUOTA: u8 = Prefix::Quota as u8;
    const OWNER: u8 = Prefix::Owner as u8;
    const VOLUME: u8 = Prefix::Volume as u8;
    let are_names_lost = which.is_multiple_of(2);
    let is_volume_right = (which / 2).is_multiple_of(2);
    let wrong = u64::from(choice);
    match key[0] {
        // One of the two records of a name stays.
        DENTRY if are_names_lost => {
            let cookie = Dentry::decode(value).unwrap().cookie.0;
            (cookie + which).is_multiple_of(3).then_some(None)
        }
        ORDER if are_names_lost => {
            let cookie = keys::second_number(key).unwrap();
            ((cookie + which) % 3 == 1).then_some(None)
        }
        _ if choice == 0 => None,
        INODE => {
            let mut inode = Inode::decode(value).unwrap();
            match choice % 4 {
                0 if inode.kind() == FileKind::Directory || !are_names_lost => {
                    // One that says 0 has lost its last name.
                    inode.nlink = inode.nlink.min(1) * u32::from(choice);
                }
                1 if inode.kind() == FileKind::Directory => inode.size = wrong,
                2 if is_volume_right => inode.allocated = wrong,
                // The only one that it has had.
                3 if which.is_multiple_of(3)
                    && inode.places.first.is_some()
                    && has_one_name(&inode) =>
                {
                    inode.places = Places::of(Place {
                        directory: InodeId::ROOT,
                        cookie: Cookie(wrong),
                    });
                }
                _ => inode.xattrs = u32::from(choice),
            }
            Some(Some(inode.encode()))
        }
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
            volume.inodes = wrong;
            if !is_volume_right {
                volume.allocated = wrong * 3;
            }
            Some(Some(volume.encode()))
        }
        _ => None,
    }
}
