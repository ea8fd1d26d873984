//! The sessions of a volume as its leader sees them: who lives, who has which orphan open, who got a lock.
//!
//! A mount has one call parked here at all times ([`Attendance::attend`]). What is remembered of it is in memory and of one term
//! ([`ledger`]); what is decided from it goes through the log, with that term in the command, so that a leader which was
//! deposed meanwhile decides nothing.

mod duty;
mod ledger;
#[cfg(test)]
mod simulation;
mod steps;
mod trash;

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::SessionId;
use holdfast_proto::{Attend, Attended};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::ledger::Ledger;
use self::steps::{Arrival, Finding};
use super::group::Group;
use super::machine::Machine;
use super::runtime;
use crate::refusal::Refusal;

/// The sessions of one volume; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Attendance {
    shared: Arc<Shared>,
    /// They end with the last clone.
    _duties: Arc<Duties>,
}

#[derive(Debug)]
struct Shared {
    group: Arc<Group>,
    lease: Duration,
    /// Present while this node leads and knows the sessions of the state.
    ledger: Mutex<Option<Ledger>>,
    /// There is something to propose.
    work: Notify,
    /// For how long what is removed is kept was said anew.
    trash: Notify,
    /// When this process was last seen to run.
    awake: Mutex<Instant>,
}

#[derive(Debug)]
struct Duties([JoinHandle<()>; 4]);

impl Drop for Duties {
    fn drop(&mut self) {
        for duty in &self.0 {
            duty.abort();
        }
    }
}

/// What a parked call waits for.
struct Place {
    term: u64,
    /// See [`Ledger::reign`].
    reign: u64,
    wake: Arc<Notify>,
}

impl Attendance {
    /// Begins to do what a leader does, whenever this node leads.
    pub(crate) fn start(group: &Arc<Group>, lease: Duration) -> Attendance {
        let shared = Arc::new(Shared {
            group: Arc::clone(group),
            lease,
            ledger: Mutex::new(None),
            work: Notify::new(),
            trash: Notify::new(),
            awake: Mutex::new(Instant::now()),
        });
        let duties = [
            runtime::spawn(duty::follow(Arc::clone(&shared))),
            runtime::spawn(duty::decide(Arc::clone(&shared))),
            runtime::spawn(duty::stay_awake(Arc::clone(&shared))),
            runtime::spawn(trash::empty(Arc::clone(&shared))),
        ];
        Attendance {
            shared,
            _duties: Arc::new(Duties(duties)),
        }
    }

    /// A mount says that it lives; answered when there is news for it, or after a while.
    pub(crate) async fn attend(&self, attend: &Attend) -> Result<Attended, Refusal> {
        let shared = &*self.shared;
        let session = SessionId(attend.session);
        let until = Instant::now() + steps::parked(shared.lease);
        match shared.arrive(attend)? {
            Arrival::Heard => {}
            Arrival::Ending => return Err(Refusal::Overloaded),
            Arrival::Unknown => {
                if !shared.is_open(session).await? {
                    return Ok(steps::gone());
                }
                shared.with_ledger(|ledger| steps::meet(ledger, attend, Instant::now()))?;
            }
        }
        let place = shared.place(session)?;
        let mut is_over = false;
        let news = loop {
            let woken = place.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let look = |ledger: &mut Ledger| steps::look(ledger, attend, place.term, is_over);
            match shared.with_ledger(look)? {
                Finding::Tell(news) => break news,
                Finding::Deposed => return Err(shared.not_leading()),
                Finding::Wait => {}
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => is_over = true,
                () = woken => {}
            }
        };
        // Only who leads may renew: whoever was elected meanwhile counts from its election.
        if !shared.is_open(session).await? {
            return Ok(steps::gone());
        }
        Ok(steps::alive(place.reign, shared.lease, news))
    }

    /// What is removed is kept for another time from now on.
    pub(crate) fn look_at_trash(&self) {
        self.shared.trash.notify_one();
    }

    /// How long a mount may be silent.
    pub(crate) fn lease(&self) -> Duration {
        self.shared.lease
    }

    /// How long ago each of these sessions was heard; nothing of those this node knows nothing of.
    pub(crate) fn silence(&self, sessions: &[SessionId]) -> Vec<Option<Duration>> {
        let ledger = self.shared.ledger.lock();
        let now = Instant::now();
        let silence = |session: &SessionId| ledger.as_ref()?.silence(*session, now);
        sessions.iter().map(silence).collect()
    }

    /// Ends a session now, whether or not it lives.
    pub(crate) async fn evict(&self, session: SessionId) -> Result<(), Refusal> {
        let term = self.shared.with_ledger(|ledger| ledger.term())?;
        duty::expire(&self.shared, session, term).await
    }
}

impl Shared {
    fn with_ledger<T>(&self, read: impl FnOnce(&mut Ledger) -> T) -> Result<T, Refusal> {
        let mut ledger = self.ledger.lock();
        let ledger = ledger.as_mut().ok_or_else(|| self.not_leading())?;
        Ok(read(ledger))
    }

    fn arrive(&self, attend: &Attend) -> Result<Arrival, Refusal> {
        let arrival = self.with_ledger(|ledger| steps::arrive(ledger, attend, Instant::now()))?;
        self.work.notify_one();
        Ok(arrival)
    }

    fn place(&self, session: SessionId) -> Result<Place, Refusal> {
        let place = self.with_ledger(|ledger| {
            let wake = ledger.wake(session)?;
            Some(Place {
                term: ledger.term(),
                reign: ledger.reign(),
                wake,
            })
        })?;
        // It ended in this moment; the next call finds that out.
        place.ok_or_else(|| self.not_leading())
    }

    /// Whether the state has the session, as of now.
    async fn is_open(&self, session: SessionId) -> Result<bool, Refusal> {
        match self.group.read().await?.as_ref() {
            Machine::Volume(machine) => Ok(machine.has_session(session)?),
            Machine::Catalog(_) => Err(Refusal::NoSuchVolume),
        }
    }

    /// Try again: here in a moment, or at the node that leads.
    fn not_leading(&self) -> Refusal {
        if self.group.leads() {
            return Refusal::Overloaded;
        }
        Refusal::NotLeader {
            leader: self.group.leader(),
        }
    }
}
