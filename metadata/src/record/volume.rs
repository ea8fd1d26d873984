//! The one record of a volume: its counters and its position in the log.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::LogIndex;

const VERSION: u8 = 1;
/// Of a volume that is being loaded.
const VERSION_LOADING: u8 = 2;

/// The value under `V`:
/// `version 1 | generation 4 | applied 8 | next inode 8 | next block 8 | inodes 8 | allocated 8`, and of a
/// volume that is being loaded, in version 2, `batches 8 | chain 16` after it.
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
    /// Until the dump it was made for is all there: nothing else is applied.
    pub load: Option<LoadProgress>,
}

/// How much of a dump a volume has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadProgress {
    /// Batches of entries.
    pub batches: u64,
    /// Over these batches in their order: equal only if all of them are.
    pub chain: u128,
}

impl LoadProgress {
    /// The same with one batch more: XXH3-128 over the chain so far, 16 bytes, and the entries.
    #[must_use]
    pub fn after(self, entries: &[u8]) -> LoadProgress {
        let mut hash = Xxh3::default();
        hash.update(&self.chain.to_be_bytes());
        hash.update(entries);
        LoadProgress {
            batches: self.batches + 1,
            chain: hash.digest128(),
        }
    }
}

impl Volume {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        let version = if self.load.is_some() {
            VERSION_LOADING
        } else {
            VERSION
        };
        let mut encoder = Encoder::new(version, 68);
        encoder
            .u32(self.generation)
            .u64(self.applied.0)
            .u64(self.next_inode)
            .u64(self.next_block)
            .u64(self.inodes)
            .u64(self.allocated);
        if let Some(load) = self.load {
            encoder.u64(load.batches).rest(&load.chain.to_be_bytes());
        }
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Volume, Fault> {
        let mut decoder = Decoder::new("volume", VERSION_LOADING, bytes)?;
        let mut volume = Volume {
            generation: decoder.u32()?,
            applied: LogIndex(decoder.u64()?),
            next_inode: decoder.u64()?,
            next_block: decoder.u64()?,
            inodes: decoder.u64()?,
            allocated: decoder.u64()?,
            load: None,
        };
        if bytes.first() == Some(&VERSION_LOADING) {
            volume.load = Some(LoadProgress {
                batches: decoder.u64()?,
                chain: u128::from_be_bytes(decoder.array()?),
            });
        }
        decoder.finish()?;
        Ok(volume)
    }
}
