//! Damages of records as such, of what files hold, and of attributes.

use holdfast_metadata::invariant::Rule;
use holdfast_metadata::keys::{self, BlockId};
use holdfast_metadata::limits::{
    FILE_BYTES_MAX, SYMLINK_BYTES_MAX, WRITE_BYTES_MAX, XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX,
};
use holdfast_metadata::record::{InodeBody, LoadProgress, Shared, Xattr};
use holdfast_metadata::{InodeId, Owner};

use super::sample::DATA_BYTES;
use super::spoilt::{NOBODY, Row, Spoilt, part, zeros};

pub(super) const RECORDS: &[Row] = &[
    (Rule::Records, a_value_does_not_decode),
    (Rule::Records, a_key_is_of_no_kind),
    (Rule::Records, a_key_is_too_short),
    (Rule::Records, a_name_has_a_slash),
    (Rule::Records, the_name_of_an_attribute_is_too_long),
    (Rule::Records, a_key_is_of_neither_user_nor_group),
    (Rule::Records, a_dump_is_being_loaded),
    LOST_VOLUME,
];

pub(super) const LOST_VOLUME: Row = (Rule::Records, there_is_no_volume_record);

pub(super) const EXTENTS: &[Row] = &[
    (Rule::Extents, data_is_past_the_end),
    (Rule::Extents, extents_overlap),
    (Rule::Extents, extents_do_not_add_up),
    (Rule::Extents, an_extent_is_lost),
    (Rule::Extents, a_directory_has_an_extent),
    (Rule::Extents, an_extent_is_of_nothing),
    (Rule::Extents, an_extent_is_beyond_the_largest_file),
    (Rule::Extents, an_extent_is_too_long),
    (Rule::Extents, a_file_is_larger_than_the_largest),
    (Rule::Extents, a_symlink_has_another_size),
    (Rule::Extents, a_symlink_leads_nowhere),
    (Rule::Extents, a_target_is_too_long),
    (Rule::Extents, a_target_has_a_nul),
];

pub(super) const BLOCKS: &[Row] = &[
    (Rule::Blocks, a_shared_block_is_not_noted),
    (Rule::Blocks, a_block_is_noted_that_is_not_shared),
    (Rule::Blocks, a_note_has_no_block),
    (Rule::Blocks, a_block_is_lost),
    (Rule::Blocks, a_block_is_of_no_extent),
    (Rule::Blocks, an_extent_is_longer_than_its_block),
];

pub(super) const XATTRS: &[Row] = &[
    (Rule::Xattrs, attributes_are_not_counted),
    (Rule::Xattrs, an_attribute_is_lost),
    (Rule::Xattrs, an_attribute_is_of_nothing),
    (Rule::Xattrs, a_value_is_too_long),
    (Rule::Xattrs, an_attribute_is_in_no_namespace),
];

fn a_value_does_not_decode(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.put(keys::xattr(ino, b"user.color"), &[99]);
    // The name in hexadecimal.
    let (ino, name) = (ino.get(), "757365722e636f6c6f72");
    format!("key X {ino:016x}{name}: corrupt xattr record: version 99")
}

fn a_key_is_of_no_kind(spoilt: &Spoilt) -> String {
    spoilt.put(b"z\x01".to_vec(), b"");
    "unknown key z 01".to_owned()
}

fn a_key_is_too_short(spoilt: &Spoilt) -> String {
    spoilt.put(b"I123".to_vec(), b"");
    "key I 313233 has a wrong length".to_owned()
}

fn a_name_has_a_slash(spoilt: &Spoilt) -> String {
    let value = spoilt.value(&keys::dentry(InodeId::ROOT, b"symlink"));
    spoilt.put(keys::dentry(InodeId::ROOT, b"a/b"), &value);
    "key D 0000000000000001612f62: corrupt dentry key: not a name".to_owned()
}

fn the_name_of_an_attribute_is_too_long(spoilt: &Spoilt) -> String {
    let mut name = b"user.".to_vec();
    name.resize(XATTR_NAME_BYTES_MAX + 1, b'x');
    put_attribute(spoilt, &name, b"");
    let ino = spoilt.sample.copy.get();
    // The name in hexadecimal.
    format!(
        "key X {ino:016x}757365722e{} has a wrong length",
        "78".repeat(251)
    )
}

fn a_key_is_of_neither_user_nor_group(spoilt: &Spoilt) -> String {
    let mut key = keys::owner(Owner::FIRST);
    let value = spoilt.value(&key);
    key[1] = 1;
    spoilt.put(key, &value);
    "key G 0100000000000000: corrupt owner key: neither user nor group".to_owned()
}

fn a_dump_is_being_loaded(spoilt: &Spoilt) -> String {
    spoilt.change_volume(|volume| volume.load = Some(LoadProgress::default()));
    "a dump is being loaded, or its load was cut off".to_owned()
}

fn there_is_no_volume_record(spoilt: &Spoilt) -> String {
    spoilt.delete(keys::volume());
    "no volume record".to_owned()
}

fn data_is_past_the_end(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    spoilt.change(ino, |inode| inode.size = 1);
    format!("inode {ino} has data up to {DATA_BYTES} but size 1")
}

fn extents_overlap(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    let offset = DATA_BYTES - 1;
    spoilt.put(keys::extent(ino, offset), &zeros(1));
    format!("inode {ino} has an extent at {offset} before the last one ends at {DATA_BYTES}")
}

fn extents_do_not_add_up(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    spoilt.change(ino, |inode| inode.allocated = 1);
    format!("inode {ino} has extents of {DATA_BYTES} bytes but says 1")
}

fn an_extent_is_lost(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    spoilt.delete(keys::extent(ino, 0));
    format!("inode {ino} has extents of 0 bytes but says {DATA_BYTES}")
}

