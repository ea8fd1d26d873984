//! A lock that is held, and how many locks a session has.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::{LockMode, Timestamp};

const LOCK_VERSION: u8 = 1;
const COUNT_VERSION: u8 = 1;

/// The value under `L` ino space session owner start: `version 1 | mode 1 | end 8 | process 4 | since 12 |
/// ticketed 1 | ticket 8`, the last 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRecord {
    /// How strong.
    pub mode: LockMode,
    /// The last byte.
    pub end: u64,
    /// Number of the process that asked for it.
    pub process: u32,
    /// The time of the command that asked for it.
    pub since: Timestamp,
    /// The sequence of the request that waited for it, if one did. Such a lock is cut when its owner
    /// changes a part of it, but never joined with another one, so that each part is known by its ticket.
    pub ticket: Option<u64>,
}

impl LockRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(LOCK_VERSION, 34)
            .u8(self.mode as u8)
            .u64(self.end)
            .u32(self.process)
            .timestamp(self.since)
            .u8(u8::from(self.ticket.is_some()))
            .u64(self.ticket.unwrap_or_default())
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<LockRecord, Fault> {
        let mut decoder = Decoder::new("lock", LOCK_VERSION, bytes)?;
        let mode = LockMode::from_u8(decoder.u8()?);
        let mode = mode.ok_or_else(|| decoder.corrupt("unknown mode"))?;
        let end = decoder.u64()?;
        let process = decoder.u32()?;
        let since = decoder.timestamp()?;
        let ticketed = decoder.u8()?;
        let ticket = match (ticketed, decoder.u64()?) {
            (0, 0) => None,
            (1, ticket) => Some(ticket),
            _ => return Err(decoder.corrupt("a ticket and none")),
        };
        decoder.finish()?;
        Ok(LockRecord {
            mode,
            end,
            process,
            since,
            ticket,
        })
    }
}

/// The value under `H` session and under `H` session ino: `version 1 | locks 4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockCount {
    /// How many are held or waited for; never 0.
    pub locks: u32,
}

impl LockCount {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(COUNT_VERSION, 4).u32(self.locks).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<LockCount, Fault> {
        let mut decoder = Decoder::new("lock count", COUNT_VERSION, bytes)?;
        let locks = decoder.u32()?;
        decoder.finish()?;
        Ok(LockCount { locks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_comes_back_with_its_ticket_and_without() {
        for ticket in [None, Some(0), Some(u64::MAX)] {
            let lock = LockRecord {
                mode: LockMode::Exclusive,
                end: 7,
                process: 8,
                since: Timestamp::default(),
                ticket,
            };
            assert_eq!(LockRecord::decode(&lock.encode()), Ok(lock));
        }
    }

    #[test]
    fn a_lock_with_a_mode_or_a_ticket_that_cannot_be_is_corrupt() {
        let lock = LockRecord {
            mode: LockMode::Shared,
            end: 7,
            process: 8,
            since: Timestamp::default(),
            ticket: Some(9),
        };
        for (place, byte) in [(1, 3), (26, 2), (26, 0)] {
            let mut bytes = lock.encode().to_vec();
            bytes[place] = byte;
            assert!(LockRecord::decode(&bytes).is_err(), "{place}");
        }
    }
}
