//! A small sound state, and ways to break it.
//!
//! Root (1) holds `file` and `link`, both leading to the file (2), and `directory` (3). The file and
//! the orphan (4) share a block. A symlink (5) is in the directory. Session 2 is open.

use bytes::Bytes;

use super::check;
use crate::keys::{self, BlockId};
use crate::outcome::PosixError;
use crate::record::{
    Dentry, DirectoryBody, Extent, ExtentHome, Inode, InodeBody, OrderEntry, OutcomeRecord, Places,
    PositionRecord, SessionRecord, Shared, Volume, Xattr,
};
use crate::store::{Batch, Engine, MemoryEngine, View};
use crate::types::{
    Cookie, FileKind, FileName, InodeFlags, InodeId, LogIndex, Mode, OwnerCount, SessionId,
    Timestamp,
};

pub(super) const FILE: InodeId = InodeId::new(2);
pub(super) const DIRECTORY: InodeId = InodeId::new(3);
pub(super) const ORPHAN: InodeId = InodeId::new(4);
pub(super) const SYMLINK: InodeId = InodeId::new(5);
pub(super) const BLOCK: BlockId = BlockId(1);

pub(crate) struct State {
    engine: MemoryEngine,
}

impl State {
    pub(crate) fn empty() -> State {
        State {
            engine: MemoryEngine::new(),
        }
    }

    pub(crate) fn sound() -> State {
        let mut state = State::empty();
        let volume = Volume {
            generation: 1,
            applied: LogIndex(7),
            next_inode: 10,
            next_block: 10,
            inodes: 5,
            allocated: 250,
            owners: OwnerCount::Off,
            trash: None,
            load: None,
        };
        state.put(keys::volume(), &volume.encode());
        state.put_inode(InodeId::ROOT, 3, 3, directory(InodeId::ROOT, 6));
        state.put_inode(FILE, 2, 100, InodeBody::Regular);
        state.put_inode(DIRECTORY, 2, 1, directory(InodeId::ROOT, 4));
        state.put_inode(ORPHAN, 0, 100, InodeBody::Regular);
        state.put_inode(
            SYMLINK,
            1,
            4,
            InodeBody::Symlink(Bytes::from_static(b"file")),
        );
        state.put_name(InodeId::ROOT, "file", FILE, FileKind::Regular, 3);
        state.put_name(
            InodeId::ROOT,
            "directory",
            DIRECTORY,
            FileKind::Directory,
            4,
        );
        state.put_name(InodeId::ROOT, "link", FILE, FileKind::Regular, 5);
        state.put_name(DIRECTORY, "symlink", SYMLINK, FileKind::Symlink, 3);
        state.put(keys::orphan(ORPHAN), b"");
        state.put(keys::block(BLOCK), &[7; 100]);
        state.put(keys::shared(BLOCK), &Shared { extents: 2 }.encode());
        state.put(keys::extent(FILE, 0), &part(BLOCK, 0, 100));
        state.put(keys::extent(FILE, 100), &zeros(50));
        state.put(keys::extent(ORPHAN, 0), &part(BLOCK, 0, 100));
        state.put(keys::xattr(FILE, b"user.color"), &Xattr::encode(b"green"));
        state.put(keys::position(), &PositionRecord::encode(b"note"));
        state.put_session();
        state.change(FILE, |inode| {
            inode.allocated = 150;
            inode.xattrs = 1;
        });
        state.change(ORPHAN, |inode| inode.allocated = 100);
        state
    }

    /// A root with nothing in it.
    pub(super) fn empty_tree() -> State {
        let mut state = State::empty();
        let volume = Volume {
            generation: 1,
            applied: LogIndex(7),
            next_inode: 2,
            next_block: 1,
            inodes: 1,
            allocated: 0,
            owners: OwnerCount::Off,
            trash: None,
            load: None,
        };
        state.put(keys::volume(), &volume.encode());
        state.put_inode(InodeId::ROOT, 2, 0, directory(InodeId::ROOT, 3));
        state
    }