fn a_directory_has_an_extent(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.put(keys::extent(ino, 0), &zeros(1));
    format!("inode {ino} has extents but is no regular file")
}

fn an_extent_is_of_nothing(spoilt: &Spoilt) -> String {
    spoilt.put(keys::extent(NOBODY, 7), &zeros(1));
    format!("the extent at 7 belongs to inode {NOBODY}, which does not exist")
}

fn an_extent_is_beyond_the_largest_file(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.put(keys::extent(ino, FILE_BYTES_MAX), &zeros(1));
    format!("inode {ino} has an extent at {FILE_BYTES_MAX} beyond the largest file")
}

fn an_extent_is_too_long(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    let length = WRITE_BYTES_MAX as u64 + 1;
    spoilt.put(keys::extent(ino, 0), &part(spoilt.block(ino), length));
    format!("inode {ino} has an extent at 0 of {length} bytes")
}

fn a_file_is_larger_than_the_largest(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.counted;
    let size = FILE_BYTES_MAX + 1;
    spoilt.change(ino, |inode| inode.size = size);
    format!("inode {ino} has size {size}, beyond the largest file")
}

fn symlink(spoilt: &Spoilt) -> InodeId {
    spoilt.dentry(InodeId::ROOT, "symlink").ino
}

fn a_symlink_has_another_size(spoilt: &Spoilt) -> String {
    let ino = symlink(spoilt);
    spoilt.change(ino, |inode| inode.size = 5);
    format!("symlink {ino} has a target of 4 bytes but size 5")
}

/// Gives the symlink another target, with the size of that.
fn put_target(spoilt: &Spoilt, target: Vec<u8>) -> InodeId {
    let ino = symlink(spoilt);
    spoilt.change(ino, |inode| {
        inode.size = target.len() as u64;
        inode.body = InodeBody::Symlink(target.into());
    });
    ino
}

fn a_symlink_leads_nowhere(spoilt: &Spoilt) -> String {
    let ino = put_target(spoilt, Vec::new());
    format!("symlink {ino} has an empty target")
}

fn a_target_is_too_long(spoilt: &Spoilt) -> String {
    let length = SYMLINK_BYTES_MAX + 1;
    let ino = put_target(spoilt, vec![b'x'; length]);
    format!("symlink {ino} has a target of {length} bytes, which is too long")
}

fn a_target_has_a_nul(spoilt: &Spoilt) -> String {
    let ino = put_target(spoilt, b"a\0b".to_vec());
    format!("symlink {ino} has a target with a NUL in it")
}

fn a_shared_block_is_not_noted(spoilt: &Spoilt) -> String {
    let block = spoilt.block(spoilt.sample.file);
    spoilt.delete(keys::shared(block));
    format!("block {} has 2 extents but 1 are noted", block.0)
}

fn a_block_is_noted_that_is_not_shared(spoilt: &Spoilt) -> String {
    let block = spoilt.block(spoilt.sample.counted);
    spoilt.put(keys::shared(block), &Shared { extents: 2 }.encode());
    format!("block {} has 1 extents but 2 are noted", block.0)
}

fn a_note_has_no_block(spoilt: &Spoilt) -> String {
    let note = Shared { extents: 2 }.encode();
    spoilt.put(keys::shared(BlockId(4711)), &note);
    "block 4711 is noted as shared but does not exist".to_owned()
}

fn a_block_is_lost(spoilt: &Spoilt) -> String {
    let block = spoilt.block(spoilt.sample.counted);
    spoilt.delete(keys::block(block));
    format!(
        "an extent refers to block {}, which does not exist",
        block.0
    )
}

fn a_block_is_of_no_extent(spoilt: &Spoilt) -> String {
    let block = spoilt.block(spoilt.sample.counted);
    spoilt.delete(keys::extent(spoilt.sample.counted, 0));
    format!("block {} has no extent that refers to it", block.0)
}

fn an_extent_is_longer_than_its_block(spoilt: &Spoilt) -> String {
    let block = spoilt.block(spoilt.sample.counted);
    let length = DATA_BYTES + 1;
    let extent = part(block, length);
    spoilt.put(keys::extent(spoilt.sample.counted, 0), &extent);
    let number = block.0;
    format!("an extent ends at {length} in block {number}, which has {DATA_BYTES} bytes")
}

fn attributes_are_not_counted(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.change(ino, |inode| inode.xattrs = 0);
    format!("inode {ino} has 1 attributes but says 0")
}

fn an_attribute_is_lost(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.delete(keys::xattr(ino, b"user.color"));
    format!("inode {ino} has 0 attributes but says 1")
}

fn an_attribute_is_of_nothing(spoilt: &Spoilt) -> String {
    spoilt.put(keys::xattr(NOBODY, b"user.lost"), &Xattr::encode(b""));
    format!("attribute \"user.lost\" belongs to inode {NOBODY}, which does not exist")
}

/// Gives a file that has none an attribute.
fn put_attribute(spoilt: &Spoilt, name: &[u8], value: &[u8]) -> InodeId {
    let ino = spoilt.sample.copy;
    spoilt.put(keys::xattr(ino, name), &Xattr::encode(value));
    spoilt.change(ino, |inode| inode.xattrs = 1);
    ino
}

fn a_value_is_too_long(spoilt: &Spoilt) -> String {
    let length = XATTR_VALUE_BYTES_MAX + 1;
    let ino = put_attribute(spoilt, b"user.long", &vec![7; length]);
    format!("attribute \"user.long\" of inode {ino} has {length} bytes, which is too long")
}

fn an_attribute_is_in_no_namespace(spoilt: &Spoilt) -> String {
    let ino = put_attribute(spoilt, b"color", b"green");
    format!("inode {ino} has attribute \"color\", which no attribute can be called")
}
