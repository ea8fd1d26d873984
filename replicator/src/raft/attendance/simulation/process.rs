//! What a process on a mount does: locks a file, writes under the lock, and unlocks; finds a file and has it open for a
//! while; makes and removes names.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{
    Command, FileName, InodeId, LockMode, LockOwner, LockRange, LockSpace, Operation, SessionId,
    SetLock, Unlink,
};

use super::clock::{MILLISECOND, Time};
use super::cluster::{Cluster, LOCKED_FILES, command, create};
use super::messages::Body;
use super::mount::Who;
use super::world::{MountStep, World};
use crate::remote::{Session, UnderWay};

/// Names that come and go.
const NAMES: u64 = 3;

pub(super) struct Process {
    pub(super) doing: Doing,
    /// It does nothing by itself, until all is healed.
    is_driven: bool,
    turn: u64,
    /// The command under way, and the session in which the lock is held or waited for.
    pub(super) under_way: Option<UnderWay>,
    session: Option<Arc<Session>>,
    pub(super) is_shared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Nothing,
    Locking {
        file: usize,
        sequence: u64,
        told: Told,
    },
    Waiting {
        file: usize,
        sequence: u64,
    },
    /// Asks what became of its wait.
    Looking {
        file: usize,
        sequence: u64,
        told: Told,
    },
    Cancelling {
        file: usize,
    },
    Holding {
        file: usize,
        writes: u64,
    },
    Writing {
        file: usize,
        writes: u64,
    },
    Unlocking,
    Finding,
    Using(InodeId),
    Changing,
}

/// What was told of a wait before it was known that it is one, or still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    LookAgain,
    Granted,
}

impl Process {
    pub(super) fn new(is_driven: bool) -> Process {
        Process {
            doing: Doing::Nothing,
            is_driven,
            turn: 0,
            under_way: None,
            session: None,
            is_shared: false,
        }
    }

    pub(super) fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// Whether it has or waits for a lock in this session.
    pub(super) fn is_of(&self, session: SessionId) -> bool {
        self.session_id() == Some(session)
    }

    /// The file it believes to have for itself, and in which session.
    pub(super) fn believes(&self) -> Option<(SessionId, InodeId)> {
        match self.doing {
            Doing::Holding { file, .. } | Doing::Writing { file, .. } if !self.is_shared => {
                let session = self.session.as_ref()?;
                Some((session.id, Cluster::locked_file(file)))
            }
            _ => None,
        }
    }
}

pub(super) fn space(file: usize) -> LockSpace {
    LockSpace::ALL[file % 2]
}

pub(super) fn owner(process: usize) -> LockOwner {
    LockOwner(process as u64 + 1)
}

pub(super) fn name(number: u64) -> FileName {
    FileName::new(format!("f{number}").as_bytes()).unwrap()
}

impl World {
    pub(super) fn act_within(&mut self, mount: usize, process: usize, time: Time) {
        let turn = self.mounts[mount].processes[process].turn;
        let delay = Duration::from_micros(self.random.below(time) + 1);
        self.mount_at(mount, delay, MountStep::Act { process, turn });
    }

    pub(super) fn go_on(&mut self, mount: usize, process: usize, doing: Doing) {
        self.tell(|| format!("mount {mount} process {process}: {doing:?}"));
        let own = &mut self.mounts[mount].processes[process];
        own.turn += 1;
        own.doing = doing;
        if doing == Doing::Nothing {
            own.session = None;
        }
        let wait = match doing {
            Doing::Nothing => 400,
            Doing::Waiting { .. } => 4000,
            Doing::Using(_) => 8000,
            Doing::Holding { .. } if self.is_healed => 50,
            Doing::Holding { .. } => 600,
            _ => return,
        };
        self.act_within(mount, process, wait * MILLISECOND);
    }

    pub(super) fn act(&mut self, mount: usize, process: usize, turn: u64) {
        let own = &self.mounts[mount].processes[process];
        let is_driven = own.is_driven && !self.is_healed;
        if own.turn != turn || is_driven {
            return;
        }
        match own.doing {
            Doing::Nothing if self.is_healed => {}
            Doing::Nothing => self.begin(mount, process),
            Doing::Holding { file, writes: 0 } => self.unlock(mount, process, file),
            Doing::Holding { file, writes } => self.write(mount, process, file, writes),
            Doing::Waiting { file, sequence } if !self.is_healed && self.random.chance(200) => {
                self.cancel(mount, process, file, sequence);
            }
            Doing::Using(ino) => self.close(mount, process, ino),
            _ => {}
        }
    }

    fn begin(&mut self, mount: usize, process: usize) {
        if !self.mounts[mount].is_opened {
            return self.go_on(mount, process, Doing::Nothing);
        }
        match self.random.below(10) {
            0..3 => {
                let file = self.random.index(LOCKED_FILES);
                let wait = self.random.chance(800);
                self.lock(mount, process, file, wait);
            }
            3..6 => {
                let number = self.random.below(NAMES);
                self.find(mount, process, number);
            }
            choice => {
                let number = self.random.below(NAMES);
                let operation = if choice < 8 {
                    Operation::Unlink(Unlink {
                        parent: InodeId::ROOT,
                        name: name(number),
                    })
                } else {
                    Operation::Create(create(&format!("f{number}")))
                };
                self.change(mount, process, operation, Doing::Changing);
            }
        }
    }

    /// Sends a command in the session of now, or in that of the lock.
    pub(super) fn change(
        &mut self,
        mount: usize,
        process: usize,
        operation: Operation,
        doing: Doing,
    ) -> u64 {
        let own = &mut self.mounts[mount];
        let session = own.processes[process].session.clone();
        let session = session.unwrap_or_else(|| Arc::clone(&own.session));
        let under_way = session.begin();
        let request = under_way.request;
        own.processes[process].under_way = Some(under_way);
        let command = Command {
            request: Some(request),
            ..command(operation)
        };
        self.go_on(mount, process, doing);
        if let Doing::Locking { sequence, .. } = &mut self.mounts[mount].processes[process].doing {
            *sequence = request.sequence;
        }
        self.ask(mount, Body::Command(command), Who::Process(process))
    }

    pub(super) fn lock(&mut self, mount: usize, process: usize, file: usize, wait: bool) {
        let session = Arc::clone(&self.mounts[mount].session);
        self.mounts[mount].processes[process].session = Some(session);
        let is_shared = !self.is_healed && self.random.chance(150);
        let set = SetLock {
            ino: Cluster::locked_file(file),
            space: space(file),
            owner: owner(process),
            range: LockRange::WHOLE,
            mode: if is_shared {
                LockMode::Shared
            } else {
                LockMode::Exclusive
            },
            process: process as u32,
            wait,
        };
        let doing = Doing::Locking {
            file,
            sequence: 0,
            told: Told::Nothing,
        };
        self.mounts[mount].processes[process].is_shared = is_shared;
        self.change(mount, process, Operation::SetLock(set), doing);
    }
}
