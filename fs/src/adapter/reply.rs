//! Sends results to the kernel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bytes::Bytes;
use fuser::{
    Errno, FileHandle, FopenFlags, INodeNo, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLock, ReplyLseek, ReplyOpen,
    ReplyStatfs, ReplyWrite, ReplyXattr,
};
use holdfast_metadata::{Attributes, DirectoryEntry, LockMode, limits};

use super::encode;
use crate::filesystem::{DirectorySink, Obstacle, Opened, Statfs};
use crate::open_files::Handle;

/// How long the kernel may believe what it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) entry: Duration,
    pub(crate) attribute: Duration,
}

type Answer<T> = Result<T, i32>;

/// A name that does not exist is as good as one that does: the kernel remembers it as long.
pub(super) fn lookup(reply: ReplyEntry, answer: Answer<Attributes>, timeouts: Timeouts) {
    if answer == Err(libc::ENOENT) && !timeouts.entry.is_zero() {
        let nothing = Duration::ZERO;
        let generation = fuser::Generation(0);
        reply.entry_with_ttls(&nothing, &timeouts.entry, &encode::no_entry(), generation);
    } else {
        entry(reply, answer, timeouts);
    }
}

pub(super) fn entry(reply: ReplyEntry, answer: Answer<Attributes>, timeouts: Timeouts) {
    match answer {
        Ok(found) => reply.entry_with_ttls(
            &timeouts.attribute,
            &timeouts.entry,
            &encode::attributes(&found),
            encode::generation(&found),
        ),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn attributes(reply: ReplyAttr, answer: Answer<Attributes>, timeouts: Timeouts) {
    match answer {
        Ok(found) => reply.attr(&timeouts.attribute, &encode::attributes(&found)),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

/// FUSE has one timeout here for the entry and its attributes.
pub(super) fn created(
    reply: ReplyCreate,
    answer: Answer<(Attributes, Handle)>,
    timeouts: Timeouts,
    direct: bool,
) {
    match answer {
        Ok((made, handle)) => reply.created(
            &timeouts.attribute.min(timeouts.entry),
            &encode::attributes(&made),
            encode::generation(&made),
            FileHandle(handle.0),
            direct_flag(direct),
        ),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

/// Whether reads and writes go past the kernel's page cache.
fn direct_flag(direct: bool) -> FopenFlags {
    if direct {
        FopenFlags::FOPEN_DIRECT_IO
    } else {
        FopenFlags::empty()
    }
}

pub(super) fn opened(reply: ReplyOpen, answer: Answer<Opened>, direct: bool) {
    match answer {
        Ok(opened) => {
            let mut flags = direct_flag(direct);
            flags.set(FopenFlags::FOPEN_KEEP_CACHE, opened.keep_cache && !direct);
            reply.opened(FileHandle(opened.handle.0), flags);
        }
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn directory(reply: ReplyOpen, answer: Answer<Handle>) {
    match answer {
        Ok(handle) => reply.opened(FileHandle(handle.0), FopenFlags::empty()),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn empty(reply: ReplyEmpty, answer: Answer<()>) {
    match answer {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn data(reply: ReplyData, answer: Answer<impl AsRef<[u8]>>) {
    match answer {
        Ok(bytes) => reply.data(bytes.as_ref()),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn written(reply: ReplyWrite, answer: Answer<u64>) {
    match answer.map(u32::try_from) {
        Ok(Ok(length)) => reply.written(length),
        Ok(Err(_)) => reply.error(Errno::EIO),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn offset(reply: ReplyLseek, answer: Answer<u64>) {
    match answer.map(i64::try_from) {
        Ok(Ok(offset)) => reply.offset(offset),
        Ok(Err(_)) => reply.error(Errno::EOVERFLOW),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

/// Who is in the way of a lock, or that nobody is.
pub(super) fn obstacle(reply: ReplyLock, answer: Answer<Option<Obstacle>>) {
    match answer {
        Ok(None) => reply.locked(0, 0, libc::F_UNLCK, 0),
        Ok(Some(Obstacle {
            range,
            mode,
            process,
        })) => {
            let kind = match mode {
                LockMode::Shared => libc::F_RDLCK,
                LockMode::Exclusive => libc::F_WRLCK,
            };
            let last = i64::MAX as u64;
            reply.locked(range.start.min(last), range.end.min(last), kind, process);
        }
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn ioctl(reply: ReplyIoctl, answer: Answer<Vec<u8>>) {
    match answer {
        Ok(bytes) => reply.ioctl(0, &bytes),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

/// A caller that gives no room asks for the size.
pub(super) fn xattr(reply: ReplyXattr, answer: Answer<impl Into<Bytes>>, size: u32) {
    match answer.map(Into::into) {
        Ok(value) if size == 0 => reply.size(value.len() as u32),
        Ok(value) if value.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(value) => reply.data(&value),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

pub(super) fn statfs(reply: ReplyStatfs, answer: Answer<Statfs>) {
    match answer {
        Ok(counts) => reply.statfs(
            counts.blocks,
            counts.blocks_free,
            counts.blocks_free,
            counts.inodes,
            counts.inodes_free,
            limits::BLOCK_BYTES,
            limits::NAME_BYTES_MAX as u32,
            limits::BLOCK_BYTES,
        ),
        Err(errno) => reply.error(Errno::from_i32(errno)),
    }
}

/// A directory reply that fills up.
pub(super) struct Page<T> {
    pub(super) reply: T,
    pub(super) timeouts: Timeouts,
    pub(super) is_empty: bool,
}

impl<T> Page<T> {
    pub(super) fn new(reply: T, timeouts: Timeouts) -> Page<T> {
        Page {
            reply,
            timeouts,
            is_empty: true,
        }
    }
}

impl DirectorySink for Page<ReplyDirectory> {
    const WITH_ATTRIBUTES: bool = false;

    fn add(&mut self, entry: &DirectoryEntry) -> bool {
        let name = OsStr::from_bytes(&entry.name);
        let ino = INodeNo(entry.ino.get());
        let is_full = self
            .reply
            .add(ino, entry.cookie.0, encode::kind(entry.kind), name);
        self.is_empty &= is_full;
        !is_full
    }
}

impl DirectorySink for Page<ReplyDirectoryPlus> {
    const WITH_ATTRIBUTES: bool = true;

    fn add(&mut self, entry: &DirectoryEntry) -> bool {
        let name = OsStr::from_bytes(&entry.name);
        let (shown, generation) = match &entry.attributes {
            Some(found) => (encode::attributes(found), encode::generation(found)),
            None => (
                encode::only_number(entry.ino.get(), entry.kind),
                fuser::Generation(0),
            ),
        };
        let timeout = self.timeouts.attribute.min(self.timeouts.entry);
        let ino = INodeNo(entry.ino.get());
        let is_full = self
            .reply
            .add(ino, entry.cookie.0, name, &timeout, &shown, generation);
        self.is_empty &= is_full;
        !is_full
    }
}
