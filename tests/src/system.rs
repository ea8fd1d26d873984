//! System calls that neither std nor nix wraps; the only unsafe code of the suites.
#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; every test goes through this file"
)]

pub mod allocation;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Error};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};

use libc::{c_int, c_void};

/// Memory that shows a file, or that nothing else shows.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<c_void>,
    length: usize,
}

impl Mapping {
    /// The first bytes of a file, to read and to write.
    pub fn shared(file: &File, length: usize) -> io::Result<Mapping> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        Mapping::new(length, access, libc::MAP_SHARED, file.as_raw_fd())
    }

    /// Zeroed memory that begins at a page, as direct I/O wants it.
    pub fn anonymous(length: usize) -> io::Result<Mapping> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        Mapping::new(length, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
    }

    fn new(length: usize, access: c_int, flags: c_int, fd: c_int) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address the kernel chooses touches no memory of ours.
        let address = unsafe { libc::mmap(ptr::null_mut(), length, access, flags, fd, 0) };
        if address == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        let address = NonNull::new(address).ok_or_else(Error::last_os_error)?;
        Ok(Mapping { address, length })
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is that long, lives as long as `self`, and is borrowed from it alone.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr().cast(), self.length) }
    }

    /// Writes what was changed to the file.
    pub fn sync(&self) -> io::Result<()> {
        // SAFETY: the range is the mapping.
        check(unsafe { libc::msync(self.address.as_ptr(), self.length, libc::MS_SYNC) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the mapping, and nothing borrows from it any more.
        unsafe { libc::munmap(self.address.as_ptr(), self.length) };
    }
}

/// Tells the filesystem of a file to answer nothing any more (`XFS_IOC_GOINGDOWN`).
pub fn shut_down(file: &File) -> io::Result<()> {
    const GOING_DOWN: libc::c_ulong = 0x8004_587d;
    let mut flags = 0_u32;
    // SAFETY: the argument is a number of four bytes, which outlives the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), GOING_DOWN, &raw mut flags) })
}

/// What `lsattr(1)` shows of a file or directory (`FS_IOC_GETFLAGS`).
pub fn inode_flags(file: &File) -> io::Result<u32> {
    const GET_FLAGS: libc::c_ulong = 0x8008_6601;
    // The number of the call speaks of eight bytes, and of those the first four are written.
    let mut flags = [0_u32; 2];
    // SAFETY: the argument has eight bytes, and outlives the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), GET_FLAGS, &raw mut flags) })?;
    Ok(flags[0])
}

/// `flock(2)`
pub fn flock(file: &File, operation: c_int) -> io::Result<()> {
    // SAFETY: nothing but numbers.
    check(unsafe { libc::flock(file.as_raw_fd(), operation) })
}

/// Has a signal interrupt system calls, and do nothing else: without `SA_RESTART` they fail with EINTR.
pub fn interrupt_by(signal: c_int) -> io::Result<()> {
    extern "C" fn nothing(_signal: c_int) {}
    // SAFETY: all zeros are a valid action, and the handler does nothing.
    check(unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    })
}

/// `lsetxattr(2)`; `flags` are `XATTR_CREATE` and `XATTR_REPLACE`.
pub fn set_xattr(path: &Path, name: &str, value: &[u8], flags: c_int) -> io::Result<()> {
    let (path, name) = (c_path(path)?, CString::new(name)?);
    let (data, length) = (value.as_ptr().cast(), value.len());
    // SAFETY: both strings end with NUL and the value is that long.
    check(unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), data, length, flags) })
}

/// `lgetxattr(2)` into a buffer of 64 KiB.
pub fn get_xattr(path: &Path, name: &str) -> io::Result<Vec<u8>> {
    let (path, name) = (c_path(path)?, CString::new(name)?);
    let mut value = vec![0; 65536];
    let (data, length) = (value.as_mut_ptr().cast(), value.len());
    // SAFETY: both strings end with NUL and the buffer is that long.
    let read = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), data, length) };
    value.truncate(size(read)?);
    Ok(value)
}

/// `lgetxattr(2)` into a buffer of this length.
pub fn get_xattr_into(path: &Path, name: &str, buffer: &mut [u8]) -> io::Result<usize> {
    let (path, name) = (c_path(path)?, CString::new(name)?);
    let (data, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: both strings end with NUL and the buffer is that long.
    size(unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), data, length) })
}

