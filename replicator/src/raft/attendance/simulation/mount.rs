//! A mount: keeps its session as `remote/attending.rs` does, asks as `remote/asking.rs` does, knows what it has open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_metadata::{Command, InodeId, OpenSession, Operation, Outcome, PosixError, SessionId};
use holdfast_proto::{Attend, Attended, news};

use super::clock::{Clock, MILLISECOND, SECOND, Time};
use super::cluster::command;
use super::messages::Body;
use super::process::Process;
use super::world::{Event, MountStep, World};
use crate::remote::{Memory, Session};

pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const GATHER: Duration = Duration::from_millis(20);

pub(super) struct Mount {
    pub(super) clock: Clock,
    pub(super) frozen_until: Time,
    /// Until when most messages are lost.
    pub(super) cut_until: Time,
    pub(super) is_dead: bool,
    pub(super) guess: usize,
    pub(super) memory: Memory,
    pub(super) session: Arc<Session>,
    pub(super) is_opened: bool,
    pub(super) attending: Option<Attending>,
    is_lapsed: bool,
    has_news: bool,
    pub(super) asking: BTreeMap<u64, Asking>,
    pub(super) processes: Vec<Process>,
    pub(super) open: BTreeMap<InodeId, Use>,
    /// Calls under way that may bring an inode.
    pub(super) arrivals: BTreeSet<u64>,
    pub(super) questions: VecDeque<Question>,
}

/// A sign of life under way.
pub(super) struct Attending {
    session: Arc<Session>,
    pub(super) said: Attend,
    began: Instant,
    pub(super) call: u64,
}

pub(super) struct Asking {
    pub(super) body: Body,
    pub(super) who: Who,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Registration(SessionId),
    Process(usize),
}

/// A file that is open, and how often.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) count: usize,
    /// The cluster was told.
    pub(super) is_kept: bool,
}

pub(super) struct Question {
    pub(super) session: SessionId,
    pub(super) term: u64,
    pub(super) number: u64,
    pub(super) orphans: Vec<InodeId>,
    pub(super) place: u64,
    pub(super) is_asked: bool,
    /// What must be over before; known when it is the first question.
    pub(super) waits_for: Option<BTreeSet<u64>>,
}

impl Mount {
    pub(super) fn new(place: usize, clock: Clock) -> Mount {
        let session = SessionId(1000 * (place as u64 + 1));
        Mount {
            clock,
            frozen_until: 0,
            cut_until: 0,
            is_dead: false,
            guess: 0,
            memory: Memory::default(),
            session: Session::of(session, 1),
            is_opened: false,
            attending: None,
            is_lapsed: false,
            has_news: false,
            asking: BTreeMap::new(),
            processes: Vec::new(),
            open: BTreeMap::new(),
            arrivals: BTreeSet::new(),
            questions: VecDeque::new(),
        }
    }

    /// Whether it believes now that the cluster keeps its session.
    pub(super) fn is_kept(&self, now: Time) -> bool {
        let until = self.session.kept_until();
        until.is_some_and(|until| self.clock.at(now) < until)
    }
}

impl World {
    pub(super) fn mount_step(&mut self, mount: usize, step: MountStep) {
        match step {
            MountStep::Answered { call, answer } => self.answered(mount, call, answer),
            MountStep::Impatient { call } => self.impatient(mount, call),
            MountStep::Again { call } => self.again(mount, call),
            MountStep::Lapse => self.lapse(mount),
            MountStep::Say => self.say(mount),
            MountStep::Decide => self.decide_question(mount),
            MountStep::Decided { question, kept } => self.decided(mount, question, kept),
            MountStep::Act { process, turn } => self.act(mount, process, turn),
        }
    }

    pub(super) fn start_mount(&mut self, mount: usize) {
        self.register(mount);
        for process in 0..self.mounts[mount].processes.len() {
            self.act_within(mount, process, SECOND);
        }
    }

    pub(super) fn mount_at(&mut self, mount: usize, after: Duration, step: MountStep) {
        let due = self.mounts[mount].clock.after(self.now, after);
        self.at(due, Event::Mount(mount, step));
    }

    fn register(&mut self, mount: usize) {
        let session = Arc::clone(&self.mounts[mount].session);
        self.mounts[mount].is_opened = false;
        let open = Operation::OpenSession(OpenSession {
            host: format!("host{mount}"),
            process: 1,
            version: String::new(),
            mountpoint: String::new(),
        });
        let command = Command {
            request: Some(session.registration()),
            ..command(open)
        };
        self.ask(mount, Body::Command(command), Who::Registration(session.id));
    }

