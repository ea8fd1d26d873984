//! A volume of a cluster, from any machine: commands and queries go to the node that leads.
//!
//! Every command gets an id of this mount's session, and keeps it until it has an outcome: however often
//! it is sent, to whichever nodes, it takes effect once. Queries have no effect and are simply sent
//! again. An operation waits for as long as the cluster needs (or as the option `soft` allows); its
//! future may be dropped at any point, as a signal to the calling program does.
//!
//! `fs` polls an operation first on a thread of its own, then on its runtime; neither can carry
//! connections. All tasks and timers therefore live on a runtime that belongs to the replicator.

mod asking;
mod attending;
mod backoff;
mod carrier;
mod connect_error;
mod dial;
mod keeping;
mod locks;
mod nodes;
mod options;
mod pathfinder;
mod road;
mod session;
mod sessions;
mod silence;
mod waits;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use holdfast_metadata::{Answer, Command, LogIndex, Operation, Outcome, PosixError, Query, Reply};
use holdfast_proto::{decode_reply, encode_command};
use parking_lot::Mutex;
use tracing::Instrument;

use self::asking::{Asked, Asking};
use self::attending::Attending;
#[cfg(test)]
pub(crate) use self::attending::Memory;
use self::backoff::Backoff;
use self::carrier::Carrier;
pub use self::connect_error::{ConnectError, FailureReason, NodeFailure};
use self::dial::Dialer;
use self::keeping::Keeping;
use self::nodes::Nodes;
pub use self::options::RemoteOptions;
use self::options::Timing;
use self::pathfinder::Pathfinder;
use self::road::Road;
pub(crate) use self::session::Session;
#[cfg(test)]
pub(crate) use self::session::UnderWay;
use self::sessions::{Sessions, not_understood, outcome_in};
use self::silence::SilenceWatch;
use self::waits::Waits;
use crate::call::{AnswerBody, CallAnswer, CallBody, Here};
use crate::course;
use crate::error::ReplicateError;
use crate::raft::Node;
use crate::replicator::{PosixMetadataReplicator, SharedVolume, Space, Status};
use crate::tls::Squash;

const NEW: u8 = 0;
const SERVING: u8 = 1;
const STOPPED: u8 = 2;

/// Orders commands through the nodes of a cluster. Any number of callers share one.
#[derive(Debug)]
pub struct RemoteReplicator {
    road: Arc<Road>,
    asking: Arc<Asking>,
    sessions: Arc<Sessions>,
    waits: Arc<Waits>,
    attending: Arc<Attending>,
    keeping: Arc<Keeping>,
    soft: Option<Duration>,
    start_max: Duration,
    timing: Timing,
    state: AtomicU8,
    /// Commands that were answered; each is an entry of the log, so the log is at least so long.
    outcomes: AtomicU64,
    space: Mutex<Space>,
    read_only: bool,
    /// Whom the certificate makes of everybody. That is done here, too: the mount relies on it for as long as it is there.
    squash: Option<Squash>,
    /// Last, and futures borrow this: nobody has a timer there any more when it ends.
    carrier: Carrier,
}

impl Drop for RemoteReplicator {
    fn drop(&mut self) {
        self.road.stop();
    }
}

impl RemoteReplicator {
    /// Reaches the cluster and finds the volume. Blocks for up to a few seconds.
    pub fn connect(options: RemoteOptions) -> Result<RemoteReplicator, ConnectError> {
        RemoteReplicator::connect_with(options, Timing::default(), None)
    }

