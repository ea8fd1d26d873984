//! The ioctls of `chattr`, `lsattr`, project quotas and of shutting a mount down, as bytes.
//!
//! `struct fsxattr` is five `u32` (flags, extent size, extents, project, copy-on-write extent size)
//! and 8 bytes of padding.

use holdfast_metadata::{Attributes, InodeFlags, PosixError};

use crate::filesystem::FilesystemError;

/// A request of `ioctl(2)` that files and directories answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ioctl {
    /// `FS_IOC_GETFLAGS`
    GetFlags,
    /// `FS_IOC_SETFLAGS`
    SetFlags(InodeFlags),
    /// `FS_IOC_FSGETXATTR`
    GetExtended,
    /// `FS_IOC_FSSETXATTR`: the flags it can express, and the project.
    SetExtended {
        /// From now on, but for those it cannot express.
        flags: InodeFlags,
        /// From now on.
        project: u32,
    },
    /// `XFS_IOC_GOINGDOWN`, of ext4 `EXT4_IOC_SHUTDOWN`: whether to flush first the kernel does not pass on, because the
    /// number says that the argument is an answer.
    Shutdown,
}

const GET_FLAGS: u32 = 0x8008_6601;
const GET_FLAGS_32: u32 = 0x8004_6601;
const SET_FLAGS: u32 = 0x4008_6602;
const SET_FLAGS_32: u32 = 0x4004_6602;
const GET_EXTENDED: u32 = 0x801c_581f;
const SET_EXTENDED: u32 = 0x401c_5820;
const SHUTDOWN: u32 = 0x8004_587d;

const EXTENDED_BYTES: usize = 28;

/// The number in `fsxattr` and the flag it stands for.
const EXTENDED_FLAGS: [(u32, u32); 5] = [
    (0x08, InodeFlags::IMMUTABLE),
    (0x10, InodeFlags::APPEND),
    (0x20, InodeFlags::SYNC),
    (0x40, InodeFlags::NO_ATIME),
    (0x80, InodeFlags::NO_DUMP),
];
/// Flags that `fsxattr` cannot express; setting the others leaves them as they are.
pub(crate) const NOT_EXTENDED: u32 = InodeFlags::DIRECTORY_SYNC;

impl Ioctl {
    /// Takes a request apart.
    pub(crate) fn decode(number: u32, data: &[u8]) -> Result<Ioctl, FilesystemError> {
        match number {
            GET_FLAGS | GET_FLAGS_32 => Ok(Ioctl::GetFlags),
            GET_EXTENDED => Ok(Ioctl::GetExtended),
            SET_FLAGS | SET_FLAGS_32 => {
                let bits = number_at(data, 0)?;
                let flags = InodeFlags::new(bits).ok_or(PosixError::NotSupported)?;
                Ok(Ioctl::SetFlags(flags))
            }
            SET_EXTENDED => Ok(Ioctl::SetExtended {
                flags: from_extended(number_at(data, 0)?)?,
                project: number_at(data, 12)?,
            }),
            SHUTDOWN => Ok(Ioctl::Shutdown),
            _ => Err(FilesystemError::UnknownIoctl),
        }
    }

    /// Whether it changes the inode, which the kernel does not expect of an ioctl.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Ioctl::SetFlags(_) | Ioctl::SetExtended { .. } => true,
            Ioctl::GetFlags | Ioctl::GetExtended | Ioctl::Shutdown => false,
        }
    }
}

/// What `FS_IOC_GETFLAGS` gives: the kernel has room for 4 bytes or for a `long`.
pub(crate) fn encode_flags(attributes: &Attributes, bytes_max: usize) -> Vec<u8> {
    let mut bytes = u64::from(attributes.flags.bits()).to_ne_bytes().to_vec();
    bytes.truncate(bytes_max);
    bytes
}

/// What `FS_IOC_FSGETXATTR` gives.
pub(crate) fn encode_extended(attributes: &Attributes) -> Vec<u8> {
    let expressed = |(_, flag): &&(u32, u32)| attributes.flags.has_any(*flag);
    let flags = EXTENDED_FLAGS
        .iter()
        .filter(expressed)
        .fold(0, |all, (bit, _)| all | bit);
    let mut bytes = Vec::with_capacity(EXTENDED_BYTES);
    for field in [flags, 0, 0, attributes.project, 0, 0, 0] {
        bytes.extend_from_slice(&u32::to_ne_bytes(field));
    }
    bytes
}

fn from_extended(mut bits: u32) -> Result<InodeFlags, PosixError> {
    let mut flags = 0;
    for (bit, flag) in EXTENDED_FLAGS {
        if bits & bit != 0 {
            flags |= flag;
            bits &= !bit;
        }
    }
    if bits != 0 {
        return Err(PosixError::NotSupported);
    }
    InodeFlags::new(flags).ok_or(PosixError::NotSupported)
}

fn number_at(data: &[u8], offset: usize) -> Result<u32, PosixError> {
    let field = data
        .get(offset..offset + 4)
        .and_then(|field| field.try_into().ok());
    field
        .map(u32::from_ne_bytes)
        .ok_or(PosixError::InvalidArgument)
}

#[cfg(test)]
mod tests;
