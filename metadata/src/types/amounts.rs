//! Bytes and inodes, counted together.

/// What a quota limits and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Bytes that extents cover.
    pub bytes: u64,
    /// Inodes, orphans included.
    pub inodes: u64,
}

impl Amounts {
    /// As a limit: none. No file and no volume has so many.
    pub const NO_LIMIT: u64 = u64::MAX;

    /// The limits of what has none.
    pub const UNLIMITED: Amounts = Amounts {
        bytes: Amounts::NO_LIMIT,
        inodes: Amounts::NO_LIMIT,
    };
}