/// `lremovexattr(2)`.
pub fn remove_xattr(path: &Path, name: &str) -> io::Result<()> {
    let (path, name) = (c_path(path)?, CString::new(name)?);
    // SAFETY: both strings end with NUL.
    check(unsafe { libc::lremovexattr(path.as_ptr(), name.as_ptr()) })
}

/// `llistxattr(2)` into a buffer of 64 KiB.
pub fn list_xattrs(path: &Path) -> io::Result<Vec<String>> {
    let path = c_path(path)?;
    let mut names = vec![0_u8; 65536];
    let (data, length) = (names.as_mut_ptr().cast(), names.len());
    // SAFETY: the path ends with NUL and the buffer is that long.
    names.truncate(size(unsafe {
        libc::llistxattr(path.as_ptr(), data, length)
    })?);
    let names = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    Ok(names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

/// What `name_to_handle_at(2)` gives out.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct Handle {
    length: u32,
    kind: i32,
    data: [u8; 128],
}

impl Handle {
    /// The handle of the inode at a path.
    pub fn of(path: &Path) -> io::Result<Handle> {
        let path = c_path(path)?;
        let mut handle = Handle {
            length: 128,
            kind: 0,
            data: [0; 128],
        };
        let mut mount: c_int = 0;
        // SAFETY: the layout is that of `struct file_handle` with room for 128 bytes, as it says.
        let result = unsafe {
            libc::syscall(
                libc::SYS_name_to_handle_at,
                libc::AT_FDCWD,
                path.as_ptr(),
                &raw mut handle,
                &raw mut mount,
                0,
            )
        };
        size(result as isize)?;
        Ok(handle)
    }

    /// Opens the inode, wherever it is now; `mount` is any file of the same mount.
    pub fn open(&mut self, mount: &File) -> io::Result<File> {
        let (mount, flags) = (mount.as_raw_fd(), libc::O_RDONLY | libc::O_CLOEXEC);
        // SAFETY: the handle came from `name_to_handle_at`.
        let fd =
            unsafe { libc::syscall(libc::SYS_open_by_handle_at, mount, &raw mut *self, flags) };
        let fd = size(fd as isize)? as c_int;
        // SAFETY: the kernel gave this descriptor to us alone.
        Ok(unsafe { File::from_raw_fd(fd) })
    }
}

/// One line of a directory as the kernel gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Of the inode.
    pub ino: u64,
    /// Where the listing goes on after this line.
    pub cookie: i64,
    /// `DT_DIR` and so on.
    pub kind: u8,
    /// Any bytes.
    pub name: Vec<u8>,
}

/// The next lines of an open directory: what fits in `bytes`. Nothing at its end.
pub fn read_directory(directory: &File, bytes: usize) -> io::Result<Vec<Line>> {
    let mut buffer = vec![0_u8; bytes];
    let (fd, data) = (directory.as_raw_fd(), buffer.as_mut_ptr());
    // SAFETY: the buffer is that long.
    let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, data, buffer.len()) };
    let mut rest = buffer.get(..size(read as isize)?).unwrap_or_default();
    let mut lines = Vec::new();
    // struct linux_dirent64: ino u64 | offset i64 | record length u16 | kind u8 | name, NUL
    while let (Some(head), Some(tail)) = (rest.get(..19), rest.get(19..)) {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        let length = usize::from(u16::from_ne_bytes([head[16], head[17]]));
        let name = tail.split(|byte| *byte == 0).next().unwrap_or_default();
        lines.push(Line {
            ino: number(0),
            cookie: number(8) as i64,
            kind: head[18],
            name: name.to_vec(),
        });
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(lines)
}

/// `copy_file_range(2)` between these offsets.
pub fn copy_range(
    source: (&File, i64),
    destination: (&File, i64),
    length: usize,
) -> io::Result<usize> {
    let (from, mut from_offset) = source;
    let (to, mut to_offset) = destination;
    // SAFETY: both offsets outlive the call.
    size(unsafe {
        libc::copy_file_range(
            from.as_raw_fd(),
            &raw mut from_offset,
            to.as_raw_fd(),
            &raw mut to_offset,
            length,
            0,
        )
    })
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn check(result: c_int) -> io::Result<()> {
    size(result as isize).map(drop)
}

fn size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| Error::last_os_error())
}
