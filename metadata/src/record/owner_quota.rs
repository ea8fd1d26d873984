//! What a user or group may use of a volume, and what it uses.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::Amounts;

const VERSION: u8 = 1;

/// The value under `G` owner: `version 1 | bytes limit 8 | inodes limit 8 | bytes used 8 | inodes used 8`; a limit
/// that is none is 2^64 - 1.
///
/// It is there while the owner has an inode that is counted, or a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerQuota {
    /// [`Amounts::NO_LIMIT`] where there is none.
    pub limits: Amounts,
    /// Of all inodes it owns.
    pub used: Amounts,
}

impl OwnerQuota {
    /// Of an owner that nothing is known of.
    pub const NOTHING: OwnerQuota = OwnerQuota {
        limits: Amounts::UNLIMITED,
        used: Amounts {
            bytes: 0,
            inodes: 0,
        },
    };

    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 32)
            .u64(self.limits.bytes)
            .u64(self.limits.inodes)
            .u64(self.used.bytes)
            .u64(self.used.inodes)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<OwnerQuota, Fault> {
        let mut decoder = Decoder::new("quota of an owner", VERSION, bytes)?;
        let quota = OwnerQuota {
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
