//! Operations on locks.

use holdfast_metadata::{CancelLock, InodeId, LockOwner, LockRange, SetLock, Unlock};

use crate::conversion::values::{
    decode_lock_mode, decode_lock_space, encode_lock_mode, encode_lock_space,
};
use crate::generated as wire;
use crate::malformed::Malformed;

impl From<&SetLock> for wire::SetLock {
    fn from(set: &SetLock) -> wire::SetLock {
        wire::SetLock {
            ino: set.ino.get(),
            space: encode_lock_space(set.space),
            owner: set.owner.0,
            start: set.range.start,
            end: set.range.end,
            mode: encode_lock_mode(set.mode),
            process: set.process,
            wait: set.wait,
        }
    }
}

impl TryFrom<wire::SetLock> for SetLock {
    type Error = Malformed;

    fn try_from(set: wire::SetLock) -> Result<SetLock, Malformed> {
        Ok(SetLock {
            ino: InodeId::new(set.ino),
            space: decode_lock_space(set.space)?,
            owner: LockOwner(set.owner),
            range: LockRange {
                start: set.start,
                end: set.end,
            },
            mode: decode_lock_mode(set.mode)?,
            process: set.process,
            wait: set.wait,
        })
    }
}

impl From<&Unlock> for wire::Unlock {
    fn from(unlock: &Unlock) -> wire::Unlock {
        wire::Unlock {
            ino: unlock.ino.get(),
            space: encode_lock_space(unlock.space),
            owner: unlock.owner.0,
            start: unlock.range.start,
            end: unlock.range.end,
        }
    }
}

impl TryFrom<wire::Unlock> for Unlock {
    type Error = Malformed;

    fn try_from(unlock: wire::Unlock) -> Result<Unlock, Malformed> {
        Ok(Unlock {
            ino: InodeId::new(unlock.ino),
            space: decode_lock_space(unlock.space)?,
            owner: LockOwner(unlock.owner),
            range: LockRange {
                start: unlock.start,
                end: unlock.end,
            },
        })
    }
}

impl From<CancelLock> for wire::CancelLock {
    fn from(cancel: CancelLock) -> wire::CancelLock {
        wire::CancelLock {
            ino: cancel.ino.get(),
            sequence: cancel.sequence,
        }
    }
}

impl From<wire::CancelLock> for CancelLock {
    fn from(cancel: wire::CancelLock) -> CancelLock {
        CancelLock {
            ino: InodeId::new(cancel.ino),
            sequence: cancel.sequence,
        }
    }
}
