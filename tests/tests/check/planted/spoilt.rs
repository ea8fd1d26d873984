//! A sample on the disk that nobody uses, to plant damages in it.

use std::path::Path;

use bytes::Bytes;
use holdfast_metadata::invariant::Rule;
use holdfast_metadata::keys::{self, BlockId, Prefix};
use holdfast_metadata::record::{
    Dentry, DirectoryBody, Extent, ExtentHome, Inode, InodeBody, OrderEntry, Volume,
};
use holdfast_metadata::{Cookie, FileKind, FileName, InodeId, SessionId};
use holdfast_tests::cluster::StateOnDisk;

use super::sample::Sample;

/// Plants a damage, and answers what is told of it behind the name of the rule.
pub(super) type Plant = fn(&Spoilt) -> String;
/// A damage, and the rule that it breaks.
pub(super) type Row = (Rule, Plant);

pub(super) struct Spoilt {
    pub(super) sample: Sample,
    state: StateOnDisk,
}

impl Spoilt {
    pub(super) fn open(store: &Path, sample: Sample) -> Spoilt {
        let state = StateOnDisk::to_spoil(store);
        Spoilt { sample, state }
    }

    pub(super) fn put(&self, key: Vec<u8>, value: &[u8]) {
        self.state.set(key, Some(Bytes::copy_from_slice(value)));
    }

    pub(super) fn delete(&self, key: Vec<u8>) {
        // What is not there cannot be lost.
        self.value(&key);
        self.state.set(key, None);
    }

    pub(super) fn value(&self, key: &[u8]) -> Bytes {
        self.state.value(key)
    }

    /// The one record of a kind that a sample has one of.
    pub(super) fn only(&self, prefix: Prefix) -> Vec<u8> {
        let keys = self.state.keys(prefix);
        let [key] = <[Vec<u8>; 1]>::try_from(keys).unwrap();
        key
    }

    /// The one session that is open.
    pub(super) fn session(&self) -> SessionId {
        SessionId(keys::first_number(&self.only(Prefix::Session)).unwrap())
    }

    pub(super) fn inode(&self, ino: InodeId) -> Inode {
        Inode::decode(&self.value(&keys::inode(ino))).unwrap()
    }

    pub(super) fn change(&self, ino: InodeId, change: impl FnOnce(&mut Inode)) {
        let mut inode = self.inode(ino);
        change(&mut inode);
        self.put(keys::inode(ino), &inode.encode());
    }

    pub(super) fn directory(&self, ino: InodeId) -> DirectoryBody {
        match self.inode(ino).body {
            InodeBody::Directory(body) => body,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn change_directory(&self, ino: InodeId, change: impl FnOnce(&mut DirectoryBody)) {
        let mut body = self.directory(ino);
        change(&mut body);
        self.change(ino, |inode| inode.body = InodeBody::Directory(body));
    }

    pub(super) fn volume(&self) -> Volume {
        Volume::decode(&self.value(&keys::volume())).unwrap()
    }

    pub(super) fn change_volume(&self, change: impl FnOnce(&mut Volume)) {
        let mut volume = self.volume();
        change(&mut volume);
        self.put(keys::volume(), &volume.encode());
    }

    pub(super) fn dentry(&self, parent: InodeId, name: &str) -> Dentry {
        Dentry::decode(&self.value(&keys::dentry(parent, name.as_bytes()))).unwrap()
    }

    /// A name more, in both places, of whatever it leads to.
    pub(super) fn put_name(&self, parent: InodeId, name: &str, ino: InodeId, kind: FileKind) {
        let cookie = self.directory(parent).next_cookie;
        self.change_directory(parent, |body| body.next_cookie = Cookie(cookie.0 + 1));
        self.change(parent, |inode| inode.size += 1);
        let dentry = Dentry { ino, kind, cookie };
        self.put(keys::dentry(parent, name.as_bytes()), &dentry.encode());
        let name = FileName::new(name.as_bytes()).unwrap();
        let order = OrderEntry { ino, kind, name };
        self.put(keys::order(parent, cookie), &order.encode());
    }

    /// The block that the first extent of a file shows.
    pub(super) fn block(&self, ino: InodeId) -> BlockId {
        let extent = Extent::decode(&self.value(&keys::extent(ino, 0))).unwrap();
        match extent.home {
            ExtentHome::Block { block, .. } => block,
            other @ ExtentHome::Zero => panic!("{other:?}"),
        }
    }
}

/// An extent of a block, from its first byte on.
pub(super) fn part(block: BlockId, length: u64) -> Bytes {
    let home = ExtentHome::Block { block, start: 0 };
    Extent { length, home }.encode()
}

/// An extent of zeros.
pub(super) fn zeros(length: u64) -> Bytes {
    let home = ExtentHome::Zero;
    Extent { length, home }.encode()
}

/// An inode that no sample has.
pub(super) const NOBODY: InodeId = InodeId::new(4711);
