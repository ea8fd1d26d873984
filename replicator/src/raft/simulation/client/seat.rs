//! What the tasks of a client share: its session, the numbers of its commands, and what it has open.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_metadata::{InodeId, RequestId, SessionId};
use tokio::time::Instant;

use crate::raft::simulation::random::Random;

/// How often in a hundred times an open inode that lost its last name stays open for a while, and is then closed.
const KEPT: u64 = 50;
const CLOSED: u64 = 20;

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) session: SessionId,
    pub(super) is_open: bool,
    is_opening: bool,
    pub(super) lease_until: Option<Instant>,
    sequence: u64,
    under_way: BTreeSet<u64>,
    /// Inodes that this session has seen.
    opened: BTreeSet<InodeId>,
    /// What was asked about inodes without a name: whether they are open here.
    orphans: BTreeMap<InodeId, bool>,
}

impl Seat {
    pub(super) fn new(session: SessionId) -> Seat {
        Seat {
            session,
            is_open: false,
            is_opening: false,
            lease_until: None,
            sequence: 0,
            under_way: BTreeSet::new(),
            opened: BTreeSet::new(),
            orphans: BTreeMap::new(),
        }
    }

    /// Of the next session.
    pub(super) fn lose(&mut self) {
        *self = Seat::new(SessionId(self.session.0 + 1));
    }

    /// The id of the next command, which is under way from now on; nothing before the session is open.
    pub(super) fn begin(&mut self) -> Option<RequestId> {
        if !self.is_open {
            return None;
        }
        self.sequence += 1;
        self.under_way.insert(self.sequence);
        let lowest = self.under_way.first().copied();
        Some(RequestId {
            session: self.session,
            sequence: self.sequence,
            acknowledged: lowest.unwrap_or(self.sequence),
        })
    }

    /// The id of opening the session, for the one who is to do so.
    pub(super) fn begin_to_open(&mut self) -> Option<RequestId> {
        if self.is_open || self.is_opening {
            return None;
        }
        self.is_opening = true;
        Some(self.registration())
    }

    /// The id of opening the session, and of closing it.
    pub(super) fn registration(&self) -> RequestId {
        RequestId {
            session: self.session,
            sequence: 0,
            acknowledged: 0,
        }
    }

    /// Nobody waits for the outcome any more.
    pub(super) fn end(&mut self, request: RequestId) {
        if request.session == self.session {
            self.under_way.remove(&request.sequence);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The inode is there, and so may be open.
    pub(super) fn see(&mut self, session: SessionId, ino: InodeId) {
        if session == self.session && !self.orphans.contains_key(&ino) {
            self.opened.insert(ino);
        }
    }

    /// Those of inodes without a name that are open here. Asked again, it answers the same.
    pub(super) fn decide(&mut self, asked: &[InodeId], random: &mut Random) -> Vec<InodeId> {
        let opened = &self.opened;
        let is_kept = |ino: &InodeId| {
            let draws = random.percent(KEPT);
            let orphan = self.orphans.entry(*ino);
            *orphan.or_insert_with(|| opened.contains(ino) && draws)
        };
        asked.iter().copied().filter(is_kept).collect()
    }

    /// Those that are closed now.
    pub(super) fn close_some(&mut self, random: &mut Random) -> Vec<InodeId> {
        let open = self.orphans.iter_mut().filter(|(_, is_open)| **is_open);
        let closed = open.filter(|_| random.percent(CLOSED));
        let closed = closed.map(|(ino, is_open)| {
            *is_open = false;
            *ino
        });
        closed.collect()
    }

    /// Whether this inode without a name cannot be gone.
    pub(super) fn keeps(&self, session: SessionId, ino: InodeId) -> bool {
        self.session == session
            && self.lease_until.is_some_and(|until| Instant::now() < until)
            && self.orphans.get(&ino) == Some(&true)
    }

    /// One that cannot be gone.
    pub(super) fn kept(&self, random: &mut Random) -> Option<InodeId> {
        let kept = self.orphans.keys().copied();
        let kept = kept.filter(|ino| self.keeps(self.session, *ino));
        let kept: Vec<InodeId> = kept.collect();
        (!kept.is_empty()).then(|| *random.pick(&kept))
    }
}
