//! What makes a retry recognisable.

use std::fmt;

/// Names the session a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// The same for every attempt at one command, so that it takes effect once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// Who asks.
    pub session: SessionId,
    /// Counted up by the session, one a command.
    pub sequence: u64,
    /// Every outcome below this sequence has reached the session and may be forgotten.
    pub acknowledged: u64,
}

/// The same in the logs of all machines: `00c0ffee00c0ffee-17`.
impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{}", self.session.0, self.sequence)
    }
}
