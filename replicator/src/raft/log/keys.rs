//! The keys of the log database.
//!
//! ```text
//! V                               version of the format
//! B                               number of the last batch
//! group 8 | kind 1                vote, committed, purged
//! group 8 | kind 1 | index 8      an entry
//! ```
//!
//! Numbers are big-endian. A range between two keys of one group holds no key of another group, nor
//! the keys of the node, which are too short to lie in one.

use std::ops::RangeInclusive;

use crate::raft::type_config::GroupId;

/// The version of the format.
pub(super) const VERSION: &[u8] = b"V";
/// The number of the last batch.
pub(super) const BATCH: &[u8] = b"B";

const GROUP_BYTES: usize = 8;
const RECORD_BYTES: usize = GROUP_BYTES + 1;
const ENTRY_BYTES: usize = RECORD_BYTES + 8;

/// What a group keeps besides its entries, and the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// The last log id that is known to be committed.
    Committed = b'c',
    /// An entry.
    Entry = b'e',
    /// The last log id that was purged.
    Purged = b'p',
    /// The vote.
    Vote = b'v',
}

/// The key of a record of which a group has one.
pub(super) fn record(group: GroupId, kind: Kind) -> [u8; RECORD_BYTES] {
    with_kind(group, kind as u8)
}

/// The key of an entry.
pub(super) fn entry(group: GroupId, index: u64) -> [u8; ENTRY_BYTES] {
    let mut key = [0; ENTRY_BYTES];
    let (head, tail) = key.split_at_mut(RECORD_BYTES);
    head.copy_from_slice(&record(group, Kind::Entry));
    tail.copy_from_slice(&index.to_be_bytes());
    key
}

/// The key behind the last entry that a group can have.
pub(super) fn entries_end(group: GroupId) -> [u8; RECORD_BYTES] {
    with_kind(group, Kind::Entry as u8 + 1)
}

/// All keys of a group lie between these two, which are no keys.
pub(super) fn group_range(group: GroupId) -> RangeInclusive<[u8; RECORD_BYTES]> {
    with_kind(group, u8::MIN)..=with_kind(group, u8::MAX)
}

/// The index of the entry with this key; `None` when it is no entry of the group.
pub(super) fn index(group: GroupId, key: &[u8]) -> Option<u64> {
    let index = key.strip_prefix(&record(group, Kind::Entry))?;
    Some(u64::from_be_bytes(index.try_into().ok()?))
}

fn with_kind(group: GroupId, kind: u8) -> [u8; RECORD_BYTES] {
    let mut key = [kind; RECORD_BYTES];
    let (head, _) = key.split_at_mut(GROUP_BYTES);
    head.copy_from_slice(&group.0.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_group_and_index() {
        let groups = [0, 1, 0x42, 0x4200_0000_0000_0000, u64::MAX].map(GroupId);
        let mut keys = Vec::new();
        for group in groups {
            keys.push(group_range(group).start().to_vec());
            keys.push(record(group, Kind::Committed).to_vec());
            keys.extend([0, 1, 255, 256, u64::MAX].map(|index| entry(group, index).to_vec()));
            keys.push(entries_end(group).to_vec());
            keys.push(record(group, Kind::Purged).to_vec());
            keys.push(record(group, Kind::Vote).to_vec());
            keys.push(group_range(group).end().to_vec());
        }
        assert!(keys.is_sorted());
    }

    #[test]
    fn no_range_of_a_group_holds_a_key_of_the_node() {
        for first in [BATCH, VERSION] {
            for group in [0x41, 0x42, 0x55, 0x56].map(|byte| GroupId(byte << 56)) {
                for group in [group, GroupId(group.0 | 0x00ff_ffff_ffff_ffff)] {
                    let range = group_range(group);
                    assert!(first < range.start().as_slice() || first > range.end().as_slice());
                }
            }
        }
    }

    #[test]
    fn an_index_is_read_back() {
        let key = entry(GroupId(7), 300);
        assert_eq!(index(GroupId(7), &key), Some(300));
        assert_eq!(index(GroupId(8), &key), None);
        assert_eq!(index(GroupId(7), &record(GroupId(7), Kind::Vote)), None);
    }
}
