//! Who waits for a lock, how to find that, and who comes next.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::{
    InodeId, LockMode, LockOwner, LockRange, LockSpace, SessionId, Timestamp, Turn,
};

const WAITER_VERSION: u8 = 1;
const PENDING_VERSION: u8 = 1;
const TURN_VERSION: u8 = 1;

/// The value under `W` ino space turn: `version 1 | mode 1 | session 8 | sequence 8 | owner 8 | start 8 |
/// end 8 | process 4 | since 12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaiterRecord {
    /// How strong.
    pub mode: LockMode,
    /// The session that waits.
    pub session: SessionId,
    /// The sequence of its request.
    pub sequence: u64,
    /// Who waits in it.
    pub owner: LockOwner,
    /// For which bytes.
    pub range: LockRange,
    /// Number of the process.
    pub process: u32,
    /// The time of the command that began to wait.
    pub since: Timestamp,
}

impl WaiterRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(WAITER_VERSION, 57)
            .u8(self.mode as u8)
            .u64(self.session.0)
            .u64(self.sequence)
            .u64(self.owner.0)
            .u64(self.range.start)
            .u64(self.range.end)
            .u32(self.process)
            .timestamp(self.since)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<WaiterRecord, Fault> {
        let mut decoder = Decoder::new("waiter", WAITER_VERSION, bytes)?;
        let mode = LockMode::from_u8(decoder.u8()?);
        let mode = mode.ok_or_else(|| decoder.corrupt("unknown mode"))?;
        let session = SessionId(decoder.u64()?);
        let sequence = decoder.u64()?;
        let owner = LockOwner(decoder.u64()?);
        let range = LockRange::new(decoder.u64()?, decoder.u64()?);
        let waiter = WaiterRecord {
            mode,
            session,
            sequence,
            owner,
            range: range.ok_or_else(|| decoder.corrupt("ends before it begins"))?,
            process: decoder.u32()?,
            since: decoder.timestamp()?,
        };
        decoder.finish()?;
        Ok(waiter)
    }
}

/// The value under `P` session sequence, where a request waits: `version 1 | ino 8 | space 1 | turn 8 |
/// owner 8 | process 4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRecord {
    /// The inode.
    pub ino: InodeId,
    /// The kind of lock.
    pub space: LockSpace,
    /// Its place in the queue.
    pub turn: Turn,
    /// Who waits.
    pub owner: LockOwner,
    /// Number of the process.
    pub process: u32,
}

impl PendingRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(PENDING_VERSION, 29)
            .u64(self.ino.get())
            .u8(self.space as u8)
            .u64(self.turn.0)
            .u64(self.owner.0)
            .u32(self.process)
            .finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<PendingRecord, Fault> {
        let mut decoder = Decoder::new("pending request", PENDING_VERSION, bytes)?;
        let ino = InodeId::new(decoder.u64()?);
        let space = LockSpace::from_u8(decoder.u8()?);
        let pending = PendingRecord {
            ino,
            space: space.ok_or_else(|| decoder.corrupt("unknown kind of lock"))?,
            turn: Turn(decoder.u64()?),
            owner: LockOwner(decoder.u64()?),
            process: decoder.u32()?,
        };
        decoder.finish()?;
        Ok(pending)
    }
}

/// The value under `T`: `version 1 | next 8`. It is there once the volume has had a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnRecord {
    /// What the next waiter draws; no turn is given twice.
    pub next: Turn,
}

impl TurnRecord {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(TURN_VERSION, 8).u64(self.next.0).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<TurnRecord, Fault> {
        let mut decoder = Decoder::new("turn", TURN_VERSION, bytes)?;
        let next = Turn(decoder.u64()?);
        decoder.finish()?;
        Ok(TurnRecord { next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_for_a_range_that_ends_before_it_begins_is_corrupt() {
        let waiter = WaiterRecord {
            mode: LockMode::Shared,
            session: SessionId(1),
            sequence: 2,
            owner: LockOwner(3),
            range: LockRange { start: 4, end: 5 },
            process: 6,
            since: Timestamp::default(),
        };
        assert_eq!(WaiterRecord::decode(&waiter.encode()), Ok(waiter));
        let broken = WaiterRecord {
            range: LockRange { start: 6, end: 5 },
            ..waiter
        };
        assert!(WaiterRecord::decode(&broken.encode()).is_err());
    }
}