    pub(crate) fn engine(&self) -> &MemoryEngine {
        &self.engine
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: &[u8]) {
        self.set(key, Some(Bytes::copy_from_slice(value)));
    }

    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.set(key, None);
    }

    fn set(&mut self, key: Vec<u8>, value: Option<Bytes>) {
        let mut batch = Batch::default();
        batch.set(key, value);
        self.engine.commit(batch).unwrap();
    }

    pub(super) fn get(&self, key: &[u8]) -> Bytes {
        self.engine.view().get(key).unwrap().unwrap()
    }

    pub(super) fn change(&mut self, ino: InodeId, change: impl FnOnce(&mut Inode)) {
        let mut inode = Inode::decode(&self.get(&keys::inode(ino))).unwrap();
        change(&mut inode);
        self.put(keys::inode(ino), &inode.encode());
    }

    pub(super) fn change_volume(&mut self, change: impl FnOnce(&mut Volume)) {
        let mut volume = Volume::decode(&self.get(&keys::volume())).unwrap();
        change(&mut volume);
        self.put(keys::volume(), &volume.encode());
    }

    pub(super) fn volume(&self) -> Volume {
        Volume::decode(&self.get(&keys::volume())).unwrap()
    }

    /// Session 2 is open and waits for the outcomes from 7 on; session 1 is closed.
    fn put_session(&mut self) {
        let session = SessionRecord {
            acknowledged: 7,
            opened: Timestamp::default(),
            process: 1,
            host: "host".to_owned(),
            version: "1".to_owned(),
            mountpoint: "/mnt".to_owned(),
        };
        self.put(keys::session(SessionId(2)), &session.encode());
        self.put(keys::closed_session(SessionId(1)), b"");
        for sequence in [7, 9] {
            let outcome = Err(PosixError::Exists);
            let key = keys::request_of(SessionId(2), sequence);
            self.put(key, &OutcomeRecord { outcome }.encode());
        }
    }

    fn put_inode(&mut self, ino: InodeId, nlink: u32, size: u64, body: InodeBody) {
        let inode = Inode {
            mode: Mode::new(0o755),
            flags: InodeFlags::default(),
            uid: 0,
            gid: 0,
            nlink,
            generation: 1,
            device: 0,
            project: 0,
            xattrs: 0,
            size,
            allocated: 0,
            atime: Timestamp::default(),
            mtime: Timestamp::default(),
            ctime: Timestamp::default(),
            btime: Timestamp::default(),
            tree: None,
            places: Places::default(),
            body,
        };
        self.put(keys::inode(ino), &inode.encode());
    }

    pub(super) fn put_name(
        &mut self,
        parent: InodeId,
        name: &str,
        ino: InodeId,
        kind: FileKind,
        cookie: u64,
    ) {
        let name = FileName::new(name.as_bytes()).unwrap();
        let cookie = Cookie(cookie);
        let dentry = Dentry { ino, kind, cookie };
        self.put(keys::dentry(parent, name.as_bytes()), &dentry.encode());
        let order = OrderEntry { ino, kind, name };
        self.put(keys::order(parent, cookie), &order.encode());
    }

    pub(super) fn violations(&self) -> Vec<String> {
        let violations = check(&self.engine.view(), &mut |_| ()).unwrap();
        violations.iter().map(ToString::to_string).collect()
    }

    /// Some violation contains this text.
    pub(super) fn expect(&self, text: &str) {
        let violations = self.violations();
        let found = violations.iter().any(|violation| violation.contains(text));
        assert!(found, "{text:?} is not among {violations:#?}");
    }
}

fn directory(parent: InodeId, next_cookie: u64) -> InodeBody {
    InodeBody::Directory(DirectoryBody {
        parent,
        next_cookie: Cookie(next_cookie),
    })
}

pub(super) fn zeros(length: u64) -> Bytes {
    Extent {
        length,
        home: ExtentHome::Zero,
    }
    .encode()
}

pub(super) fn part(block: BlockId, start: u64, length: u64) -> Bytes {
    Extent {
        length,
        home: ExtentHome::Block { block, start },
    }
    .encode()
}
