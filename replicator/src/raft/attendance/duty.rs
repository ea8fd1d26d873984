//! What a leader does for the sessions of a volume: follows the state, ends sessions, reclaims orphans.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{
    Answer, Command, Credentials, ExpireSession, InodeId, News, Operation, Query, Reclaim, Reply,
    SessionId,
};
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::ledger::Ledger;
use super::steps::{PAUSE, TICKS};
use super::{Shared, steps};
use crate::raft::machine::Machine;
use crate::raft::runtime;
use crate::raft::type_config::Applied;
use crate::refusal::Refusal;

/// Orphans come in bursts, and what removed a file soon closes it: the mounts are asked a moment later, once for many.
const GATHER: Duration = Duration::from_millis(50);
/// Most inodes of one command: others wait that long for their turn.
const RECLAIM_MAX: usize = 64;
/// Orphans read at once when a term begins.
const PAGE: usize = 4096;

/// Keeps the ledger: begins one when this node begins to lead, and notes what is applied.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut metrics = shared.group.raft().server_metrics();
    let Some(mut news) = shared.group.store().take_news() else {
        tracing::error!(group = %shared.group.id(), "somebody else follows the sessions of this volume");
        return;
    };
    loop {
        let leads = {
            let metrics = metrics.borrow_and_update();
            let leads = metrics.state == ServerState::Leader;
            leads.then_some(metrics.vote.leader_id.term)
        };
        let known = shared.ledger.lock().as_ref().map(Ledger::term);
        let mut is_late = false;
        if leads != known {
            end(&shared);
            if let Some(term) = leads {
                is_late = begin(&shared, term).await.is_none();
            }
        }
        tokio::select! {
            biased;
            changed = metrics.changed() => if changed.is_err() {
                return end(&shared);
            },
            () = tokio::time::sleep(GATHER), if is_late => {}
            noted = note(&shared, &mut news) => if !noted {
                return end(&shared);
            },
        }
    }
}

/// Nobody is answered from this memory any more.
fn end(shared: &Shared) {
    let ledger = shared.ledger.lock().take();
    if let Some(ledger) = ledger {
        ledger.wake_all();
    }
}

/// Reads who is there. News of what is applied meanwhile wait, and may say again what was read.
async fn begin(shared: &Shared, term: u64) -> Option<()> {
    let machine = shared.group.read().await.ok()?;
    let Machine::Volume(machine) = machine.as_ref() else {
        return None;
    };
    let mut orphans = Vec::new();
    loop {
        let query = Query::Orphans {
            after: orphans.last().copied().unwrap_or(InodeId::new(0)),
            inodes_max: PAGE,
        };
        let Ok(Ok(Reply::Orphans(page))) = machine.query(&query) else {
            return None;
        };
        if page.is_empty() {
            break;
        }
        orphans.extend(page);
        tokio::task::yield_now().await;
    }
    let Ok(Ok(Reply::Sessions(sessions))) = machine.query(&Query::Sessions) else {
        return None;
    };
    let sessions: Vec<SessionId> = sessions.iter().map(|session| session.session).collect();
    let ledger = steps::begin(term, shared.lease, orphans, &sessions, Instant::now());
    let ledger = ledger.led_by(*shared.group.raft().node_id());
    *shared.ledger.lock() = Some(ledger);
    shared.work.notify_one();
    Some(())
}

/// Notes what was applied; false when nothing will be any more.
async fn note(shared: &Shared, news: &mut UnboundedReceiver<News>) -> bool {
    let Some(first) = news.recv().await else {
        return false;
    };
    let mut ledger = shared.ledger.lock();
    let mut next = Some(first);
    while let Some(item) = next {
        if let Some(ledger) = ledger.as_mut() {
            steps::note(ledger, item, Instant::now());
        }
        next = news.try_recv().ok();
    }
    drop(ledger);
    shared.work.notify_one();
    true
}

