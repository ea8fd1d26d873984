//! Damages of what is counted: by the volume, by quota trees, and for users and groups.

use holdfast_metadata::invariant::Rule;
use holdfast_metadata::keys::{self, BlockId};
use holdfast_metadata::record::{OwnerQuota, Quota};
use holdfast_metadata::{Amounts, FileKind, InodeId, LogIndex, Owner, OwnerCount};

use super::sample::{DATA_BYTES, UID};
use super::spoilt::{NOBODY, Row, Spoilt};

pub(super) const COUNTERS: &[Row] = &[
    (Rule::Counters, inodes_are_not_counted),
    (Rule::Counters, bytes_are_not_counted),
    (Rule::Counters, an_inode_number_is_given_out_again),
    (Rule::Counters, a_block_number_is_given_out_again),
    (Rule::Counters, no_inode_number_is_left),
    (Rule::Counters, no_block_number_is_left),
    (Rule::Counters, no_batch_can_come_after_the_last),
];

pub(super) const QUOTAS: &[Row] = &[
    (Rule::Quotas, bytes_of_a_tree_are_not_counted),
    (Rule::Quotas, inodes_of_a_tree_are_not_counted),
    (Rule::Quotas, a_quota_is_lost),
    (Rule::Quotas, an_outer_quota_is_lost),
    (Rule::Quotas, a_quota_has_no_tree),
    (Rule::Quotas, a_root_is_in_no_tree),
    (Rule::Quotas, a_name_leads_into_another_tree),
    (Rule::Quotas, trees_are_around_each_other),
];

pub(super) const OWNERS: &[Row] = &[
    (Rule::Owners, inodes_of_a_user_are_not_counted),
    (Rule::Owners, bytes_of_a_user_are_not_counted),
    (Rule::Owners, an_owner_is_forgotten),
    (Rule::Owners, a_record_says_nothing),
    (Rule::Owners, owners_are_not_counted_any_more),
];

fn inodes_are_not_counted(spoilt: &Spoilt) -> String {
    let there = spoilt.volume().inodes;
    spoilt.change_volume(|volume| volume.inodes += 1);
    format!("the volume has {there} inodes but says {}", there + 1)
}

fn bytes_are_not_counted(spoilt: &Spoilt) -> String {
    let there = spoilt.volume().allocated;
    spoilt.change_volume(|volume| volume.allocated = 1);
    format!("the inodes hold {there} bytes but the volume says 1")
}

fn an_inode_number_is_given_out_again(spoilt: &Spoilt) -> String {
    let next = spoilt.sample.directory;
    spoilt.change_volume(|volume| volume.next_inode = next.get());
    format!("the next inode is {next} but inode ")
}

fn a_block_number_is_given_out_again(spoilt: &Spoilt) -> String {
    let next = spoilt.volume().next_block;
    spoilt.put(keys::block(BlockId(next)), b"bytes");
    format!("the next block is {next} but block {next} exists")
}

fn no_inode_number_is_left(spoilt: &Spoilt) -> String {
    let next = (1 << 48) + 1;
    spoilt.change_volume(|volume| volume.next_inode = next);
    format!("the next inode is {next}, which is too large")
}

fn no_block_number_is_left(spoilt: &Spoilt) -> String {
    let next = (1 << 62) + 1;
    spoilt.change_volume(|volume| volume.next_block = next);
    format!("the next block is {next}, which is too large")
}

fn no_batch_can_come_after_the_last(spoilt: &Spoilt) -> String {
    let last = u64::MAX;
    spoilt.change_volume(|volume| volume.applied = LogIndex(last));
    format!("the last batch that was applied is {last}, which is too large")
}

fn quota(spoilt: &Spoilt, tree: InodeId) -> Quota {
    Quota::decode(&spoilt.value(&keys::quota(tree))).unwrap()
}

