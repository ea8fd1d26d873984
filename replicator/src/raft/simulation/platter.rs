//! The disk below a simulated log: what is written is lost by a power failure until it is synced.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::random::Random;
use super::tally::Tally;
use crate::raft::type_config::{LogId, Vote};

/// Of a sync.
const SLOW: Duration = Duration::from_millis(50);

/// What a log consists of.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    /// Encoded, by their index.
    pub(super) entries: BTreeMap<u64, Bytes>,
}

/// One change of it.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Vote(Vote),
    Append(Vec<(u64, Bytes)>),
    /// The entries from this index on are gone.
    Truncate(u64),
    Purge(LogId),
    Committed(Option<LogId>),
}

impl Write {
    /// Whether somebody waits until it is durable.
    pub(super) fn is_synced(&self) -> bool {
        match self {
            Write::Vote(_) | Write::Append(_) => true,
            Write::Truncate(_) | Write::Purge(_) | Write::Committed(_) => false,
        }
    }
}

impl Image {
    pub(super) fn apply(&mut self, write: Write) {
        match write {
            Write::Vote(vote) => self.vote = Some(vote),
            Write::Append(entries) => self.entries.extend(entries),
            Write::Truncate(from) => drop(self.entries.split_off(&from)),
            Write::Purge(upto) => {
                self.entries = self.entries.split_off(&(upto.index + 1));
                self.purged = Some(upto);
            }
            Write::Committed(committed) => self.committed = committed,
        }
    }
}

/// Outlives the processes that write to it.
#[derive(Debug)]
pub(super) struct Platter {
    pub(super) durable: Image,
    /// Written, and not known to be synced; in their order.
    pub(super) unsynced: Vec<Write>,
    random: Random,
    /// How long a sync takes, in microseconds.
    pub(super) sync_micros: (u64, u64),
    /// The next sync fails.
    pub(super) is_failing: bool,
    pub(super) bug: Option<Bug>,
    pub(super) tally: Tally,
}

/// What a log may do wrong, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// What is written counts as synced.
    NoSync,
    /// Votes are never written.
    NoVotes,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// What was written stays.
    Kill,
    /// What was not synced is gone, or a part of it.
    PowerFailure,
}

impl Platter {
    pub(super) fn new(random: Random, tally: Tally) -> Platter {
        Platter {
            durable: Image::default(),
            unsynced: Vec::new(),
            random,
            sync_micros: (100, 1500),
            is_failing: false,
            bug: None,
            tally,
        }
    }

    pub(super) fn sync_takes(&mut self) -> Duration {
        let (least, most) = self.sync_micros;
        let takes = self.random.micros(least, most);
        if takes >= SLOW {
            self.tally.count("slow syncs");
        }
        takes
    }

    /// Whether an append of several entries is not synced.
    pub(super) fn writes_several(&self) -> bool {
        let mut appends = self.unsynced.iter();
        appends.any(|write| matches!(write, Write::Append(entries) if entries.len() > 1))
    }

    /// Everything that was written is durable.
    pub(super) fn synced(&mut self) {
        for write in std::mem::take(&mut self.unsynced) {
            if self.bug != Some(Bug::NoVotes) || !matches!(write, Write::Vote(_)) {
                self.durable.apply(write);
            }
        }
    }

    /// What is found when the process starts again: of what was not synced any beginning, and the last write torn.
    pub(super) fn crash(&mut self, crash: Crash) {
        let mut writes = std::mem::take(&mut self.unsynced);
        if crash == Crash::PowerFailure {
            let kept = self.random.below(writes.len() as u64 + 1) as usize;
            let torn = writes.drain(kept..).next();
            if torn.is_some() {
                self.tally.count("crashes with loss of what was not synced");
            }
            if let Some(Write::Append(mut entries)) = torn {
                self.tally.count("appends lost in a crash");
                entries.truncate(self.random.below(entries.len() as u64) as usize);
                // An append of which nothing stays is not torn.
                if !entries.is_empty() {
                    self.tally.count("torn writes");
                }
                writes.push(Write::Append(entries));
            }
        }
        for write in writes {
            self.durable.apply(write);
        }
        self.is_failing = false;
    }
}
