//! Inode numbers: the shard in the high 16 bits, a sequence that is never reused in the low 48.

use std::fmt;

/// Names an inode for the whole life of a volume; a number is never given out twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u64);

const SEQUENCE_BITS: u32 = 48;

impl InodeId {
    /// The root directory. FUSE fixes the number.
    pub const ROOT: InodeId = InodeId(1);

    /// Takes a number as it came from the kernel, the network or the disk.
    pub const fn new(raw: u64) -> InodeId {
        InodeId(raw)
    }

    /// The inode of a shard with this sequence number, or `None` when the shard is used up.
    pub fn in_shard(shard: u16, sequence: u64) -> Option<InodeId> {
        (sequence < 1 << SEQUENCE_BITS)
            .then_some(InodeId(u64::from(shard) << SEQUENCE_BITS | sequence))
    }

    /// The number that `stat` shows.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The shard that owns the inode: arithmetic, no look-up.
    pub const fn shard(self) -> u16 {
        (self.0 >> SEQUENCE_BITS) as u16
    }
}

impl fmt::Debug for InodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "#{}", self.0)
    }
}

impl fmt::Display for InodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_is_the_high_sixteen_bits() {
        let inode = InodeId::in_shard(7, 42).unwrap();
        assert_eq!(inode.shard(), 7);
        assert_eq!(inode.get(), 0x0007_0000_0000_002a);
        assert_eq!(InodeId::ROOT.shard(), 0);
    }

    #[test]
    fn a_used_up_shard_gives_no_inode() {
        assert!(InodeId::in_shard(0, 1 << 48).is_none());
    }
}
