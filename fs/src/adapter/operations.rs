//! One function an operation, in the order of `fuser`'s trait; a trait has one `impl`, hence the length.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, INodeNo, IoctlFlags,
    KernelConfig, LockOwner, OpenFlags, PollEvents, PollFlags, PollNotifier, ReplyAttr, ReplyBmap,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl,
    ReplyLock, ReplyLseek, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request,
    TimeOrNow, WriteFlags,
};
use holdfast_metadata::{CopyRange, Fallocate, SetXattr, Write};
use holdfast_replicator::PosixMetadataReplicator;

use super::reply::{self, Page};
use super::{Adapter, call, decode, negotiate};
use crate::filesystem::{Change, LockRequest, NodeKind};
use crate::ioctl::Ioctl;

impl<R: PosixMetadataReplicator> fuser::Filesystem for Adapter<R> {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        negotiate::negotiate(config, self.terms, self.filesystem.keeps_locks());
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (ino, name, timeouts) = (decode::ino(parent), name.as_bytes().to_vec(), self.timeouts);
        let caller = decode::caller(request);
        self.run(
            call("lookup", request, parent),
            move |fs| async move { fs.lookup(caller, ino, &name).await },
            move |answer| reply::lookup(reply, answer, timeouts),
        );
    }

    fn forget(&self, _request: &Request, ino: INodeNo, lookups: u64) {
        let _watch = self.runner.defects().watch();
        self.filesystem.forget(decode::ino(ino), lookups);
    }

    fn getattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        let timeouts = self.timeouts;
        self.run(
            call("getattr", request, ino),
            move |fs| async move { fs.getattr(decode::ino(ino)).await },
            move |answer| reply::attributes(reply, answer, timeouts),
        );
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let change = Change {
            mode,
            uid,
            gid,
            size,
            atime: atime.map(decode::new_time),
            mtime: mtime.map(decode::new_time),
            ctime: ctime.map(decode::timestamp),
        };
        let (caller, timeouts) = (decode::caller(request), self.timeouts);
        let through = handle.map(decode::handle);
        self.run(
            call("setattr", request, ino),
            move |fs| async move { fs.setattr(caller, decode::ino(ino), change, through).await },
            move |answer| reply::attributes(reply, answer, timeouts),
        );
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        self.run(
            call("readlink", request, ino),
            move |fs| async move { fs.readlink(decode::ino(ino)).await },
            move |answer| reply::data(reply, answer),
        );
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        device: u32,
        reply: ReplyEntry,
    ) {
        let creation = decode::creation(request, parent, name, mode, umask);
        let node = decode::kind(mode).map(|kind| NodeKind { kind, device });
        let timeouts = self.timeouts;
        self.run(
            call("mknod", request, parent),
            move |fs| async move { fs.mknod(creation?, node?).await },
            move |answer| reply::entry(reply, answer, timeouts),
        );
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let creation = decode::creation(request, parent, name, mode, umask);
        let timeouts = self.timeouts;
        self.run(
            call("mkdir", request, parent),
            move |fs| async move { fs.mkdir(creation?).await },
            move |answer| reply::entry(reply, answer, timeouts),
        );
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (caller, name) = (decode::caller(request), decode::name(name));
        self.run(
            call("unlink", request, parent),
            move |fs| async move { fs.unlink(caller, decode::ino(parent), name?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (caller, name) = (decode::caller(request), decode::name(name));
        self.run(
            call("rmdir", request, parent),
            move |fs| async move { fs.rmdir(caller, decode::ino(parent), name?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let (caller, name, timeouts) = (decode::caller(request), decode::name(name), self.timeouts);
        let target = Bytes::copy_from_slice(target.as_os_str().as_bytes());
        self.run(
            call("symlink", request, parent),
            move |fs| async move { fs.symlink(caller, decode::ino(parent), name?, target).await },
            move |answer| reply::entry(reply, answer, timeouts),
        );
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: fuser::RenameFlags,
        reply: ReplyEmpty,
    ) {
        let caller = decode::caller(request);
        let command = decode::rename((parent, name), (new_parent, new_name), flags);
        self.run(
            call("rename", request, parent),
            move |fs| async move { fs.rename(caller, command?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn link(
        &self,
        request: &Request,
        ino: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        let (caller, name, timeouts) = (decode::caller(request), decode::name(name), self.timeouts);
        let (inode, parent) = (decode::ino(ino), decode::ino(parent));
        self.run(
            call("link", request, ino),
            move |fs| async move { fs.link(caller, inode, parent, name?).await },
            move |answer| reply::entry(reply, answer, timeouts),
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (caller, mode) = (decode::caller(request), decode::open_mode(flags));
        let direct = self.appends_directly(flags.0);
        self.run(
            call("open", request, ino),
            move |fs| async move { fs.open(caller, decode::ino(ino), mode).await },
            move |answer| reply::opened(reply, answer, direct),
        );
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let keep_atime = flags.0 & libc::O_NOATIME != 0;
        let (ino_read, handle) = (decode::ino(ino), decode::handle(handle));
        self.run(
            call("read", request, ino),
            move |fs| async move { fs.read(ino_read, handle, offset, size, keep_atime).await },
            move |answer| reply::data(reply, answer),
        );
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let command = Write {
            ino: decode::ino(ino),
            position: decode::write_position(offset, write_flags, flags),
            data: Bytes::copy_from_slice(data),
            clear_privileges: decode::clears_privileges(request, write_flags),
        };
        let (caller, how) = (
            decode::caller(request),
            decode::write_use(handle, write_flags),
        );
        self.run(
            call("write", request, ino),
            move |fs| async move { fs.write(caller, how, command).await },
            move |answer| reply::written(reply, answer),
        );
    }

    /// Nothing is buffered here, but locks may end. Where they cannot, the kernel stops asking after this answer.
    fn flush(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        if !self.filesystem.keeps_locks() {
            return reply.error(Errno::ENOSYS);
        }
        self.run(
            call("flush", request, ino),
            move |fs| fs.flush(decode::ino(ino), decode::owner(lock_owner)),
            move |answer| reply::empty(reply, answer),
        );
    }

    /// The kernel does not wait for the answer.
    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        let _watch = self.runner.defects().watch();
        let releases = self
            .filesystem
            .release(decode::ino(ino), decode::handle(handle));
        if !releases.is_empty() {
            self.runner
                .spawn_beside(Arc::clone(&self.filesystem).give_up(releases));
        }
        reply.ok();
    }

    fn getlk(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        lock_owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        process: u32,
        reply: ReplyLock,
    ) {
        let lock = decode::lock(ino, (handle, lock_owner), (start, end), kind, process);
        self.run(
            call("getlk", request, ino),
            move |fs| async move { fs.getlk(lock?).await },
            move |answer| reply::obstacle(reply, answer),
        );
    }

    fn setlk(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        lock_owner: LockOwner,
        start: u64,
        end: u64,
        kind: i32,
        process: u32,
        sleep: bool,
        reply: ReplyEmpty,
    ) {
        let lock = decode::lock(ino, (handle, lock_owner), (start, end), kind, process);
        let lock = lock.map(|lock| LockRequest {
            wait: sleep,
            ..lock
        });
        let caller = decode::caller(request);
        self.run(
            call("setlk", request, ino).minding_signals(),
            move |fs| async move { fs.setlk(caller, lock?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn fsync(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        let (inode, handle) = (decode::ino(ino), decode::handle(handle));
        self.run(
            call("fsync", request, ino),
            move |fs| async move { fs.fsync(inode, handle).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let caller = decode::caller(request);
        self.run(
            call("opendir", request, ino),
            move |fs| async move { fs.opendir(caller, decode::ino(ino)).await },
            move |answer| reply::directory(reply, answer),
        );
    }

    fn readdir(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let call = call("readdir", request, ino);
        let page = Page::new(reply, self.timeouts);
        self.list(call, (ino, offset), page, |reply, listed| match listed {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(Errno::from_i32(errno)),
        });
    }

    fn readdirplus(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        reply: ReplyDirectoryPlus,
    ) {
        let call = call("readdirplus", request, ino);
        let page = Page::new(reply, self.timeouts);
        self.list(call, (ino, offset), page, |reply, listed| match listed {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(Errno::from_i32(errno)),
        });
    }

    fn releasedir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        let _watch = self.runner.defects().watch();
        self.filesystem.releasedir(decode::ino(ino));
        reply.ok();
    }

    fn fsyncdir(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        self.run(
            call("fsyncdir", request, ino),
            move |fs| async move { fs.sync().await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn statfs(&self, request: &Request, ino: INodeNo, reply: ReplyStatfs) {
        self.run(
            call("statfs", request, ino),
            move |fs| async move { fs.statfs(decode::ino(ino)).await },
            move |answer| reply::statfs(reply, answer),
        );
    }

    fn setxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let caller = decode::caller(request);
        let (name, value) = (name.as_bytes().into(), Bytes::copy_from_slice(value));
        let command = decode::set_xattr_mode(flags).map(|mode| SetXattr {
            ino: decode::ino(ino),
            name,
            value,
            mode,
        });
        self.run(
            call("setxattr", request, ino),
            move |fs| async move { fs.setxattr(caller, command?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        let (caller, name) = (decode::caller(request), name.as_bytes().to_vec());
        self.run(
            call("getxattr", request, ino),
            move |fs| async move { fs.getxattr(caller, decode::ino(ino), &name).await },
            move |answer| reply::xattr(reply, answer, size),
        );
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.run(
            call("listxattr", request, ino),
            move |fs| async move { fs.listxattr(decode::ino(ino)).await },
            move |answer| reply::xattr(reply, answer, size),
        );
    }

    fn removexattr(&self, request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (caller, name) = (decode::caller(request), name.as_bytes().to_vec());
        self.run(
            call("removexattr", request, ino),
            move |fs| async move { fs.removexattr(caller, decode::ino(ino), &name).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn access(&self, request: &Request, ino: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        let (caller, mask) = (decode::caller(request), mask.bits() as u8);
        self.run(
            call("access", request, ino),
            move |fs| async move { fs.access(caller, decode::ino(ino), mask).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let creation = decode::creation(request, parent, name, mode, umask);
        let exclusive = flags & libc::O_EXCL != 0;
        let mode = decode::open_mode(OpenFlags(flags));
        let (timeouts, direct) = (self.timeouts, self.appends_directly(flags));
        self.run(
            call("create", request, parent),
            move |fs| async move { fs.create(creation?, exclusive, mode).await },
            move |answer| reply::created(reply, answer, timeouts, direct),
        );
    }

    fn bmap(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _block_bytes: u32,
        _index: u64,
        reply: ReplyBmap,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn ioctl(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _flags: IoctlFlags,
        number: u32,
        data: &[u8],
        bytes_max: u32,
        reply: ReplyIoctl,
    ) {
        let (caller, wish) = (decode::caller(request), Ioctl::decode(number, data));
        let (inode, bytes_max) = (decode::ino(ino), bytes_max as usize);
        let (changes, kernel) = (wish.as_ref().is_ok_and(Ioctl::changes), self.kernel.clone());
        self.run(
            call("ioctl", request, ino),
            move |fs| async move { fs.ioctl(caller, inode, wish?, bytes_max).await },
            move |answer| {
                if changes {
                    kernel.forget_attributes(ino);
                }
                reply::ioctl(reply, answer);
            },
        );
    }

    /// A file is always ready. The kernel stops asking after this answer.
    fn poll(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _notifier: PollNotifier,
        _events: PollEvents,
        _flags: PollFlags,
        reply: ReplyPoll,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let caller = decode::caller(request);
        let command = decode::fallocate_mode(mode).map(|mode| Fallocate {
            ino: decode::ino(ino),
            offset,
            length,
            mode,
        });
        let handle = decode::handle(handle);
        self.run(
            call("fallocate", request, ino),
            move |fs| async move { fs.fallocate(caller, handle, command?).await },
            move |answer| reply::empty(reply, answer),
        );
    }

    fn lseek(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let target = decode::seek_target(whence);
        self.run(
            call("lseek", request, ino),
            move |fs| async move { fs.lseek(decode::ino(ino), offset, target?).await },
            move |answer| reply::offset(reply, answer),
        );
    }

    fn copy_file_range(
        &self,
        request: &Request,
        source: INodeNo,
        source_handle: FileHandle,
        source_offset: u64,
        destination: INodeNo,
        destination_handle: FileHandle,
        destination_offset: u64,
        length: u64,
        flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let caller = decode::caller(request);
        let command = CopyRange {
            source: decode::ino(source),
            source_offset,
            destination: decode::ino(destination),
            destination_offset,
            length,
        };
        let handles = (
            decode::handle(source_handle),
            decode::handle(destination_handle),
        );
        self.run(
            call("copy_file_range", request, source),
            move |fs| async move { fs.copy_file_range(caller, handles, command).await },
            move |answer| reply::written(reply, answer),
        );
    }
}
