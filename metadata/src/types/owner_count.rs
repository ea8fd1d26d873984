//! Whether a volume counts what its owners use.

use super::InodeId;

/// How far the inodes of a volume are counted for their owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnerCount {
    /// Nothing is counted, and nothing is kept.
    #[default]
    Off,
    /// Nothing is counted; what was kept is being removed.
    Forgetting,
    /// Inodes below this one are counted, and all that changes them; those from it on are not yet.
    Below(InodeId),
}

impl OwnerCount {
    /// All inodes are counted, and those that will be.
    pub const ALL: OwnerCount = OwnerCount::Below(InodeId::new(u64::MAX));

    /// Whether what is changed of an inode is counted.
    pub fn counts(self, ino: InodeId) -> bool {
        match self {
            OwnerCount::Off | OwnerCount::Forgetting => false,
            OwnerCount::Below(end) => ino < end,
        }
    }

    /// As a number: none for off, 0 for what is being forgotten.
    pub fn number(self) -> Option<u64> {
        match self {
            OwnerCount::Off => None,
            OwnerCount::Forgetting => Some(0),
            OwnerCount::Below(end) => Some(end.get()),
        }
    }

    /// From that number.
    pub fn from_number(number: Option<u64>) -> OwnerCount {
        match number {
            None => OwnerCount::Off,
            Some(0) => OwnerCount::Forgetting,
            Some(end) => OwnerCount::Below(InodeId::new(end)),
        }
    }
}
