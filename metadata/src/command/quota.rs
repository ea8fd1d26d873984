//! Setting quotas.

use crate::types::{Amounts, InodeId};

/// Makes a directory the root of a quota tree, changes its limits or, with both lifted, ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetQuota {
    /// The directory; empty, unless it is the root of a tree already.
    pub ino: InodeId,
    /// Most bytes from now on; [`Amounts::NO_LIMIT`] for no limit, `None` to leave it as it is.
    pub bytes: Option<u64>,
    /// Most inodes from now on, the directory among them; likewise.
    pub inodes: Option<u64>,
}

impl SetQuota {
    /// Lifts both limits.
    pub const fn lifted(ino: InodeId) -> SetQuota {
        SetQuota {
            ino,
            bytes: Some(Amounts::NO_LIMIT),
            inodes: Some(Amounts::NO_LIMIT),
        }
    }
}
