//! What travels between mounts and nodes.

use holdfast_metadata::{Command, Outcome, PosixError, Query, Reply};
use holdfast_proto::{Attend, Attended};

use super::clock::{MILLISECOND, Time};

/// A call as one try of a mount sends it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Of the try: an answer to an earlier one is not heard any more.
    pub(super) id: u64,
    pub(super) mount: usize,
    pub(super) body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Command(Command),
    Query(Query),
    Attend(Attend),
}

#[derive(Debug, Clone)]
pub(super) enum Answer {
    Outcome(Outcome),
    Reply(Result<Reply, PosixError>),
    Attended(Attended),
    Refused(Refused),
}

/// Why a node does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NotLeader(Option<usize>),
    Overloaded,
    /// It may be done or not.
    Unknown,
    Unavailable,
}

impl std::fmt::Display for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Command(command) => {
                let request = command.request.as_ref();
                let (session, sequence) = request.map_or((0, 0), |id| (id.session.0, id.sequence));
                write!(formatter, "{:?} ({session}/{sequence})", command.operation)
            }
            Body::Query(query) => write!(formatter, "{query:?}"),
            Body::Attend(attend) => write!(
                formatter,
                "Attend session {} term {} received {} decided {} held {:?} released {:?} saying {}",
                attend.session,
                attend.term,
                attend.received,
                attend.decided,
                attend.held,
                attend.released,
                attend.saying
            ),
        }
    }
}

/// How messages travel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Of a thousand.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) slow: u64,
    pub(super) latency_max: Time,
}

impl Weather {
    pub(super) const CALM: Weather = Weather {
        lost: 0,
        doubled: 0,
        slow: 0,
        latency_max: 2 * MILLISECOND,
    };
    pub(super) const ROUGH: Weather = Weather {
        lost: 30,
        doubled: 30,
        slow: 40,
        latency_max: 20 * MILLISECOND,
    };
}
