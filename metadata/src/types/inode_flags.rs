//! The attributes `chattr` sets, with the numbers of `FS_IOC_GETFLAGS`.

/// A set of file attribute flags; only those in [`InodeFlags::SETTABLE`] are ever stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InodeFlags(u32);

impl InodeFlags {
    /// Synchronous updates (`chattr +S`).
    pub const SYNC: u32 = 0x0000_0008;
    /// The inode cannot be changed, linked or removed (`+i`).
    pub const IMMUTABLE: u32 = 0x0000_0010;
    /// The file can only grow at its end; entries can only be added to the directory (`+a`).
    pub const APPEND: u32 = 0x0000_0020;
    /// Not for backup by `dump` (`+d`).
    pub const NO_DUMP: u32 = 0x0000_0040;
    /// The access time is not kept (`+A`).
    pub const NO_ATIME: u32 = 0x0000_0080;
    /// Synchronous directory updates (`+D`).
    pub const DIRECTORY_SYNC: u32 = 0x0001_0000;
    /// What a caller may set; every other flag is refused, so that none is silently without effect.
    pub const SETTABLE: u32 = InodeFlags::SYNC
        | InodeFlags::IMMUTABLE
        | InodeFlags::APPEND
        | InodeFlags::NO_DUMP
        | InodeFlags::NO_ATIME
        | InodeFlags::DIRECTORY_SYNC;

    /// A set of flags, if all of them may be stored.
    pub const fn new(bits: u32) -> Option<InodeFlags> {
        if bits & !InodeFlags::SETTABLE == 0 {
            Some(InodeFlags(bits))
        } else {
            None
        }
    }

    /// The bits as the ioctl carries them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether any of these flags is set.
    pub const fn has_any(self, bits: u32) -> bool {
        self.0 & bits != 0
    }
}
