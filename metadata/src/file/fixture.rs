//! Two empty files in memory, short ways to change them, and the check of what must always hold.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::command::{CopyRange, Fallocate, FallocateMode, Write, WritePosition};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::limits::WRITE_BYTES_MAX;
use crate::ops::{self, Context, Stop};
use crate::outcome::{Answer, PosixError, Reply};
use crate::queries;
use crate::query::SeekTarget;
use crate::quota::Ledger;
use crate::record::{Extent, ExtentHome, Inode, InodeBody, Places, Shared, Volume};
use crate::store::{Batch, Engine, MemoryEngine, Overlay, View};
use crate::types::{Credentials, InodeFlags, InodeId, LogIndex, Mode, OwnerCount, Timestamp};

pub(crate) const FIRST: InodeId = InodeId::new(2);
pub(crate) const SECOND: InodeId = InodeId::new(3);

pub(crate) struct Fixture {
    engine: MemoryEngine,
    pub(crate) volume: Volume,
    pub(crate) credentials: Credentials,
}

type Entries = Vec<(Vec<u8>, Bytes)>;

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let engine = MemoryEngine::new();
        let mut batch = Batch::default();
        for ino in [FIRST, SECOND] {
            batch.set(keys::inode(ino), Some(empty_file().encode()));
        }
        engine.commit(batch).unwrap();
        let volume = Volume {
            generation: 1,
            applied: LogIndex::default(),
            next_inode: 4,
            next_block: 1,
            inodes: 2,
            allocated: 0,
            owners: OwnerCount::Off,
            trash: None,
            load: None,
        };
        Fixture {
            engine,
            volume,
            credentials: Credentials::ROOT,
        }
    }

    /// Runs one operation; what it changed stays only if it succeeds.
    pub(crate) fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Context<'_>) -> Result<T, Stop>,
    ) -> Result<T, PosixError> {
        let mut overlay = Overlay::new(self.engine.view());
        let mut volume = self.volume;
        let mut context = Context {
            state: &mut overlay,
            volume: &mut volume,
            now: Timestamp::default(),
            request: None,
            news: &mut Vec::new(),
            changes: None,
            credentials: &self.credentials,
            ledger: Ledger::default(),
        };
        match operation(&mut context) {
            Ok(answer) => {
                overlay.accept();
                let batch = overlay.into_batch();
                self.engine.commit(batch).unwrap();
                self.volume = volume;
                Ok(answer)
            }
            Err(Stop::Posix(error) | Stop::PosixChanged(error)) => Err(error),
            Err(Stop::Fault(fault)) => panic!("{fault}"),
        }
    }

    pub(crate) fn query<T>(&self, ask: impl FnOnce(&dyn View) -> T) -> T {
        ask(&self.engine.view())
    }

    pub(crate) fn write(
        &mut self,
        ino: InodeId,
        offset: u64,
        data: &[u8],
    ) -> Result<Answer, PosixError> {
        self.write_at(ino, WritePosition::At(offset), data)
    }

    pub(crate) fn append(&mut self, ino: InodeId, data: &[u8]) -> Result<Answer, PosixError> {
        self.write_at(ino, WritePosition::End, data)
    }

    fn write_at(
        &mut self,
        ino: InodeId,
        position: WritePosition,
        data: &[u8],
    ) -> Result<Answer, PosixError> {
        let write = Write {
            ino,
            position,
            data: Bytes::copy_from_slice(data),
            clear_privileges: false,
        };
        self.run(|context| ops::write::apply(context, &write))
    }

    pub(crate) fn fallocate(
        &mut self,
        ino: InodeId,
        offset: u64,
        length: u64,
        mode: FallocateMode,
    ) -> Result<Answer, PosixError> {
        let fallocate = Fallocate {
            ino,
            offset,
            length,
            mode,
        };
        self.run(|context| ops::fallocate::apply(context, fallocate))
    }

    pub(crate) fn copy(
        &mut self,
        source: InodeId,
        source_offset: u64,
        destination: InodeId,
        destination_offset: u64,
        length: u64,
    ) -> Result<Answer, PosixError> {
        let copy = CopyRange {
            source,
            source_offset,
            destination,
            destination_offset,
            length,
        };
        self.run(|context| ops::copy_range::apply(context, copy))
    }

    pub(crate) fn truncate(&mut self, ino: InodeId, size: u64) -> Result<(), PosixError> {
        self.run(|context| {
            let mut inode = context.regular(ino)?;
            super::truncate(context, ino, &mut inode, size)?;
            context.put_inode(ino, &inode);
            Ok(())
        })
    }

    pub(crate) fn edit(&mut self, ino: InodeId, change: impl FnOnce(&mut Inode)) {
        let mut inode = self.inode(ino);
        change(&mut inode);
        self.run(|context| {
            context.put_inode(ino, &inode);
            Ok(())
        })
        .unwrap();
    }

    /// Takes the last name.
    pub(crate) fn orphan(&mut self, ino: InodeId) {
        self.edit(ino, |inode| inode.nlink = 0);
        self.run(|context| {
            context.state.put(keys::orphan(ino), Bytes::new());
            Ok(())
        })
        .unwrap();
    }

    pub(crate) fn lose_blocks(&mut self) {
        let blocks = self.entries(Prefix::Block);
        self.run(|context| {
            for (key, _) in blocks {
                context.state.delete(key);
            }
            Ok(())
        })
        .unwrap();
    }

    pub(crate) fn inode(&self, ino: InodeId) -> Inode {
        Inode::decode(&self.value(&keys::inode(ino)).unwrap()).unwrap()
    }

    pub(crate) fn read(&self, ino: InodeId, offset: u64, length: u32) -> Vec<u8> {
        match self.query(|view| queries::read::answer(view, ino, offset, length)) {
            Ok(Reply::Data { bytes, .. }) => bytes,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn seek(
        &self,
        ino: InodeId,
        offset: u64,
        target: SeekTarget,
    ) -> Result<u64, PosixError> {
        match self.query(|view| queries::seek::answer(view, ino, offset, target)) {
            Ok(Reply::Offset(found)) => Ok(found),
            Err(Stop::Posix(error) | Stop::PosixChanged(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn value(&self, key: &[u8]) -> Option<Bytes> {
        self.engine.view().get(key).unwrap()
    }

    /// Offset and length of each extent.
    pub(crate) fn extents(&self, ino: InodeId) -> Vec<(u64, u64)> {
        let (start, end) = keys::extents_of(ino);
        self.scan(&start, &end)
            .iter()
            .map(|(key, value)| {
                let offset = keys::second_number(key).unwrap();
                (offset, Extent::decode(value).unwrap().length)
            })
            .collect()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.entries(Prefix::Block).len()
    }

    /// How many keys there are in all.
    pub(crate) fn keys(&self) -> usize {
        self.scan(&[0], &[u8::MAX]).len()
    }

    /// Extents do not overlap and add up, show bytes that are there, and are counted.
    pub(crate) fn check(&self) {
        let mut references = BTreeMap::new();
        let mut allocated = 0;
        for ino in [FIRST, SECOND] {
            let inode = self.inode(ino);
            let sum = self.check_file(ino, &inode, &mut references);
            assert_eq!(inode.allocated, sum, "allocated bytes of {ino}");
            allocated += sum;
        }
        assert_eq!(
            self.volume.allocated, allocated,
            "allocated bytes of the volume"
        );
        let shared: BTreeMap<u64, u64> = self
            .entries(Prefix::Shared)
            .iter()
            .map(|(key, value)| {
                (
                    keys::first_number(key).unwrap(),
                    Shared::decode(value).unwrap().extents,
                )
            })
            .collect();
        let mut expected = references.clone();
        expected.retain(|_, extents| *extents > 1);
        assert_eq!(shared, expected, "counts of shared blocks");
        let mut blocks = self.entries(Prefix::Block).into_iter();
        assert_eq!(blocks.len(), references.len(), "blocks without an extent");
        assert!(blocks.all(|(_, value)| value.len() <= WRITE_BYTES_MAX));
    }

    fn check_file(&self, ino: InodeId, inode: &Inode, references: &mut BTreeMap<u64, u64>) -> u64 {
        let (start, end) = keys::extents_of(ino);
        let mut sum = 0;
        let mut free = 0;
        for (key, value) in self.scan(&start, &end) {
            let offset = keys::second_number(&key).unwrap();
            let extent = Extent::decode(&value).unwrap();
            assert!(
                offset >= free,
                "an extent of {ino} at {offset} overlaps one up to {free}"
            );
            free = offset + extent.length;
            sum += extent.length;
            if let ExtentHome::Block { block, start } = extent.home {
                let bytes = self.value(&keys::block(block)).unwrap();
                assert!(start + extent.length <= bytes.len() as u64);
                assert!(free <= inode.size, "bytes of {ino} past its end");
                *references.entry(block.0).or_default() += 1;
            }
        }
        sum
    }

    fn entries(&self, prefix: Prefix) -> Entries {
        let (start, end) = keys::all(prefix);
        self.scan(&start, &end)
    }

    fn scan(&self, start: &[u8], end: &[u8]) -> Entries {
        let mut entries = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| -> Result<ControlFlow<()>, Fault> {
            entries.push((key.to_vec(), Bytes::copy_from_slice(value)));
            Ok(ControlFlow::Continue(()))
        };
        self.engine.view().scan(start, end, &mut visit).unwrap();
        entries
    }
}

fn empty_file() -> Inode {
    Inode {
        mode: Mode::new(0o644),
        flags: InodeFlags::default(),
        uid: 0,
        gid: 0,
        nlink: 1,
        generation: 1,
        device: 0,
        project: 0,
        xattrs: 0,
        size: 0,
        allocated: 0,
        atime: Timestamp::default(),
        mtime: Timestamp::default(),
        ctime: Timestamp::default(),
        btime: Timestamp::default(),
        tree: None,
        places: Places::default(),
        body: InodeBody::Regular,
    }
}
