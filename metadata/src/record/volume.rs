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
/// Says by bits what it has that not every volume has.
pub(super) const VERSION_OF_PARTS: u8 = 5;
const OWNERS: u8 = 1;
const LOADING: u8 = 2;
const BOTH: u8 = OWNERS | LOADING;
const TRASH: u8 = 4;

/// The value under `V`:
/// `version 1 | generation 4 | applied 8 | next inode 8 | next block 8 | inodes 8 | allocated 8`, then of a volume
/// that counts for owners, in versions 3 and 4, `counted 8`: the first inode that is not, or 0 while that is being
/// forgotten; then of a volume that is being loaded, in versions 2 and 4, `batches 8 | chain 16`. Version 5 has `parts 1` behind the version, bits that say which of
/// these there are: 1 the first, 2 the second, and 4 of a volume with a trash `directory 8 | seconds 8 | hour 8`.
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
    /// Where it keeps what is removed, if it does.
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
        let part = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        let parts = part(counted.is_some(), OWNERS)
            | part(self.load.is_some(), LOADING)
            | part(self.trash.is_some(), TRASH);
        let version = match parts {
            0 => VERSION,
            LOADING => VERSION_LOADING,
            OWNERS => VERSION_OWNERS,
            BOTH => VERSION_OWNERS_LOADING,
            _ => VERSION_OF_PARTS,
        };
        let mut encoder = Encoder::new(version, 101);
        if version == VERSION_OF_PARTS {
            encoder.u8(parts);
        }
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
        }
        if let Some(trash) = self.trash {
            encoder
                .u64(trash.directory.get())
                .u64(trash.keep_seconds)
                .u64(trash.hour.cast_unsigned());
        }
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Volume, Fault> {
        let mut decoder = Decoder::new("volume", VERSION_OF_PARTS, bytes)?;
        let parts = match bytes.first() {
            Some(&VERSION) => 0,
            Some(&VERSION_LOADING) => LOADING,
            Some(&VERSION_OWNERS) => OWNERS,
            Some(&VERSION_OWNERS_LOADING) => BOTH,
            _ => decoder.u8()?,
        };
        if parts & !(BOTH | TRASH) != 0 {
            return Err(decoder.corrupt("unknown parts"));
        }
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
        if parts & OWNERS != 0 {
            volume.owners = OwnerCount::from_number(Some(decoder.u64()?));
        }
        if parts & LOADING != 0 {
            volume.load = Some(LoadProgress {
                batches: decoder.u64()?,
                chain: u128::from_be_bytes(decoder.array()?),
            });
        }
        if parts & TRASH != 0 {
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
