//! A mount of the simulation: it opens sessions, keeps them alive, asks until it has an answer, and notes everything.

mod attending;
mod seat;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::{
    Answer, CancelLock, Command, FileKind, OpenSession, Operation, Outcome, PosixError, Query,
    Reply, RequestId, SessionId, SetLock, TicketState, Unlock,
};
use holdfast_proto::{decode_outcome, decode_reply, encode_command, encode_query};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::seat::Seat;
use super::history::{Held, History, Read};
use super::host::Host;
use super::network::Network;
use super::random::Random;
use super::story::Story;
use super::tally::Tally;
use super::witness::Witness;
use super::workload::{self, Known};
use crate::call::{AnswerBody, CallBody};
use crate::refusal::Refusal;

/// How long a client waits for one answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Milliseconds for which a lock is held at most.
const HOLD: u64 = 400;
/// Longer than a lease: somebody relies on it.
const LONG_HOLD: u64 = 10_000;
/// The locks of a companion are another's.
const COMPANION: u64 = 1000;
/// How often who holds a lock looks whether the end has come.
const GLANCE: Duration = Duration::from_millis(200);
/// How often a client asks for a lock that it waits for, and one that needs it more.
const ASKING: (u64, u64) = (4, 40);

/// What all clients and the world share.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) network: Network,
    pub(super) history: History,
    pub(super) story: Story,
    pub(super) witness: Witness,
    /// Inodes that somebody has heard of.
    pub(super) known: Arc<Mutex<Known>>,
    pub(super) nodes: u64,
    pub(super) is_ending: Arc<AtomicBool>,
    /// How often each operation was done, and each query answered.
    pub(super) done: Tally,
}

/// One task of a client.
#[derive(Clone)]
pub(super) struct Client {
    id: u64,
    /// Of the locks of this task.
    owner: u64,
    host: Host,
    around: Surroundings,
    /// Does little but take the same lock as others like it, and hold it for long.
    is_keeper: bool,
    seat: Arc<Mutex<Seat>>,
    /// The session of the seat is open.
    opened: Arc<Notify>,
    random: Random,
    /// Who led when it was last heard.
    leader: u64,
    /// Commands that are over, some of which come again.
    old: Vec<Bytes>,
}

impl Client {
    pub(super) fn new(id: u64, host: Host, around: Surroundings, random: Random) -> Client {
        Client {
            id,
            owner: id,
            host,
            around,
            is_keeper: id % 4 < 2,
            seat: Arc::new(Mutex::new(Seat::new(SessionId(id * 1000)))),
            opened: Arc::default(),
            random,
            leader: 1,
            old: Vec::new(),
        }
    }

    /// The same client, that draws other numbers.
    pub(super) fn fork(&mut self) -> Client {
        let random = self.random.fork();
        Client {
            random,
            ..self.clone()
        }
    }

    /// Works beside the client in the same session.
    pub(super) fn companion(&mut self) -> Client {
        Client {
            owner: self.id + COMPANION,
            is_keeper: false,
            ..self.fork()
        }
    }

    /// Until the simulation ends.
    pub(super) async fn work(mut self) {
        while !self.around.is_ending.load(Ordering::Relaxed) {
            let is_open = self.seat.lock().is_open;
            if !is_open {
                self.open_session().await;
            }
            let pause = self.random.millis(0, 30);
            tokio::time::sleep(pause).await;
            match self.random.below(100) {
                0..=29 => self.read().await,
                30..=41 => self.lock().await,
                42..=80 if self.is_keeper => self.lock().await,
                81 => self.close_session().await,
                82..=84 => self.stray().await,
                _ => self.change().await,
            }
        }
    }

    /// Reads beside what else is done, and so goes on to ask whoever answers reads.
    pub(super) async fn look(mut self) {
        while !self.around.is_ending.load(Ordering::Relaxed) {
            let pause = self.random.millis(50, 500);
            tokio::time::sleep(pause).await;
            self.read().await;
            self.look_at_kept().await;
        }
    }

    /// What a mount has open is there, without a name, too.
    async fn look_at_kept(&mut self) {
        let (session, kept) = {
            let seat = self.seat.lock();
            (seat.session, seat.kept(&mut self.random))
        };
        let Some(ino) = kept else { return };
        let found = self.find_out(Query::Attributes { ino }).await;
        let is_kept = self.seat.lock().keeps(session, ino);
        if is_kept && !self.around.history.is_given_up(session) {
            self.around
                .done
                .count("looks at an open inode without a name");
            if let Err(error) = found {
                let id = self.id;
                self.around
                    .witness
                    .accuse(|| format!("client {id} has inode {ino} open, and hears {error:?}"));
            }
        }
    }

