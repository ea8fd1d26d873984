//! What a node has answered for a group as its leader: by operation, by session, and by directory.

mod directories;
mod names;

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_metadata::{InodeId, Operation, Query, SessionId};
use holdfast_proto::{GroupActivity, OperationActivity, SessionActivity};
use parking_lot::{Mutex, RwLock};

use self::directories::Directories;
use super::histogram::{BOUNDS_MICROS, Counted, Histogram};
use crate::rates::SESSIONS_TOLD_MAX;

/// More sessions than this are not counted: whoever sends commands may say any number.
const SESSIONS_MAX: usize = 4096;

/// Counts since the node was started.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    operations: RwLock<BTreeMap<Kind, Histogram>>,
    sessions: Mutex<BTreeMap<SessionId, u64>>,
    directories: Directories,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    kind: Kind,
    /// In which directory names are looked for or changed, if they are.
    directory: Option<InodeId>,
}

/// What is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) operation: &'static str,
    /// A command; otherwise a query.
    pub(crate) is_change: bool,
}

impl Asked {
    /// What it is called.
    pub(crate) fn operation(&self) -> &'static str {
        self.kind.operation
    }

    pub(crate) fn of_command(operation: &Operation) -> Asked {
        Asked {
            kind: Kind {
                operation: names::command(operation),
                is_change: true,
            },
            directory: directories::of_command(operation),
        }
    }

    pub(crate) fn of_query(query: &Query) -> Asked {
        Asked {
            kind: Kind {
                operation: names::query(query),
                is_change: false,
            },
            directory: directories::of_query(query),
        }
    }
}

impl Activity {
    /// A call has its answer.
    pub(crate) fn answered(&self, asked: Asked, session: Option<SessionId>, elapsed: Duration) {
        self.observe(asked.kind, elapsed);
        if let Some(directory) = asked.directory {
            self.directories.asked(directory);
        }
        if let Some(session) = session {
            let mut sessions = self.sessions.lock();
            if let Some(calls) = sessions.get_mut(&session) {
                *calls += 1;
            } else if sessions.len() < SESSIONS_MAX {
                sessions.insert(session, 1);
            }
        }
    }

    fn observe(&self, kind: Kind, elapsed: Duration) {
        if let Some(histogram) = self.operations.read().get(&kind) {
            return histogram.observe(elapsed);
        }
        let mut operations = self.operations.write();
        operations.entry(kind).or_default().observe(elapsed);
    }

    /// How long each operation took.
    pub(crate) fn operations(&self) -> Vec<(Kind, Counted)> {
        let operations = self.operations.read();
        let read = operations.iter();
        read.map(|(kind, histogram)| (*kind, histogram.read()))
            .collect()
    }

    /// All of it, as it is told. Sessions that have ended are forgotten.
    pub(crate) fn report(&self, is_open: impl Fn(SessionId) -> bool) -> GroupActivity {
        self.sessions.lock().retain(|session, _| is_open(*session));
        let operations = self.operations().into_iter();
        let operations = operations.map(|(kind, counted)| OperationActivity {
            operation: kind.operation.to_owned(),
            is_change: kind.is_change,
            buckets: counted.buckets().map(|(_, count)| count).collect(),
            micros: counted.sum.as_micros() as u64,
        });
        GroupActivity {
            operations: operations.collect(),
            sessions: self.busiest(),
            directories: self.directories.told(),
            bounds_micros: BOUNDS_MICROS.to_vec(),
        }
    }

    fn busiest(&self) -> Vec<SessionActivity> {
        let sessions = self.sessions.lock();
        let told = sessions.iter().map(|(session, calls)| SessionActivity {
            session: session.0,
            calls: *calls,
        });
        let mut told: Vec<SessionActivity> = told.collect();
        drop(sessions);
        told.sort_by_key(|one| std::cmp::Reverse(one.calls));
        told.truncate(SESSIONS_TOLD_MAX);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MKDIR: Asked = Asked {
        kind: Kind {
            operation: "mkdir",
            is_change: true,
        },
        directory: Some(InodeId::ROOT),
    };

    #[test]
    fn what_was_answered_is_counted_by_operation_and_by_session() {
        let activity = Activity::default();
        let read = Asked::of_query(&Query::Sessions);
        activity.answered(MKDIR, Some(SessionId(7)), Duration::from_micros(60));
        activity.answered(MKDIR, Some(SessionId(7)), Duration::from_mins(1));
        activity.answered(read, None, Duration::from_micros(1));
        let report = activity.report(|_| true);
        let counted: Vec<(&str, bool, u64)> = report
            .operations
            .iter()
            .map(|one| {
                let count = one.buckets.iter().sum();
                (one.operation.as_str(), one.is_change, count)
            })
            .collect();
        assert_eq!(counted, [("mkdir", true, 2), ("sessions", false, 1)]);
        let mkdir = &report.operations[0];
        assert_eq!(mkdir.buckets.len(), report.bounds_micros.len() + 1);
        assert_eq!(mkdir.micros, 60_000_060);
        assert_eq!(report.sessions.len(), 1);
        assert_eq!(report.sessions[0].calls, 2);
    }

    #[test]
    fn numbers_that_somebody_makes_up_take_no_more_than_so_much_memory() {
        let activity = Activity::default();
        for session in 0..SESSIONS_MAX as u64 + 10 {
            activity.answered(MKDIR, Some(SessionId(session)), Duration::ZERO);
        }
        assert_eq!(activity.sessions.lock().len(), SESSIONS_MAX);
        assert_eq!(activity.report(|_| true).sessions.len(), SESSIONS_TOLD_MAX);
        let report = activity.report(|session| session == SessionId(3));
        assert_eq!(report.sessions.len(), 1);
    }
}