fn change_quota(spoilt: &Spoilt, tree: InodeId, change: impl FnOnce(&mut Quota)) {
    let mut quota = quota(spoilt, tree);
    change(&mut quota);
    spoilt.put(keys::quota(tree), &quota.encode());
}

fn bytes_of_a_tree_are_not_counted(spoilt: &Spoilt) -> String {
    let tree = spoilt.sample.tree;
    change_quota(spoilt, tree, |quota| quota.used.bytes = 1);
    format!("tree {tree} has {DATA_BYTES} bytes but says 1")
}

fn inodes_of_a_tree_are_not_counted(spoilt: &Spoilt) -> String {
    let tree = spoilt.sample.tree;
    change_quota(spoilt, tree, |quota| quota.used.inodes = 1);
    format!("tree {tree} has 3 inodes but says 1")
}

fn a_quota_is_lost(spoilt: &Spoilt) -> String {
    let (tree, ino) = (spoilt.sample.tree, spoilt.sample.counted);
    spoilt.delete(keys::quota(tree));
    format!("inode {ino} is in tree {tree}, which has no quota")
}

fn an_outer_quota_is_lost(spoilt: &Spoilt) -> String {
    let (tree, outer) = (spoilt.sample.subtree, spoilt.sample.tree);
    spoilt.delete(keys::quota(outer));
    format!("tree {tree} is in tree {outer}, which has no quota")
}

fn a_quota_has_no_tree(spoilt: &Spoilt) -> String {
    let mut nothing = quota(spoilt, spoilt.sample.tree);
    nothing.used = Amounts::default();
    spoilt.put(keys::quota(NOBODY), &nothing.encode());
    format!("tree {NOBODY} has 0 inodes but says 0")
}

fn a_root_is_in_no_tree(spoilt: &Spoilt) -> String {
    let (tree, outer) = (spoilt.sample.subtree, spoilt.sample.tree);
    spoilt.change(tree, |inode| inode.tree = Some(outer));
    format!("inode {tree} has a quota but is not its root")
}

fn a_name_leads_into_another_tree(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    spoilt.put_name(InodeId::ROOT, "escaped", ino, FileKind::Regular);
    format!("\"escaped\" in directory 1 leads to inode {ino} of another tree")
}

fn trees_are_around_each_other(spoilt: &Spoilt) -> String {
    let (tree, outer) = (spoilt.sample.subtree, spoilt.sample.tree);
    change_quota(spoilt, outer, |quota| quota.outer = Some(tree));
    format!("tree {outer} is inside of too many others")
}

fn change_owner(spoilt: &Spoilt, change: impl FnOnce(&mut OwnerQuota)) {
    let key = keys::owner(Owner::User(UID));
    let mut quota = OwnerQuota::decode(&spoilt.value(&key)).unwrap();
    change(&mut quota);
    spoilt.put(key, &quota.encode());
}

fn inodes_of_a_user_are_not_counted(spoilt: &Spoilt) -> String {
    change_owner(spoilt, |quota| quota.used.inodes = 4);
    format!("user {UID} has 1 inodes but its record says 4")
}

fn bytes_of_a_user_are_not_counted(spoilt: &Spoilt) -> String {
    change_owner(spoilt, |quota| quota.used.bytes = 1);
    format!("user {UID} has {DATA_BYTES} bytes but its record says 1")
}

fn an_owner_is_forgotten(spoilt: &Spoilt) -> String {
    spoilt.delete(keys::owner(Owner::User(UID)));
    format!("user {UID} has 1 inodes but no record")
}

fn a_record_says_nothing(spoilt: &Spoilt) -> String {
    let key = keys::owner(Owner::Group(4711));
    spoilt.put(key, &OwnerQuota::NOTHING.encode());
    "group 4711 has a record that says nothing".to_owned()
}

fn owners_are_not_counted_any_more(spoilt: &Spoilt) -> String {
    spoilt.change_volume(|volume| volume.owners = OwnerCount::Off);
    format!("user {UID} has a record but owners are not counted")
}
