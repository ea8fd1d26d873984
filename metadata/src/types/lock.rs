//! What a lock is: whose, of which kind, how strong, on which bytes.

/// Who holds a lock within a session: the number by which the kernel tells owners apart.
///
/// It is a process for `fcntl(2)` and an open file for OFD locks and `flock(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockOwner(pub u64);

/// Locks of one space know nothing of those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LockSpace {
    /// Ranges of bytes: `fcntl(2)`, with those that belong to an open file.
    Posix = 1,
    /// The whole file: `flock(2)`.
    Flock = 2,
}

impl LockSpace {
    /// Every space, in the order of their numbers at rest.
    pub const ALL: [LockSpace; 2] = [LockSpace::Posix, LockSpace::Flock];

    /// The space with this number at rest.
    pub fn from_u8(raw: u8) -> Option<LockSpace> {
        LockSpace::ALL.into_iter().find(|space| *space as u8 == raw)
    }
}

/// How strong a lock is; the order is that of strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LockMode {
    /// Together with other shared ones: `F_RDLCK`, `LOCK_SH`.
    Shared = 1,
    /// Alone: `F_WRLCK`, `LOCK_EX`.
    Exclusive = 2,
}

impl LockMode {
    /// Every mode, in the order of their numbers at rest.
    pub const ALL: [LockMode; 2] = [LockMode::Shared, LockMode::Exclusive];

    /// The mode with this number at rest.
    pub fn from_u8(raw: u8) -> Option<LockMode> {
        LockMode::ALL.into_iter().find(|mode| *mode as u8 == raw)
    }
}

/// Who comes first among those that wait: counted up over the whole volume, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub u64);

/// Bytes from the first to the last, both included; `u64::MAX` is the end of every file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// The last byte, never before the first.
    pub end: u64,
}

impl LockRange {
    /// Every byte there can be.
    pub const WHOLE: LockRange = LockRange {
        start: 0,
        end: u64::MAX,
    };

    /// The range, unless it ends before it begins.
    pub fn new(start: u64, end: u64) -> Option<LockRange> {
        (start <= end).then_some(LockRange { start, end })
    }

    /// Whether both have a byte in common.
    pub fn overlaps(self, other: LockRange) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}
