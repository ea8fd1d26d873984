//! Queries about locks.

use bytes::Bytes;
use holdfast_metadata::{InodeId, LockOwner, LockRange, SessionId, TestLock};

use crate::conversion::values::{
    decode_lock_mode, decode_lock_space, encode_lock_mode, encode_lock_space,
};
use crate::generated as wire;
use crate::malformed::Malformed;

pub(super) fn encode_test(test: &TestLock) -> wire::TestLock {
    wire::TestLock {
        ino: test.ino.get(),
        space: encode_lock_space(test.space),
        session: test.session.0,
        owner: test.owner.0,
        start: test.range.start,
        end: test.range.end,
        mode: encode_lock_mode(test.mode),
    }
}

pub(super) fn decode_test(test: &wire::TestLock) -> Result<TestLock, Malformed> {
    Ok(TestLock {
        ino: InodeId::new(test.ino),
        space: decode_lock_space(test.space)?,
        session: SessionId(test.session),
        owner: LockOwner(test.owner),
        range: LockRange {
            start: test.start,
            end: test.end,
        },
        mode: decode_lock_mode(test.mode)?,
    })
}

pub(super) fn encode_ticket(ino: InodeId, session: SessionId, sequence: u64) -> wire::LockTicket {
    wire::LockTicket {
        ino: ino.get(),
        session: session.0,
        sequence,
    }
}

pub(super) fn encode_page(
    ino: Option<InodeId>,
    after: &Bytes,
    entries_max: usize,
) -> wire::LocksOfVolume {
    wire::LocksOfVolume {
        ino: ino.map(InodeId::get),
        after: after.clone(),
        entries_max: entries_max as u64,
    }
}
