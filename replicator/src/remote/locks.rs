//! Locks of a shared volume: asked for once, waited for without polling, never left behind.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{
    Answer, CancelLock, Command, InodeId, Operation, Outcome, PosixError, Query, Reply, SessionId,
    SetLock, TicketState, Unlock,
};
use tokio::task::JoinHandle;

use super::asking::Asking;
use super::session::Session;
use super::sessions::outcome_in;
use super::waits::{Told, Undoing, Wait};
use super::{RemoteReplicator, encode};
use crate::error::ReplicateError;
use crate::replicator::{Attendant, Pending, SharedVolume};

/// Who is interrupted does not wait longer for what he asked to be taken back.
const CANCEL_MAX: Duration = Duration::from_secs(1);

impl SharedVolume for RemoteReplicator {
    fn epoch(&self) -> u64 {
        self.sessions.current().epoch
    }

    fn session(&self) -> SessionId {
        self.sessions.current().id
    }

    fn replicate_in(
        &self,
        epoch: u64,
        command: Command,
    ) -> Pending<'_, Result<Outcome, ReplicateError>> {
        Box::pin(async move {
            self.check_serving()?;
            self.within(self.soft, self.send(command, Some(epoch)))
                .await
        })
    }

    fn set_lock<'a>(
        &'a self,
        epoch: u64,
        command: Command,
        holds: bool,
        interrupted: Pending<'a, ()>,
    ) -> Pending<'a, Result<Outcome, ReplicateError>> {
        Box::pin(self.lock(epoch, command, holds, interrupted))
    }

    fn set_attendant(&self, attendant: Arc<dyn Attendant>) {
        self.attending.set_attendant(attendant);
    }

    fn release(&self, ino: InodeId) {
        self.attending.release(ino);
    }
}

impl RemoteReplicator {
    async fn lock(
        &self,
        epoch: u64,
        mut command: Command,
        holds: bool,
        mut interrupted: Pending<'_, ()>,
    ) -> Result<Outcome, ReplicateError> {
        self.check_serving()?;
        let Operation::SetLock(lock) = command.operation.clone() else {
            return Ok(Err(PosixError::InvalidArgument));
        };
        let session = self.session_of(Some(epoch))?;
        let holder = (lock.ino, lock.space, lock.owner);
        tokio::select! {
            biased;
            opened = session.opened() => opened?,
            () = &mut interrupted => return Err(ReplicateError::Interrupted),
        }
        tokio::select! {
            biased;
            () = self.waits.undone(holder) => {}
            end = self.give_up(&mut interrupted) => return Err(end),
        }
        session.lock();
        let under_way = session.begin();
        let request = under_way.request;
        command.request = Some(request);
        let wait = self.waits.begin(session.id, request.sequence);
        // Whoever gives up does not know whether it was carried out: this goes on until that is known.
        let asking = Arc::clone(&self.asking);
        let body = encode(&command);
        let carrier = self.carrier.handle();
        let mut asked = carrier.spawn(async move {
            let answer = asking.ask(body).await?.answer;
            drop(under_way);
            outcome_in(answer)
        });
        let outcome = tokio::select! {
            biased;
            outcome = &mut asked => outcome.unwrap_or(Err(ReplicateError::Stopped))?,
            end = self.give_up(&mut interrupted) => {
                if holds && end == ReplicateError::Interrupted {
                    // To unlock the range would take away what the owner had before.
                    match asked.await.unwrap_or(Err(ReplicateError::Stopped))? {
                        Ok(Answer::Waiting) => {
                            return self.cancel(&session, &command, &lock, holds).await;
                        }
                        outcome => outcome,
                    }
                } else {
                    let undo = self.undo(&session, &command, &lock, holds);
                    self.take_back(undo, asked, &end).await;
                    return Err(end);
                }
            }
        };
        match outcome {
            Ok(Answer::Waiting) => {
                let waiting = Waiting {
                    session: &session,
                    command: &command,
                    lock: &lock,
                    holds,
                };
                self.wait_for(waiting, wait, interrupted).await
            }
            Err(PosixError::SessionGone) => {
                self.lose(&session)?;
                Err(ReplicateError::SessionLost)
            }
            outcome => Ok(outcome),
        }
    }

    /// Goes on with it if the cluster does not answer in time.
    async fn take_back(
        &self,
        undo: Undo,
        asked: JoinHandle<Result<Outcome, ReplicateError>>,
        why: &ReplicateError,
    ) {
        let carrier = self.carrier.handle();
        let undone = carrier.spawn(async move { undo.run(asked).await });
        if *why == ReplicateError::Interrupted {
            // Others are not to meet a lock, or a wait for one, of somebody who was told that he has none.
            tokio::select! {
                biased;
                _ = undone => {}
                () = self.asking.sleep(CANCEL_MAX) => {}
            }
        }
    }