    pub(super) fn registered(&mut self, mount: usize, session: SessionId, outcome: &Outcome) {
        if self.mounts[mount].session.id != session {
            return;
        }
        match outcome {
            Ok(_) => {
                self.mounts[mount].is_opened = true;
                self.attend(mount);
            }
            Err(PosixError::SessionGone) => self.lose(mount, session),
            Err(error) => self.fail(format!("a registration failed: {error}")),
        }
    }

    /// The cluster has ended this session: another follows.
    pub(super) fn lose(&mut self, mount: usize, session: SessionId) {
        self.end_waits(mount, session);
        let own = &mut self.mounts[mount];
        if own.session.id != session {
            return;
        }
        let next = Session::of(SessionId(session.0 + 1), own.session.epoch + 1);
        own.session = next;
        self.tell(|| format!("mount {mount} has lost session {}", session.0));
        self.register(mount);
    }

    /// Calls, unless a call is under way.
    fn attend(&mut self, mount: usize) {
        let now = self.mounts[mount].clock.at(self.now);
        let call = self.fresh();
        let own = &mut self.mounts[mount];
        if !own.is_opened || own.attending.is_some() {
            return;
        }
        let said = own.memory.compose(own.session.id);
        own.attending = Some(Attending {
            session: Arc::clone(&own.session),
            said: said.clone(),
            began: now,
            call,
        });
        let body = Body::Attend(said);
        self.tell(|| format!("mount {mount} calls {call}: {body}"));
        self.send_call(mount, call, &body);
        self.mount_at(mount, PATIENCE, MountStep::Impatient { call });
        self.mount_at(mount, GATHER, MountStep::Say);
        if let Some(until) = self.mounts[mount].session.kept_until() {
            let due = self.mounts[mount].clock.when(self.now, until);
            self.at(due, Event::Mount(mount, MountStep::Lapse));
        }
    }

    fn lapse(&mut self, mount: usize) {
        let is_kept = self.mounts[mount].is_kept(self.now);
        let own = &mut self.mounts[mount];
        if !is_kept && !own.is_lapsed && own.attending.take().is_some() {
            own.is_lapsed = true;
            self.tell(|| format!("mount {mount} believes that its session may have ended"));
            self.attend(mount);
        }
    }

    pub(super) fn has_news(&mut self, mount: usize) {
        self.mounts[mount].has_news = true;
        self.mount_at(mount, GATHER, MountStep::Say);
    }

    /// A call that says nothing is given up for one that does.
    fn say(&mut self, mount: usize) {
        let own = &mut self.mounts[mount];
        let says = |own: &Attending| !own.said.held.is_empty() || !own.said.released.is_empty();
        if own.has_news && own.attending.as_ref().is_some_and(|own| !says(own)) {
            own.has_news = false;
            own.attending = None;
            self.attend(mount);
        }
    }

    pub(super) fn take(&mut self, mount: usize, attended: Attended) {
        let own = &mut self.mounts[mount];
        let Some(Attending {
            session,
            said,
            began,
            ..
        }) = own.attending.take()
        else {
            return;
        };
        own.is_lapsed = false;
        let term = (!attended.is_gone).then_some(attended.term);
        own.memory.confirm(&said, term);
        if attended.is_gone {
            self.lose(mount, session.id);
            return self.attend(mount);
        }
        session.renew(began, Duration::from_millis(attended.lease_milliseconds));
        let is_new_term = own.memory.enter(session.id, attended.term);
        if is_new_term {
            self.look_again(mount);
        }
        if let Some(number) = attended.news.last().map(|news| news.number) {
            let mut orphans = Vec::new();
            for news in attended.news {
                match news.body {
                    Some(news::Body::Orphaned(ino)) => orphans.push(InodeId::new(ino)),
                    Some(news::Body::Granted(lock)) => {
                        self.granted(mount, session.id, lock.sequence);
                    }
                    None => {}
                }
            }
            let place = self.fresh();
            let own = &mut self.mounts[mount];
            own.memory.receive(number);
            own.questions.push_back(Question {
                session: session.id,
                term: attended.term,
                number,
                orphans,
                place,
                is_asked: false,
                waits_for: None,
            });
            self.within(2 * MILLISECOND, Event::Mount(mount, MountStep::Decide));
        }
        self.attend(mount);
    }
}