    fn lose(&self, session: SessionId) {
        let mut seat = self.seat.lock();
        if seat.session == session {
            self.around.story.tell(&format!(
                "client {} has lost session {}",
                self.id, session.0
            ));
            self.around.history.end_session(session);
            seat.lose();
        }
    }

    async fn open_session(&mut self) {
        let Some(request) = self.seat.lock().begin_to_open() else {
            return;
        };
        let session = request.session;
        let open = Operation::OpenSession(OpenSession::default());
        let outcome = self.run(open, request, usize::MAX).await;
        if matches!(outcome, Some(Ok(_))) {
            self.seat.lock().is_open = true;
            self.opened.notify_one();
        } else if outcome != Some(Err(PosixError::SessionGone)) {
            self.around
                .witness
                .accuse(|| format!("session {} cannot be opened: {outcome:?}", session.0));
        }
    }

    async fn close_session(&mut self) {
        let request = {
            let seat = self.seat.lock();
            (seat.is_open && seat.is_idle()).then(|| seat.registration())
        };
        let Some(request) = request else { return };
        self.around.history.end_session(request.session);
        self.run(Operation::CloseSession, request, usize::MAX).await;
        self.lose(request.session);
    }

    /// An old command arrives once more.
    async fn stray(&mut self) {
        if !self.old.is_empty() {
            let command = self.random.pick(&self.old).clone();
            self.try_once(CallBody::Command(command), PATIENCE).await;
        }
    }

    async fn change(&mut self) {
        let known = self.around.known.lock().clone();
        let operation = workload::operation(&mut self.random, &known);
        // Some are given up, as a signal to the calling program does it.
        let tries = if self.random.percent(10) {
            1
        } else {
            usize::MAX
        };
        self.next(operation, tries).await;
    }

    async fn lock(&mut self) {
        let known = self.around.known.lock().clone();
        if known.files.is_empty() {
            return;
        }
        let lock = workload::lock(&mut self.random, &known, self.owner, self.is_keeper);
        let Some(request) = self.seat.lock().begin() else {
            return;
        };
        let session = request.session;
        let outcome = self.run(Operation::SetLock(lock), request, usize::MAX);
        let held = match outcome.await {
            Some(Ok(Answer::Locked)) => true,
            Some(Ok(Answer::Waiting)) => self.wait_for(&lock, request).await,
            _ => return,
        };
        let hold = held.then(|| self.hold(session, &lock)).flatten();
        let most = if self.is_keeper && self.random.percent(60) {
            LONG_HOLD
        } else {
            HOLD
        };
        let until = Instant::now() + self.random.millis(0, most);
        // In the end nobody keeps the others waiting.
        while Instant::now() < until && !self.around.is_ending.load(Ordering::Relaxed) {
            let left = until - Instant::now();
            tokio::time::sleep(left.min(GLANCE)).await;
        }
        if let Some(hold) = hold {
            self.around.history.let_go(hold);
        }
        if self.seat.lock().session == session {
            let SetLock {
                ino,
                space,
                owner,
                range,
                ..
            } = lock;
            let unlock = Unlock {
                ino,
                space,
                owner,
                range,
            };
            self.next(Operation::Unlock(unlock), usize::MAX).await;
        }
    }

    fn hold(&self, session: SessionId, lock: &SetLock) -> Option<u64> {
        let seat = self.seat.lock();
        let until = seat.lease_until.filter(|_| seat.session == session)?;
        let held = Held {
            session,
            lock: *lock,
        };
        Some(self.around.history.hold(held, until))
    }

    /// Whether it got the lock in the end.
    async fn wait_for(&mut self, lock: &SetLock, request: RequestId) -> bool {
        let RequestId {
            session, sequence, ..
        } = request;
        let ino = lock.ino;
        let asking = if self.is_keeper { ASKING.1 } else { ASKING.0 };
        for _ in 0..asking {
            if self.around.is_ending.load(Ordering::Relaxed) {
                break;
            }
            let pause = self.random.millis(20, 250);
            tokio::time::sleep(pause).await;
            let ticket = Query::LockTicket {
                ino,
                session,
                sequence,
            };
            match self.find_out(ticket).await {
                Ok(Reply::Ticket(TicketState::Granted)) => return true,
                Ok(Reply::Ticket(TicketState::Waiting)) => {}
                _ => return false,
            }
        }
        if self.seat.lock().session == session {
            let cancel = Operation::CancelLock(CancelLock { ino, sequence });
            self.next(cancel, usize::MAX).await;
        }
        false
    }

