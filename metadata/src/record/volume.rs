//! The one record of a volume: its counters and its position in the log.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::{InodeId, LogIndex, OwnerCount};

const VERSION: u8 = 1;
/// Of a volume that is being loaded.
const VERSION_LOADING: u8 = 2;
/// Of a volume that counts for owners.
const VERSION_OWNERS: u8 = 3;
/// Of one that is both.
const VERSION_OWNERS_LOADING: u8 = 4;
/// Of one that keeps what is removed; it is not being loaded.
const VERSION_TRASH: u8 = 5;
/// Of one that does that and counts for owners.
const VERSION_OWNERS_TRASH: u8 = 6;

/// The value under `V`:
/// `version 1 | generation 4 | applied 8 | next inode 8 | next block 8 | inodes 8 | allocated 8`, then of a volume
/// that counts for owners, in versions 3, 4 and 6, `counted 8`: the first inode that is not, or 0 while that is being
/// forgotten; then of a volume that is being loaded, in versions 2 and 4, `batches 8 | chain 16`, of one with a trash, in versions 5 and 6,
/// `directory 8 | seconds 8 | hour 8`.
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
    /// Whether it counts what users and groups use.
    pub owners: OwnerCount,
    /// Where it keeps what is removed, if it does. None while it is loaded.
    pub trash: Option<Trash>,
    /// Until the dump it was made for is all there: nothing else is applied.
    pub load: Option<LoadProgress>,
}

/// What is removed has a name here for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trash {
    /// The directory.
    pub directory: InodeId,
    /// For so many seconds after the hour in which it was removed.
    pub keep_seconds: u64,
    /// Which hour it is, counted from 1970 on, by the clocks of the nodes: those of mounts may be wrong.
    pub hour: i64,
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
        let counted = self.owners.number();
        let version = match (counted, self.load, self.trash) {
            (None, None, None) => VERSION,
            (Some(_), None, None) => VERSION_OWNERS,
            (None, Some(_), _) => VERSION_LOADING,
            (Some(_), Some(_), _) => VERSION_OWNERS_LOADING,
            (None, None, Some(_)) => VERSION_TRASH,
            (Some(_), None, Some(_)) => VERSION_OWNERS_TRASH,
        };
        let mut encoder = Encoder::new(version, 76);
        encoder
            .u32(self.generation)
            .u64(self.applied.0)
            .u64(self.next_inode)
            .u64(self.next_block)
            .u64(self.inodes)
            .u64(self.allocated);
        if let Some(counted) = counted {
            encoder.u64(counted);
        }
        if let Some(load) = self.load {
            encoder.u64(load.batches).rest(&load.chain.to_be_bytes());
        } else if let Some(trash) = self.trash {
            encoder
                .u64(trash.directory.get())
                .u64(trash.keep_seconds)
                .u64(trash.hour.cast_unsigned());
        }
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Volume, Fault> {
        let mut decoder = Decoder::new("volume", VERSION_OWNERS_TRASH, bytes)?;
        let version = bytes.first().copied().unwrap_or_default();
        let mut volume = Volume {
            generation: decoder.u32()?,
            applied: LogIndex(decoder.u64()?),
            next_inode: decoder.u64()?,
            next_block: decoder.u64()?,
            inodes: decoder.u64()?,
            allocated: decoder.u64()?,
            owners: OwnerCount::Off,
            trash: None,
            load: None,
        };
        let counts = [VERSION_OWNERS, VERSION_OWNERS_LOADING, VERSION_OWNERS_TRASH];
        if counts.contains(&version) {
            volume.owners = OwnerCount::from_number(Some(decoder.u64()?));
        }
        if matches!(version, VERSION_LOADING | VERSION_OWNERS_LOADING) {
            volume.load = Some(LoadProgress {
                batches: decoder.u64()?,
                chain: u128::from_be_bytes(decoder.array()?),
            });
        }
        if matches!(version, VERSION_TRASH | VERSION_OWNERS_TRASH) {
            volume.trash = Some(Trash {
                directory: InodeId::new(decoder.u64()?),
                keep_seconds: decoder.u64()?,
                hour: decoder.u64()?.cast_signed(),
            });
        }
        decoder.finish()?;
        Ok(volume)
    }
}
