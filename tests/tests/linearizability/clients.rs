//! Who calls: threads of this process, each on one mount.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use holdfast_metadata::LockMode;
use holdfast_tests::Random;
use holdfast_tests::linearizability::{
    Call, Known, LockCall, LockOutcome, Operation, Outcome, Owner, Recorder, choose, known,
    look_at_all, perform,
};
use holdfast_tests::locking::{Bytes, LockKind, set_lock};
use nix::errno::Errno;

pub(crate) type NameOperation = Operation<Call, Outcome>;
pub(crate) type LockOperation = Operation<LockCall, LockOutcome>;

/// What all clients of a round share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) recorder: Recorder,
    pub(crate) is_over: AtomicBool,
    /// Open files that were ever used for locks.
    files: AtomicU32,
    /// Calls that a full disk has refused.
    no_space: AtomicU32,
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    /// How many calls were ENOSPC.
    pub(crate) fn no_space(&self) -> u32 {
        self.no_space.load(Ordering::Relaxed)
    }
}

/// A thread on a mount.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) mount: usize,
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) random: Random,
}

impl Client {
    /// Makes random calls in an arena until it is over, or the mount is gone.
    pub(crate) fn use_names(mut self, shared: &Shared) -> Vec<NameOperation> {
        let mut done = Vec::new();
        let Ok(arena) = File::open(&self.directory) else {
            return done;
        };
        while shared.goes_on() {
            let id = shared.recorder.id();
            let call = choose(&mut self.random, id);
            if !self.call(shared, &arena, (id, call), &mut done) {
                break;
            }
        }
        done
    }

    /// Looks at all that is there.
    pub(crate) fn look(self, shared: &Shared) -> Vec<NameOperation> {
        let mut done = Vec::new();
        let arena = File::open(&self.directory).unwrap();
        for call in look_at_all() {
            let id = shared.recorder.id();
            assert!(self.call(shared, &arena, (id, call), &mut done));
        }
        done
    }

    fn call(
        &self,
        shared: &Shared,
        arena: &File,
        (id, call): (u32, Call),
        done: &mut Vec<NameOperation>,
    ) -> bool {
        let who = (id, self.name.as_str());
        let work = || perform(arena, call);
        let (operation, is_mounted) = shared.recorder.record(who, call, work);
        if operation.outcome() == Some(&Outcome::Failed(Errno::ENOSPC)) {
            shared.no_space.fetch_add(1, Ordering::Relaxed);
        }
        done.push(operation);
        is_mounted
    }

    /// Takes and gives up a lock until it is over, or the mount is gone.
    pub(crate) fn use_lock(mut self, shared: &Shared, kind: LockKind) -> Vec<LockOperation> {
        let mut done = Vec::new();
        while shared.goes_on() {
            // After EIO only a file that is opened anew can be locked.
            let file = match File::options().read(true).write(true).open(&self.directory) {
                Ok(file) => file,
                Err(error) => match error.raw_os_error() {
                    Some(libc::ENOTCONN | libc::ECONNABORTED) => break,
                    // It may not know yet what it has lost.
                    _ => continue,
                },
            };
            let owner = Owner {
                mount: self.mount,
                file: shared.files.fetch_add(1, Ordering::Relaxed),
            };
            let mut is_sound = true;
            while is_sound && shared.goes_on() {
                is_sound = self.lock_once(shared, (&file, kind, owner), &mut done);
            }
            // Closing gives it up, whenever the cluster hears of it.
            done.push(Operation {
                id: shared.recorder.id(),
                client: self.name.clone(),
                call: LockCall::Unlock(owner),
                answer: None,
                invoked: shared.recorder.moment(Duration::ZERO),
            });
        }
        done
    }

    /// False if nobody knows what has become of the lock.
    fn lock_once(
        &mut self,
        shared: &Shared,
        (file, kind, owner): (&File, LockKind, Owner),
        done: &mut Vec<LockOperation>,
    ) -> bool {
        let modes = [LockMode::Shared, LockMode::Exclusive, LockMode::Exclusive];
        let mode = modes[self.random.below(3) as usize];
        let waits = self.random.below(3) == 0;
        let call = if waits {
            LockCall::Wait(owner, mode)
        } else {
            LockCall::Try(owner, mode)
        };
        let mut ask = |call: LockCall, mode: Option<LockMode>, waits: bool| {
            let who = (shared.recorder.id(), self.name.as_str());
            let work = || match set_lock(file, kind, Bytes::ALL, mode, waits) {
                Ok(()) => Known::Outcome(LockOutcome::Done),
                Err(errno) => known(errno, LockOutcome::Failed),
            };
            let (operation, _) = shared.recorder.record(who, call, work);
            let outcome = operation.outcome().copied();
            done.push(operation);
            outcome
        };
        match ask(call, Some(mode), waits) {
            Some(LockOutcome::Done) => ask(LockCall::Unlock(owner), None, false).is_some(),
            Some(LockOutcome::Failed(_)) => true,
            None => false,
        }
    }
}