/// Proposes what the ledger says, a moment after it changed.
pub(super) async fn decide(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.work.notified() => {}
            // Silence is no event.
            () = tokio::time::sleep(shared.lease / TICKS) => {}
        }
        tokio::time::sleep(GATHER).await;
        if let Err(refusal) = decide_now(&shared).await {
            tracing::debug!(group = %shared.group.id(), %refusal, "a duty of the leader waits");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Notices when this process was stopped, or starved: then the mounts are not to blame for what was not heard.
pub(super) async fn stay_awake(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.lease / TICKS).await;
        wake(&shared, Instant::now());
    }
}

/// Whoever was there has a full lease again after this process was not awake.
fn wake(shared: &Shared, now: Instant) {
    let before = std::mem::replace(&mut *shared.awake.lock(), now);
    if let Some(ledger) = shared.ledger.lock().as_mut() {
        steps::wake(ledger, shared.lease, before, now);
    }
}

async fn decide_now(shared: &Shared) -> Result<(), Refusal> {
    let now = Instant::now();
    wake(shared, now);
    let (term, expired) = {
        let ledger = shared.ledger.lock();
        let Some(ledger) = ledger.as_ref() else {
            return Ok(());
        };
        ledger.wake_all();
        (ledger.term(), ledger.expired(now))
    };
    for session in expired {
        // It may have been heard while others were ended.
        let is_silent = shared.with_ledger(|ledger| {
            ledger.term() == term && ledger.begin_to_end(session, Instant::now())
        })?;
        if !is_silent {
            continue;
        }
        tracing::warn!(group = %shared.group.id(), session = session.0, "a mount is silent: its session ends");
        expire(shared, session, term).await?;
    }
    loop {
        let inodes = {
            let mut ledger = shared.ledger.lock();
            let ledger = ledger.as_mut().filter(|ledger| ledger.term() == term);
            ledger.map_or_else(Vec::new, |ledger| ledger.take_reclaimable(RECLAIM_MAX))
        };
        if inodes.is_empty() {
            return Ok(());
        }
        reclaim(shared, inodes, term).await?;
    }
}

/// Ends a session for all replicas.
pub(super) async fn expire(shared: &Shared, session: SessionId, term: u64) -> Result<(), Refusal> {
    let expire = Operation::ExpireSession(ExpireSession { session, term });
    let proposed = propose(shared, expire).await;
    let is_done = matches!(proposed, Ok(Applied::Command(Ok(_))));
    if is_done && let Some(ledger) = shared.ledger.lock().as_mut() {
        // The state may have had no such session any more, and then there are no news of it.
        ledger.ended(session);
    }
    proposed.map(drop)
}

async fn reclaim(shared: &Shared, inodes: Vec<InodeId>, term: u64) -> Result<(), Refusal> {
    let reclaim = Operation::Reclaim(Reclaim {
        inodes: inodes.clone(),
        term: Some(term),
    });
    let answered = propose(shared, reclaim).await;
    let unfinished = match &answered {
        Ok(Applied::Command(Ok(Answer::Reclaimed { unfinished }))) => unfinished.clone(),
        // Whatever came of it, doing it again does no harm.
        Ok(_) | Err(_) => inodes,
    };
    let mut ledger = shared.ledger.lock();
    if let Some(ledger) = ledger.as_mut().filter(|ledger| ledger.term() == term) {
        ledger.put_back(unfinished);
    }
    match answered? {
        Applied::Command(Ok(_)) => Ok(()),
        Applied::Command(Err(error)) => Err(Refusal::Unavailable {
            reason: error.to_string(),
        }),
        Applied::Nothing | Applied::Catalog(_) => Err(Refusal::NoSuchVolume),
    }
}

pub(super) async fn propose(shared: &Shared, operation: Operation) -> Result<Applied, Refusal> {
    let command = Command {
        request: None,
        now: runtime::time_of_day(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    };
    let command = holdfast_proto::encode_command(&command);
    let proposal = holdfast_proto::encode_proposal_command(command);
    let applied = shared.group.propose(proposal).await?.applied;
    Ok(applied)
}
