//! What a process makes of the answers to its calls, as `remote/locks.rs` does.

use holdfast_metadata::{Answer, Outcome, PosixError, Query, Reply, SessionId, TicketState};

use super::cluster::Cluster;
use super::messages::Body;
use super::mount::Who;
use super::process::{Doing, Told};
use super::world::World;

impl World {
    /// What became of a command.
    pub(super) fn outcome(&mut self, mount: usize, process: usize, outcome: Outcome) {
        let own = &mut self.mounts[mount].processes[process];
        let under_way = own.under_way.take();
        let doing = own.doing;
        if outcome == Err(PosixError::SessionGone) {
            let session = under_way.map(|under_way| under_way.request.session);
            self.go_on(mount, process, Doing::Nothing);
            if let Some(session) = session {
                self.lose(mount, session);
            }
            return;
        }
        // Until here: from now on the cluster may forget the outcome.
        drop(under_way);
        let writes = if own.is_shared { 0 } else { 2 };
        match (doing, outcome) {
            (Doing::Locking { file, .. }, Ok(Answer::Locked)) => {
                self.go_on(mount, process, Doing::Holding { file, writes });
            }
            (
                Doing::Locking {
                    file,
                    sequence,
                    told,
                },
                Ok(Answer::Waiting),
            ) => {
                self.waits(mount, process, (file, sequence), told);
            }
            (Doing::Writing { file, writes }, Ok(_)) => {
                self.acknowledged += 1;
                let writes = writes - 1;
                self.go_on(mount, process, Doing::Holding { file, writes });
            }
            (Doing::Cancelling { file }, Ok(Answer::Locked)) => {
                self.go_on(mount, process, Doing::Holding { file, writes: 0 });
            }
            (Doing::Writing { .. } | Doing::Unlocking, Err(error)) => {
                self.fail(format!("mount {mount} process {process}: {error}"));
            }
            _ => self.go_on(mount, process, Doing::Nothing),
        }
    }

    /// A request waits, unless it was told meanwhile that it does not.
    fn waits(&mut self, mount: usize, process: usize, wait: (usize, u64), told: Told) {
        let (file, sequence) = wait;
        self.go_on(mount, process, Doing::Waiting { file, sequence });
        match told {
            Told::Nothing => {}
            Told::LookAgain => self.look_at(mount, process, file, sequence),
            Told::Granted => {
                let is_shared = self.mounts[mount].processes[process].is_shared;
                let writes = if is_shared { 0 } else { 2 };
                self.go_on(mount, process, Doing::Holding { file, writes });
            }
        }
    }

    /// The answer to a query.
    pub(super) fn reply(&mut self, mount: usize, process: usize, reply: Result<Reply, PosixError>) {
        let own = &self.mounts[mount].processes[process];
        let writes = if own.is_shared { 0 } else { 2 };
        match (own.doing, reply) {
            (
                Doing::Looking {
                    file,
                    sequence,
                    told,
                },
                Ok(Reply::Ticket(TicketState::Waiting)),
            ) => self.waits(mount, process, (file, sequence), told),
            (Doing::Looking { file, .. }, Ok(Reply::Ticket(_))) => {
                self.go_on(mount, process, Doing::Holding { file, writes });
            }
            (Doing::Finding, Ok(Reply::Attributes(attributes))) => {
                let ino = attributes.ino;
                self.mounts[mount].open.entry(ino).or_default().count += 1;
                self.go_on(mount, process, Doing::Using(ino));
                self.check_open(mount, ino);
            }
            _ => self.go_on(mount, process, Doing::Nothing),
        }
    }

    /// A wait is over.
    pub(super) fn granted(&mut self, mount: usize, session: SessionId, ticket: u64) {
        for process in self.waiters(mount, session) {
            let own = &mut self.mounts[mount].processes[process];
            let writes = if own.is_shared { 0 } else { 2 };
            match &mut own.doing {
                Doing::Locking { sequence, told, .. } | Doing::Looking { sequence, told, .. }
                    if *sequence == ticket =>
                {
                    *told = Told::Granted;
                }
                Doing::Waiting { sequence, file } if *sequence == ticket => {
                    let file = *file;
                    self.go_on(mount, process, Doing::Holding { file, writes });
                }
                _ => {}
            }
        }
    }

    /// Another node leads: a wait may be over without a word.
    pub(super) fn look_again(&mut self, mount: usize) {
        for process in 0..self.mounts[mount].processes.len() {
            match &mut self.mounts[mount].processes[process].doing {
                Doing::Locking { told, .. } | Doing::Looking { told, .. }
                    if *told == Told::Nothing =>
                {
                    *told = Told::LookAgain;
                }
                Doing::Waiting { sequence, file } => {
                    let (sequence, file) = (*sequence, *file);
                    self.look_at(mount, process, file, sequence);
                }
                _ => {}
            }
        }
    }

    /// The session has ended, and its waits with it.
    pub(super) fn end_waits(&mut self, mount: usize, session: SessionId) {
        for process in self.waiters(mount, session) {
            let own = &self.mounts[mount].processes[process];
            if matches!(own.doing, Doing::Waiting { .. }) {
                self.go_on(mount, process, Doing::Nothing);
            }
        }
    }

    fn waiters(&self, mount: usize, session: SessionId) -> Vec<usize> {
        let processes = self.mounts[mount].processes.iter().enumerate();
        let of_session = processes.filter(|(_, own)| own.is_of(session));
        of_session.map(|(place, _)| place).collect()
    }

    fn look_at(&mut self, mount: usize, process: usize, file: usize, sequence: u64) {
        let Some(session) = self.mounts[mount].processes[process].session_id() else {
            return;
        };
        let told = Told::Nothing;
        let looking = Doing::Looking {
            file,
            sequence,
            told,
        };
        self.go_on(mount, process, looking);
        let query = Query::LockTicket {
            ino: Cluster::locked_file(file),
            session,
            sequence,
        };
        self.ask(mount, Body::Query(query), Who::Process(process));
    }
}
