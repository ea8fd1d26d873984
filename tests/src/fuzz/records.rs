//! Keys and values of the state: whatever bytes there are, a decoder says what they are or that they are corrupt.

use std::fmt::Debug;

use bytes::Bytes;
use holdfast_metadata::catalog::{CatalogRecord, DeletionsRecord, NodeRecord, VolumeRecord};
use holdfast_metadata::keys::{self, BlockId, Prefix};
use holdfast_metadata::record::{
    Dentry, Extent, Inode, LockCount, LockRecord, OrderEntry, Orphan, OutcomeRecord, OwnerQuota,
    PendingRecord, PositionRecord, Quota, SessionRecord, Shared, TurnRecord, Volume, WaiterRecord,
    Xattr,
};
use holdfast_metadata::{Cookie, Fault, InodeId, LockOwner, LockSpace, SessionId, Turn};

/// The name of a kind, and what must hold for its bytes.
pub(super) type Kind = (&'static str, fn(&[u8]));

/// One check a kind of value; the first byte of an input chooses it.
pub(super) const KINDS: [Kind; 22] = [
    ("dentry", |b| same(b, Dentry::decode, Dentry::encode)),
    ("order", |b| same(b, OrderEntry::decode, OrderEntry::encode)),
    ("extent_block", |b| same(b, Extent::decode, Extent::encode)),
    ("inode_directory", |b| same(b, Inode::decode, Inode::encode)),
    ("lock", |b| same(b, LockRecord::decode, LockRecord::encode)),
    ("locks", |b| same(b, LockCount::decode, LockCount::encode)),
    ("orphan", |b| same(b, Orphan::decode, Orphan::encode)),
    ("outcome_entry", |b| {
        same(b, OutcomeRecord::decode, OutcomeRecord::encode);
    }),
    ("outcome_reclaimed", |b| {
        same(b, OutcomeRecord::decode, OutcomeRecord::encode);
    }),
    ("position", |b| {
        same(b, owned(PositionRecord::decode), |note| {
            PositionRecord::encode(note)
        });
    }),
    ("session", |b| {
        same(b, SessionRecord::decode, SessionRecord::encode);
    }),
    ("shared", |b| same(b, Shared::decode, Shared::encode)),
    ("volume", |b| same(b, Volume::decode, Volume::encode)),
    ("waiter", |b| {
        same(b, WaiterRecord::decode, WaiterRecord::encode);
    }),
    ("pending", |b| {
        same(b, PendingRecord::decode, PendingRecord::encode);
    }),
    ("turn", |b| same(b, TurnRecord::decode, TurnRecord::encode)),
    ("xattr", |b| {
        same(b, owned(Xattr::decode), |value| Xattr::encode(value));
    }),
    ("catalog", |b| {
        same(b, CatalogRecord::decode, CatalogRecord::encode);
    }),
    ("deletions", |b| {
        same(b, DeletionsRecord::decode, DeletionsRecord::encode);
    }),
    ("node_voter", |b| {
        same(b, |b| NodeRecord::decode(7, b), NodeRecord::encode);
        same(b, |b| VolumeRecord::decode(7, b), VolumeRecord::encode);
    }),
    ("quota", |b| same(b, Quota::decode, Quota::encode)),
    ("owner", |b| {
        same(b, OwnerQuota::decode, OwnerQuota::encode);
    }),
];

/// A value: its kind, then its bytes.
pub(super) fn records(bytes: &[u8]) {
    let Some((kind, value)) = bytes.split_first() else {
        return;
    };
    let (_, check) = KINDS[usize::from(*kind) % KINDS.len()];
    check(value);
}

fn same<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Fault>,
    encode: impl Fn(&T) -> Bytes,
) {
    match decode(bytes) {
        Ok(value) => assert_eq!(decode(&encode(&value)), Ok(value)),
        Err(Fault::Corrupt { .. }) => {}
        Err(fault) => panic!("{fault:?}"),
    }
}

fn owned(
    decode: impl Fn(&[u8]) -> Result<&[u8], Fault>,
) -> impl Fn(&[u8]) -> Result<Vec<u8>, Fault> {
    move |bytes| decode(bytes).map(<[u8]>::to_vec)
}

/// Three numbers and a name: every range of keys holds the keys of its kind. Then the bytes as a key.
pub(super) fn keys(bytes: &[u8]) {
    let (numbers, name) = bytes.as_chunks::<8>();
    let number = |index: usize| numbers.get(index).map_or(0, |n| u64::from_be_bytes(*n));
    let ino = InodeId::new(number(0));
    let (session, owner) = (SessionId(number(1)), LockOwner(number(2)));
    within(keys::dentry(ino, name), keys::dentries_of(ino));
    within(keys::xattr(ino, name), keys::xattrs_of(ino));
    within(keys::extent(ino, number(1)), keys::extents_of(ino));
    for space in LockSpace::ALL {
        let lock = keys::lock(ino, space, session, owner, number(0));
        assert_eq!(keys::lock_parts(&lock), Some((session, owner, number(0))));
        within(lock.clone(), keys::locks_of(ino, space));
        within(lock, keys::of_inode(Prefix::Lock, ino));
        let waiter = keys::waiter(ino, space, Turn(number(1)));
        within(waiter, keys::waiters_of(ino, space));
    }
    within(
        keys::request_of(session, number(0)),
        keys::requests_of(session),
    );
    within(keys::pending(session, number(0)), keys::pending_of(session));
    within(
        keys::lock_count_at(session, ino),
        keys::lock_counts_of(session),
    );
    let (start, end) = keys::order_after(ino, Cookie(number(1)));
    assert!(start <= end);
    within(keys::order(ino, Cookie(u64::MAX)), (start, end));
    within(keys::block(BlockId(number(0))), keys::all(Prefix::Block));
    let parts = (keys::lock_parts(bytes), keys::turn_part(bytes));
    let numbers = (keys::first_number(bytes), keys::second_number(bytes));
    std::hint::black_box((
        parts,
        numbers,
        keys::space_part(bytes),
        keys::name_part(bytes),
    ));
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "every key is made for this question"
)]
fn within(key: Vec<u8>, (start, end): (Vec<u8>, Vec<u8>)) {
    assert!(start <= key && key < end, "{key:?} in {start:?}..{end:?}");
}
