//! Points in time with nanoseconds, from long before 1970 to long after 2106.

/// Seconds since 1970, negative before it, and the nanoseconds after that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds, rounded towards the past.
    pub seconds: i64,
    /// 0 to 999,999,999, always counted forwards from `seconds`.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// A point in time; `None` when the nanoseconds are not below one second.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<Timestamp> {
        (nanoseconds < 1_000_000_000).then_some(Timestamp {
            seconds,
            nanoseconds,
        })
    }
}