    async fn read(&mut self) {
        let known = self.around.known.lock().clone();
        let query = workload::query(&mut self.random, &known);
        let session = self.seat.lock().session;
        let is_lookup = matches!(query, Query::Lookup { .. });
        let found = self.find_out(query).await;
        if let Ok(Reply::Attributes(attributes)) = found
            && is_lookup
        {
            self.seat.lock().see(session, attributes.ino);
        }
    }

    async fn find_out(&mut self, query: Query) -> Result<Reply, PosixError> {
        let invoked = Instant::now();
        let body = CallBody::Query(encode_query(&query));
        let answer = self.ask(body, usize::MAX).await;
        let Some(AnswerBody::Reply(reply)) = answer else {
            panic!("a query is asked until there is a reply");
        };
        let reply = decode_reply(reply).unwrap();
        if reply.is_ok() {
            self.around.done.count(workload::query_name(&query));
        }
        self.around.history.read(Read {
            query,
            invoked,
            answered: Instant::now(),
            reply: reply.clone(),
            last_index: self.around.witness.longest(),
        });
        reply
    }

    /// Under the next number of the session.
    async fn next(&mut self, operation: Operation, tries: usize) -> Option<Outcome> {
        let request = self.seat.lock().begin()?;
        self.run(operation, request, tries).await
    }

    async fn run(
        &mut self,
        operation: Operation,
        request: RequestId,
        tries: usize,
    ) -> Option<Outcome> {
        let RequestId {
            session, sequence, ..
        } = request;
        let name = workload::operation_name(&operation);
        let told: String = format!("{operation:?}").chars().take(150).collect();
        let credentials = workload::caller(&mut self.random);
        let squashed = !credentials.is_superuser() && self.random.percent(50);
        let command = encode_command(&Command {
            request: Some(request),
            now: self.host.time_of_day(),
            credentials,
            squashed,
            operation,
        });
        let place = self.around.history.change(request, told.clone());
        let answer = self.ask(CallBody::Command(command.clone()), tries).await;
        self.seat.lock().end(request);
        self.old.push(command);
        let Some(AnswerBody::Outcome(outcome)) = answer else {
            self.around.story.tell(&format!(
                "client {} gives up {session:?} {sequence}: {told}",
                self.id
            ));
            return None;
        };
        let outcome = decode_outcome(outcome).unwrap();
        self.around.history.answer(place, outcome.clone());
        self.around.story.tell(&format!(
            "client {} {}/{sequence} {told}: {}",
            self.id,
            session.0,
            shown(&outcome)
        ));
        if outcome.is_ok() {
            self.around.done.count(name);
        }
        match &outcome {
            Ok(Answer::Entry { attributes, .. }) => {
                self.seat.lock().see(session, attributes.ino);
                let is_directory = attributes.kind == FileKind::Directory;
                self.around.known.lock().learn(attributes.ino, is_directory);
            }
            Ok(
                Answer::Removed {
                    ino,
                    orphaned: true,
                }
                | Answer::Renamed {
                    orphaned: Some(ino),
                },
            ) => self.around.known.lock().forget(*ino),
            Err(PosixError::SessionGone) => self.lose(session),
            Ok(_) | Err(_) => {}
        }
        Some(outcome)
    }

    async fn ask(&mut self, body: CallBody, tries: usize) -> Option<AnswerBody> {
        for _ in 0..tries {
            if let Some(answer) = self.try_once(body.clone(), PATIENCE).await {
                return Some(answer);
            }
            let pause = self.random.millis(5, 150);
            tokio::time::sleep(pause).await;
        }
        None
    }

    async fn try_once(&mut self, body: CallBody, patience: Duration) -> Option<AnswerBody> {
        let asked = self
            .around
            .network
            .ask(self.id, self.leader, move |service| {
                let body = body.clone();
                async move { service.call(body).await }
            });
        match tokio::time::timeout(patience, asked).await {
            Ok(Ok(Ok((answer, _)))) => return Some(answer),
            Ok(Ok(Err(Refusal::NotLeader {
                leader: Some(leader),
            }))) => self.leader = leader.id,
            Ok(Ok(Err(Refusal::Malformed { reason }))) => {
                self.around
                    .witness
                    .accuse(|| format!("malformed: {reason}"));
            }
            // Refused, lost, or nobody is there.
            Ok(_) | Err(_) => self.leader = 1 + self.random.below(self.around.nodes),
        }
        None
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(Answer::Entry {
            attributes,
            created,
        }) => format!("inode {} (created: {created})", attributes.ino.get()),
        Ok(Answer::Attributes(attributes)) => format!("attributes of {}", attributes.ino.get()),
        other => format!("{other:?}"),
    }
}
