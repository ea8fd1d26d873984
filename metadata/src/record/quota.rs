//! What a quota tree may use, and what it uses.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::{Amounts, InodeId};

const VERSION: u8 = 1;

/// The value under `U` ino, where the inode is the root of the tree:
/// `version 1 | outer 8 | bytes limit 8 | inodes limit 8 | bytes used 8 | inodes used 8`; the outer tree is 0
/// where there is none, a limit 2^64 - 1.
///
/// It is there as long as an inode counts in it: longer than the root, if files were open when that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The tree around this one, in which all of this one counts as well.
    pub outer: Option<InodeId>,
    /// [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
    /// With all trees inside of it.
    pub used: Amounts,
}

impl Quota {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 40)
            .u64(self.outer.map_or(0, InodeId::get))
            .u64(self.limits.bytes)
            .u64(self.limits.inodes)
            .u64(self.used.bytes)
            .u64(self.used.inodes)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Quota, Fault> {
        let mut decoder = Decoder::new("quota", VERSION, bytes)?;
        let outer = decoder.u64()?;
        let quota = Quota {
            outer: (outer != 0).then_some(InodeId::new(outer)),
            limits: Amounts {
                bytes: decoder.u64()?,
                inodes: decoder.u64()?,
            },
            used: Amounts {
                bytes: decoder.u64()?,
                inodes: decoder.u64()?,
            },
        };
        decoder.finish()?;
        Ok(quota)
    }
}