    /// Why a request is not waited for any longer.
    async fn give_up(&self, interrupted: &mut Pending<'_, ()>) -> ReplicateError {
        let limit = async {
            match self.soft {
                Some(limit) => self.asking.sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = interrupted => ReplicateError::Interrupted,
            () = limit => ReplicateError::TimedOut,
        }
    }

    async fn wait_for(
        &self,
        waiting: Waiting<'_>,
        mut wait: Wait,
        mut interrupted: Pending<'_, ()>,
    ) -> Result<Outcome, ReplicateError> {
        let Waiting {
            session,
            command,
            lock,
            holds,
        } = waiting;
        let query = Query::LockTicket {
            ino: lock.ino,
            session: session.id,
            sequence: command.request.map_or(0, |request| request.sequence),
        };
        let cancel = || self.cancel(session, command, lock, holds);
        loop {
            let told = tokio::select! {
                biased;
                told = wait.told() => told,
                () = &mut interrupted => return cancel().await,
            };
            match told {
                Told::Granted => return Ok(Ok(Answer::Locked)),
                Told::Ended => return Err(ReplicateError::SessionLost),
                Told::LookAgain => {}
            }
            let state = tokio::select! {
                biased;
                state = self.find_out(query.clone()) => state,
                () = &mut interrupted => return cancel().await,
            };
            match state {
                Ok(Ok(Reply::Ticket(TicketState::Waiting))) => {}
                // Only this call cancels it, and the session is open.
                Ok(Ok(_)) => return Ok(Ok(Answer::Locked)),
                Ok(Err(PosixError::SessionGone)) => return Err(ReplicateError::SessionLost),
                // Nobody would wait for it any more.
                Ok(Err(error)) => return cancel().await.and(Ok(Err(error))),
                Err(error) => return cancel().await.and(Err(error)),
            }
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
struct Waiting<'a> {
    session: &'a Arc<Session>,
    command: &'a Command,
    lock: &'a SetLock,
    holds: bool,
}

impl RemoteReplicator {
    /// Ends a wait; a cluster that does not answer in time is told later.
    async fn cancel(
        &self,
        session: &Arc<Session>,
        command: &Command,
        lock: &SetLock,
        holds: bool,
    ) -> Result<Outcome, ReplicateError> {
        let undo = Arc::new(self.undo(session, command, lock, holds));
        let carrier = self.carrier.handle();
        let cancelling = Arc::clone(&undo);
        let mut cancelled = carrier.spawn(async move { cancelling.cancel().await });
        tokio::select! {
            biased;
            outcome = &mut cancelled => match outcome.unwrap_or(Err(ReplicateError::Stopped))? {
                // It came first.
                Ok(Answer::Locked) => Ok(Ok(Answer::Locked)),
                Ok(_) => Err(ReplicateError::Interrupted),
                Err(error) => Ok(Err(error)),
            },
            () = self.asking.sleep(CANCEL_MAX) => {
                carrier.spawn(async move { undo.run(cancelled).await });
                Err(ReplicateError::Interrupted)
            }
        }
    }

    fn undo(&self, session: &Arc<Session>, command: &Command, lock: &SetLock, holds: bool) -> Undo {
        Undo {
            holds,
            asking: Arc::clone(&self.asking),
            session: Arc::clone(session),
            lock: *lock,
            command: command.clone(),
            _undoing: self.waits.undo((lock.ino, lock.space, lock.owner)),
        }
    }
}

/// Takes back a request that nobody waits for, once it is known what became of it.
struct Undo {
    asking: Arc<Asking>,
    session: Arc<Session>,
    lock: SetLock,
    command: Command,
    /// What was locked stays locked: part of it was before.
    holds: bool,
    /// Until then, the same holder gets nothing new.
    _undoing: Undoing,
}

impl Undo {
    async fn run(&self, asked: JoinHandle<Result<Outcome, ReplicateError>>) {
        let mut outcome = asked.await.unwrap_or(Err(ReplicateError::Stopped));
        if let Ok(Ok(Answer::Waiting)) = outcome {
            outcome = self.cancel().await;
        }
        if let Ok(Ok(Answer::Locked)) = outcome
            && !self.holds
        {
            let unlock = Operation::Unlock(Unlock {
                ino: self.lock.ino,
                space: self.lock.space,
                owner: self.lock.owner,
                range: self.lock.range,
            });
            outcome = self.ask(again(&self.command, unlock)).await;
        }
        tracing::debug!(
            ?outcome,
            "a lock that nobody waits for any more was given back"
        );
    }

    async fn cancel(&self) -> Result<Outcome, ReplicateError> {
        let cancel = Operation::CancelLock(CancelLock {
            ino: self.lock.ino,
            sequence: self.command.request.map_or(0, |request| request.sequence),
        });
        self.ask(again(&self.command, cancel)).await
    }

    async fn ask(&self, mut command: Command) -> Result<Outcome, ReplicateError> {
        let under_way = self.session.begin();
        command.request = Some(under_way.request);
        outcome_in(self.asking.ask(encode(&command)).await?.answer)
    }
}

/// Another command of the same caller.
fn again(command: &Command, operation: Operation) -> Command {
    Command {
        request: None,
        operation,
        ..command.clone()
    }
}
