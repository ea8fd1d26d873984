//! The one record of a volume: its counters and its position in the log.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::LogIndex;

const VERSION: u8 = 1;

/// The value under `V`:
/// `version 1 | generation 4 | applied 8 | next inode 8 | next block 8 | inodes 8 | allocated 8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Given to every inode, so that handles of an earlier volume are told apart.
    pub generation: u32,
    /// The last batch that was applied.
    pub applied: LogIndex,
    /// Sequence number of the next inode of this shard.
    pub next_inode: u64,
    /// Number of the next block.
    pub next_block: u64,
    /// Inodes, orphans included.
    pub inodes: u64,
    /// Bytes that extents cover, summed over all inodes.
    pub allocated: u64,
}

impl Volume {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 44)
            .u32(self.generation)
            .u64(self.applied.0)
            .u64(self.next_inode)
            .u64(self.next_block)
            .u64(self.inodes)
            .u64(self.allocated)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Volume, Fault> {
        let mut decoder = Decoder::new("volume", VERSION, bytes)?;
        let volume = Volume {
            generation: decoder.u32()?,
            applied: LogIndex(decoder.u64()?),
            next_inode: decoder.u64()?,
            next_block: decoder.u64()?,
            inodes: decoder.u64()?,
            allocated: decoder.u64()?,
        };
        decoder.finish()?;
        Ok(volume)
    }
}
