//! What makes a record say what the others prove.

use bytes::Bytes;

use super::rescue;
use crate::fault::Fault;
use crate::keys;
use crate::record::{Inode, InodeBody, Places, Volume};
use crate::state_machine::load_volume;
use crate::store::Transaction;
use crate::types::{Cookie, InodeId, Timestamp};

/// One change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// A record is to be this.
    Put(Vec<u8>, Bytes),
    /// A note of what is not there goes.
    Forget(Vec<u8>),
    /// A field of an inode that is there.
    Inode(InodeId, Field),
    /// A counter of the volume.
    Volume(Counter),
    /// The inode has no name, and is not to be lost.
    Rescue(InodeId),
}

/// What of an inode follows from other records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Links(u32),
    /// Entries of a directory.
    Entries(u64),
    /// The cookie is in use.
    Cookie(Cookie),
    /// None from here on is in use.
    NextCookie(Cookie),
    Parent(InodeId),
    /// Where it is listed.
    Places(Places),
    Allocated(u64),
    Xattrs(u32),
}

/// What the volume record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Inodes(u64),
    Allocated(u64),
    /// The sequence number of an inode is in use.
    Inode(u64),
    /// The number of a block is in use.
    Block(u64),
}

impl Mend {
    /// The record that this makes anew or takes away, and what of it there is then.
    pub(super) fn whole(&self) -> Option<(&[u8], Option<&Bytes>)> {
        match self {
            Mend::Put(key, value) => Some((key, Some(value))),
            Mend::Forget(key) => Some((key, None)),
            Mend::Inode(..) | Mend::Volume(_) | Mend::Rescue(_) => None,
        }
    }

    /// Makes the change.
    pub(super) fn write(self, state: &mut dyn Transaction, now: Timestamp) -> Result<(), Fault> {
        match self {
            Mend::Put(key, value) => state.put(key, value),
            Mend::Forget(key) => state.delete(key),
            Mend::Inode(ino, field) => {
                if let Some(value) = state.get(&keys::inode(ino))? {
                    let mut inode = Inode::decode(&value)?;
                    field.set(&mut inode);
                    state.put(keys::inode(ino), inode.encode());
                }
            }
            Mend::Volume(counter) => {
                if let Some(mut volume) = load_volume(state)? {
                    counter.set(&mut volume);
                    state.put(keys::volume(), volume.encode());
                }
            }
            Mend::Rescue(ino) => rescue::name(state, ino, now)?,
        }
        Ok(())
    }
}

impl Field {
    fn set(self, inode: &mut Inode) {
        match self {
            Field::Links(links) => inode.nlink = links,
            Field::Entries(entries) => inode.size = entries,
            Field::Cookie(cookie) => {
                if let InodeBody::Directory(body) = &mut inode.body {
                    let next = Cookie(cookie.0.saturating_add(1));
                    body.next_cookie = body.next_cookie.max(next);
                }
            }
            Field::NextCookie(cookie) => {
                if let InodeBody::Directory(body) = &mut inode.body {
                    body.next_cookie = cookie;
                }
            }
            Field::Parent(parent) => {
                if let InodeBody::Directory(body) = &mut inode.body {
                    body.parent = parent;
                }
            }
            Field::Places(places) => inode.places = places,
            Field::Allocated(bytes) => inode.allocated = bytes,
            Field::Xattrs(count) => inode.xattrs = count,
        }
    }
}

impl Counter {
    fn set(self, volume: &mut Volume) {
        match self {
            Counter::Inodes(count) => volume.inodes = count,
            Counter::Allocated(bytes) => volume.allocated = bytes,
            Counter::Inode(used) => {
                volume.next_inode = volume.next_inode.max(used.saturating_add(1));
            }
            Counter::Block(used) => {
                volume.next_block = volume.next_block.max(used.saturating_add(1));
            }
        }
    }
}
