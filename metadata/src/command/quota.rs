//! Setting quotas, and counting for those of users and groups.

use crate::types::{Amounts, InodeId, Owner};

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

/// Limits what a user or group may use of the volume; all that they have must be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetOwnerQuota {
    /// Whom.
    pub owner: Owner,
    /// Most bytes from now on; [`Amounts::NO_LIMIT`] for no limit, `None` to leave it as it is.
    pub bytes: Option<u64>,
    /// Most inodes from now on; likewise.
    pub inodes: Option<u64>,
}

impl SetOwnerQuota {
    /// Lifts both limits.
    pub const fn lifted(owner: Owner) -> SetOwnerQuota {
        SetOwnerQuota {
            owner,
            bytes: Some(Amounts::NO_LIMIT),
            inodes: Some(Amounts::NO_LIMIT),
        }
    }
}

/// One step on the way to counting what users and groups use, or to forgetting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountOwners {
    /// Whether it shall be counted.
    pub on: bool,
    /// Most records to read, of inodes or of owners; not more than [`crate::limits::COUNT_STEP_RECORDS_MAX`] in any case.
    pub records_max: usize,
}
