//! The FUSE side: what the kernel asks of the disk, and what is recorded of it.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use parking_lot::Mutex;

use super::contents::{Change, Node};
use super::{Contents, Recording};

/// Nobody but the kernel changes it.
const TIMEOUT: Duration = Duration::from_hours(1);
const BLOCK_BYTES: u32 = 4096;
const BLOCKS: u64 = 1 << 24;

#[derive(Debug)]
pub(super) struct Recorder {
    recording: Arc<Mutex<Recording>>,
}

impl Recorder {
    pub(super) fn new(recording: Arc<Mutex<Recording>>) -> Recorder {
        Recorder { recording }
    }

    /// A new file or directory with this name.
    fn enter(&self, parent: INodeNo, name: &OsStr, is_directory: bool) -> Result<FileAttr, Errno> {
        let mut recording = self.recording.lock();
        if recording.contents.find(parent.0, name).is_some() {
            return Err(Errno::EEXIST);
        }
        let last = recording.contents.nodes.last_key_value();
        let ino = last.map_or(0, |(ino, _)| *ino) + 1;
        recording.record(Change::Enter {
            directory: parent.0,
            name: name.to_owned(),
            ino,
            is_directory,
        });
        attributes(&recording.contents, ino)
    }

    fn leave(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        let mut recording = self.recording.lock();
        let contents = &recording.contents;
        let ino = contents.find(parent.0, name).ok_or(Errno::ENOENT)?;
        if contents.names(ino).is_some_and(|names| !names.is_empty()) {
            return Err(Errno::ENOTEMPTY);
        }
        recording.record(Change::Leave {
            directory: parent.0,
            name: name.to_owned(),
        });
        Ok(())
    }
}

fn attributes(contents: &Contents, ino: u64) -> Result<FileAttr, Errno> {
    let node = contents.nodes.get(&ino).ok_or(Errno::ESTALE)?;
    let (kind, size) = match node {
        Node::File(bytes) => (FileType::RegularFile, bytes.len() as u64),
        Node::Directory(_) => (FileType::Directory, 0),
    };
    let time: SystemTime = UNIX_EPOCH;
    Ok(FileAttr {
        ino: INodeNo(ino),
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm: 0o700,
        // The kernel counts from here on, and links no file that has none.
        nlink: contents.links(ino).max(1),
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    })
}

fn answer(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(result: Result<FileAttr, Errno>, reply: ReplyEntry) {
    match result {
        Ok(attributes) => reply.entry(&TIMEOUT, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl fuser::Filesystem for Recorder {
    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let contents = &self.recording.lock().contents;
        let found = contents.find(parent.0, name).ok_or(Errno::ENOENT);
        entry(found.and_then(|ino| attributes(contents, ino)), reply);
    }

    fn getattr(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        match attributes(&self.recording.lock().contents, ino.0) {
            Ok(attributes) => reply.attr(&TIMEOUT, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _request: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut recording = self.recording.lock();
        if let Some(length) = size {
            let length = length as usize;
            recording.record(Change::Resize { ino: ino.0, length });
        }
        match attributes(&recording.contents, ino.0) {
            Ok(attributes) => reply.attr(&TIMEOUT, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        entry(self.enter(parent, name, true), reply);
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.leave(parent, name), reply);
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(self.leave(parent, name), reply);
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            reply.error(Errno::EINVAL);
            return;
        }
        self.recording.lock().record(Change::Rename {
            from: (parent.0, name.to_owned()),
            to: (new_parent.0, new_name.to_owned()),
        });
        reply.ok();
    }

    fn link(
        &self,
        _request: &Request,
        ino: INodeNo,
        new_parent: INodeNo,
        new_name: &OsStr,
        reply: ReplyEntry,
    ) {
        let mut recording = self.recording.lock();
        recording.record(Change::Enter {
            directory: new_parent.0,
            name: new_name.to_owned(),
            ino: ino.0,
            is_directory: false,
        });
        entry(attributes(&recording.contents, ino.0), reply);
    }

    fn open(&self, _request: &Request, _ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn create(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.enter(parent, name, false) {
            Ok(attributes) => reply.created(
                &TIMEOUT,
                &attributes,
                Generation(0),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let recording = self.recording.lock();
        match recording.contents.file(ino.0) {
            Some(bytes) => {
                let begin = bytes.len().min(offset as usize);
                let end = bytes.len().min(begin + size as usize);
                reply.data(&bytes[begin..end]);
            }
            None => reply.error(Errno::EISDIR),
        }
    }

    fn write(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.recording.lock().record(Change::Write {
            ino: ino.0,
            offset: offset as usize,
            bytes: data.into(),
        });
        reply.written(data.len() as u32);
    }

    fn flush(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsync(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        let mut recording = self.recording.lock();
        let ino = ino.0;
        if recording.sync_fails() {
            recording.record(Change::FailedSync { ino });
            reply.error(Errno::EIO);
        } else {
            recording.record(Change::Sync { ino });
            reply.ok();
        }
    }

    fn readdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let recording = self.recording.lock();
        let Some(names) = recording.contents.names(ino.0) else {
            reply.error(Errno::ENOTDIR);
            return;
        };
        let kind = |ino: u64| match recording.contents.nodes[&ino] {
            Node::File(_) => FileType::RegularFile,
            Node::Directory(_) => FileType::Directory,
        };
        for (number, (name, ino)) in names.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*ino), number as u64 + 1, kind(*ino), name) {
                break;
            }
        }
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        let mut recording = self.recording.lock();
        if recording.sync_fails() {
            reply.error(Errno::EIO);
        } else {
            recording.record(Change::SyncDirectory { ino: ino.0 });
            reply.ok();
        }
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let files = 1 << 20;
        reply.statfs(
            BLOCKS,
            BLOCKS,
            BLOCKS,
            files,
            files,
            BLOCK_BYTES,
            255,
            BLOCK_BYTES,
        );
    }
}
