//! The keys of the catalog: small letters, so that no key of a volume is taken for one.

use crate::fault::Fault;

const CATALOG: u8 = b'c';
const DELETIONS: u8 = b'd';
const NODE: u8 = b'n';
const REMOVED: u8 = b'r';
const VOLUME: u8 = b'v';

/// `c`
pub(super) fn catalog() -> Vec<u8> {
    vec![CATALOG]
}

/// `d`
pub(super) fn deletions() -> Vec<u8> {
    vec![DELETIONS]
}

/// `n` id
pub(super) fn node(id: u64) -> Vec<u8> {
    numbered(NODE, id)
}

/// Where the nodes begin and end.
pub(super) fn nodes() -> (Vec<u8>, Vec<u8>) {
    (vec![NODE], vec![NODE + 1])
}

/// `r` id
pub(super) fn removed(id: u64) -> Vec<u8> {
    numbered(REMOVED, id)
}

/// Where the removed nodes begin and end.
pub(super) fn all_removed() -> (Vec<u8>, Vec<u8>) {
    (vec![REMOVED], vec![REMOVED + 1])
}

/// `v` id
pub(super) fn volume(id: u64) -> Vec<u8> {
    numbered(VOLUME, id)
}

/// Where the volumes begin and end.
pub(super) fn volumes() -> (Vec<u8>, Vec<u8>) {
    (vec![VOLUME], vec![VOLUME + 1])
}

/// The id in the key of a node, a removed node or a volume.
pub(super) fn id(key: &[u8]) -> Result<u64, Fault> {
    match key.split_first_chunk::<9>() {
        Some(([_, id @ ..], [])) => Ok(u64::from_be_bytes(*id)),
        Some(_) | None => Err(Fault::corrupt("catalog key", "wrong length")),
    }
}

fn numbered(prefix: u8, id: u64) -> Vec<u8> {
    let mut key = vec![prefix];
    key.extend_from_slice(&id.to_be_bytes());
    key
}