    /// Mounts a volume beside a node in this process: calls take no hop while that node leads.
    pub fn beside(
        node: &Node,
        mut options: RemoteOptions,
    ) -> Result<RemoteReplicator, ConnectError> {
        let (address, here) = node.here();
        options.addresses = vec![address.clone()];
        RemoteReplicator::connect_with(options, Timing::default(), Some((address, here)))
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "options are made for one call"
    )]
    fn connect_with(
        options: RemoteOptions,
        timing: Timing,
        here: Option<(String, Here)>,
    ) -> Result<RemoteReplicator, ConnectError> {
        if options.addresses.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        let carrier = Carrier::new()?;
        let handle = carrier.handle();
        let nodes = Nodes::new(&options.addresses, timing.distrust);
        let dialer = Arc::new(Dialer::new(&options, timing, here));
        let (order, first) = (nodes.order(None), Arc::clone(&dialer));
        let (opened, failures) = carrier.wait_for(async move { first.race(order).await })?;
        let opened = opened.ok_or_else(|| ConnectError::of(failures))?;
        let (read_only, squash) = (opened.read_only, opened.squash);
        let (road, reports) = Road::new();
        let (road, nodes) = (Arc::new(road), Arc::new(Mutex::new(nodes)));
        let asking = Asking::new(Arc::clone(&road), Backoff::new(&timing), handle.clone());
        let asking = Arc::new(asking);
        let sessions = Sessions::new(Arc::clone(&asking), handle.clone(), &options)?;
        let sessions = Arc::new(sessions);
        let waits = Arc::<Waits>::default();
        let attending = Attending::new(
            Arc::clone(&asking),
            Arc::clone(&sessions),
            Arc::clone(&waits),
            &handle,
        );
        let silence = SilenceWatch::new(Arc::clone(&road), Arc::clone(&nodes), timing);
        let pathfinder = Pathfinder {
            road: Arc::clone(&road),
            dialer,
            nodes,
            backoff: Backoff::new(&timing),
            timing,
            reports,
            fruitless: 0,
        };
        handle.spawn(pathfinder.run(opened));
        handle.spawn(silence.run());
        let keeping = Keeping::new(
            options.copies && squash.is_none(),
            Arc::clone(&road),
            Arc::clone(&asking),
        );
        handle.spawn(Arc::clone(&keeping).run());
        Ok(RemoteReplicator {
            road,
            asking,
            sessions,
            waits,
            attending,
            keeping,
            soft: options.soft,
            start_max: options.start_max,
            timing,
            state: AtomicU8::new(NEW),
            outcomes: AtomicU64::new(0),
            space: Mutex::default(),
            read_only,
            squash,
            carrier,
        })
    }

    /// Whether the certificate allowed no change when the volume was reached.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether everybody here is one user to the cluster: permissions are checked there, for that user, and nowhere else.
    pub fn is_squashed(&self) -> bool {
        self.squash.is_some()
    }

    fn check_serving(&self) -> Result<(), ReplicateError> {
        if self.state.load(Ordering::Acquire) == SERVING {
            Ok(())
        } else {
            Err(ReplicateError::Stopped)
        }
    }

    async fn within<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = Result<T, ReplicateError>>,
    ) -> Result<T, ReplicateError> {
        let Some(limit) = limit else {
            return future.await;
        };
        let (limit, future) = (pin!(self.asking.sleep(limit)), pin!(future));
        tokio::select! {
            biased;
            result = future => result,
            () = limit => Err(ReplicateError::TimedOut),
        }
    }

    /// `epoch` is that of the only session in which the command may be carried out.
    async fn send(
        &self,
        mut command: Command,
        epoch: Option<u64>,
    ) -> Result<Outcome, ReplicateError> {
        if let Some(squash) = self.squash {
            let now = command.now;
            command.squash(squash.credentials(), now);
        }
        if let Some(request) = command.request {
            course::has_request(request);
            // Whoever chose the id also decides what is to become of its session.
            return self.outcome_of(self.ask(encode(&command)).await?.answer);
        }
        loop {
            let session = self.session_of(epoch)?;
            session.opened().await?;
            let under_way = session.begin();
            command.request = Some(under_way.request);
            course::has_request(under_way.request);
            let span = tracing::debug_span!("command", request = %under_way.request);
            let asked = self.ask(encode(&command)).instrument(span).await?;
            match self.outcome_of(asked.answer)? {
                Err(PosixError::SessionGone) => {
                    self.lose(&session)?;
                    // It may have been begun under a lock that is lost: another file is guarded by it, or a name.
                    if epoch.is_some() || session.has_locked() {
                        return Err(ReplicateError::SessionLost);
                    }
                    if asked.may_be_done {
                        return Err(ReplicateError::OutcomeUnknown);
                    }
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// The session of now, if it is the one that is asked for.
    fn session_of(&self, epoch: Option<u64>) -> Result<Arc<Session>, ReplicateError> {
        let session = self.sessions.current();
        match epoch {
            Some(epoch) if epoch != session.epoch => Err(ReplicateError::SessionLost),
            Some(_) | None => Ok(session),
        }
    }

    /// The cluster has ended this session.
    fn lose(&self, session: &Session) -> Result<(), ReplicateError> {
        self.waits.end(session.id);
        self.sessions.replace(session)
    }

    fn outcome_of(&self, answer: CallAnswer) -> Result<Outcome, ReplicateError> {
        let outcome = outcome_in(answer)?;
        self.outcomes.fetch_add(1, Ordering::Relaxed);
        Ok(outcome)
    }

    async fn find_out(&self, query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        let query = match self.squash {
            Some(squash) => query.squashed(squash.credentials()),
            None => query,
        };
        let asked = self.ask(self.keeping.body(&query)).await?;
        let malformed = |reason: String| {
            not_understood(&reason);
            ReplicateError::Unavailable { reason }
        };
        match asked.answer.body {
            AnswerBody::Reply(bytes) => {
                decode_reply(bytes).map_err(|error| malformed(error.to_string()))
            }
            AnswerBody::Outcome(_) | AnswerBody::Attended(_) => {
                Err(malformed("something else than a reply".to_owned()))
            }
        }
    }

    async fn ask(&self, body: CallBody) -> Result<Asked, ReplicateError> {
        let asked = self.asking.ask(body).await?;
        if let Some(space) = asked.answer.space {
            *self.space.lock() = space;
        }
        Ok(asked)
    }

    /// Lets what is under way end, and the session with it.
    async fn finish(&self) -> Result<(), ReplicateError> {
        self.road.idle().await;
        // Its session is about to be gone, and is not to be followed by another.
        self.attending.stop();
        self.sessions.close().await
    }
}

impl PosixMetadataReplicator for RemoteReplicator {
    /// Registers the session. Fails with `TimedOut` when the cluster does not answer for too long: a
    /// mount command that never ends would help nobody.
    async fn start(&self) -> Result<(), ReplicateError> {
        match self.state.load(Ordering::Acquire) {
            NEW => {}
            SERVING => return Ok(()),
            _ => return Err(ReplicateError::Stopped),
        }
        self.sessions.register();
        self.attending.start();
        let session = self.sessions.current();
        // The space of the disks comes with the counts.
        let ready = async {
            session.opened().await?;
            self.find_out(Query::Statistics).await.map(drop)
        };
        self.within(Some(self.start_max), ready).await?;
        let started =
            self.state
                .compare_exchange(NEW, SERVING, Ordering::AcqRel, Ordering::Acquire);
        started.map(drop).map_err(|_| ReplicateError::Stopped)
    }

    /// A sync is answered at once: whatever was answered before is on the disks of a quorum, and `fsync`
    /// promises nothing of operations that are still under way.
    async fn replicate(&self, command: Command) -> Result<Outcome, ReplicateError> {
        self.check_serving()?;
        if command.operation == Operation::Sync {
            return Ok(Ok(Answer::Done));
        }
        self.within(self.soft, self.send(command, None)).await
    }

    async fn query(&self, query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        self.check_serving()?;
        if let Some(answer) = self.keeping.answer(&query) {
            return Ok(answer);
        }
        self.within(self.soft, self.find_out(query)).await
    }

    async fn stop(&self) -> Result<(), ReplicateError> {
        let was = self.state.swap(STOPPED, Ordering::AcqRel);
        if was == SERVING {
            let finished = self.within(Some(self.timing.stop_max), self.finish()).await;
            if let Err(error) = finished {
                // The cluster keeps what it remembers of the session until it expires.
                tracing::warn!(%error, "the session could not be closed");
            }
        }
        self.road.stop();
        Ok(())
    }

    fn shared(&self) -> Option<&dyn SharedVolume> {
        Some(self)
    }

    fn status(&self) -> Status {
        let fault = self.road.is_gone().then(|| asking::gone().to_string());
        Status {
            serving: self.check_serving().is_ok(),
            applied: LogIndex(self.outcomes.load(Ordering::Relaxed)),
            space: *self.space.lock(),
            fault,
        }
    }
}

fn encode(command: &Command) -> CallBody {
    CallBody::Command(encode_command(command))
}

#[cfg(test)]
mod tests;
