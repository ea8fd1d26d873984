//! What a leader does with its memory between two waits: the duties and the calls are made of these steps, and so is their
//! simulation.

use std::time::Duration;

use holdfast_metadata::{InodeId, News, SessionId};
use holdfast_proto::{Attend, Attended, News as ToldNews};
use tokio::time::Instant;

use super::ledger::Ledger;

/// In a lease.
pub(super) const TICKS: u32 = 20;
/// After a refusal.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// A call is answered after so long if there is nothing new before: mounts become impatient after 5 s.
const PARKED_MAX: Duration = Duration::from_secs(3);
/// And after this part of the lease.
const PARKED_PARTS: u32 = 3;
const LEASE_PARTS: u32 = 10;

/// Whose call has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Of a session that lives on.
    Heard,
    /// Of a session whose end is under way: it is not told that it lives, nor that it has ended, before that is known.
    Ending,
    /// Perhaps of one that was opened a moment ago.
    Unknown,
}

/// What a parked call finds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// Nothing yet.
    Wait,
    /// Something, or it has waited long enough.
    Tell(Vec<ToldNews>),
    /// Another term, which knows nothing of it.
    Deposed,
}

/// How long a call is parked.
pub(super) fn parked(lease: Duration) -> Duration {
    PARKED_MAX.min(lease * PARKED_PARTS / LEASE_PARTS)
}

/// A call arrives. Hearing it and looking whether its session ends is one step: otherwise the end could be decided in between.
pub(super) fn arrive(ledger: &mut Ledger, attend: &Attend, now: Instant) -> Arrival {
    if ledger.is_ending(SessionId(attend.session)) {
        return Arrival::Ending;
    }
    if ledger.heard(attend, now) {
        Arrival::Heard
    } else {
        Arrival::Unknown
    }
}

/// The state has a session that this memory does not have yet.
pub(super) fn meet(ledger: &mut Ledger, attend: &Attend, now: Instant) {
    ledger.opened(SessionId(attend.session), now);
    ledger.heard(attend, now);
}

/// Looks whether a call that was parked in `term` is to be answered.
pub(super) fn look(ledger: &Ledger, attend: &Attend, term: u64, is_over: bool) -> Finding {
    if ledger.term() != term {
        return Finding::Deposed;
    }
    let session = SessionId(attend.session);
    // Numbers of another leader mean nothing to this one.
    let is_of_term = attend.term == ledger.reign();
    let news = ledger.news_for(session, if is_of_term { attend.received } else { 0 });
    // What a mount has said it says again until it is answered.
    let has_said = !attend.held.is_empty() || !attend.released.is_empty();
    let has_ended = !ledger.knows(session);
    if is_over || !news.is_empty() || has_said || !is_of_term || has_ended {
        Finding::Tell(news)
    } else {
        Finding::Wait
    }
}

/// The answer to a call whose session is open.
pub(super) fn alive(reign: u64, lease: Duration, news: Vec<ToldNews>) -> Attended {
    Attended {
        term: reign,
        lease_milliseconds: lease.as_millis() as u64,
        is_gone: false,
        news,
    }
}

/// The answer to a call whose session is not.
pub(super) fn gone() -> Attended {
    Attended {
        is_gone: true,
        ..Attended::default()
    }
}

/// Begins a term: with all orphans there were, and all sessions there are. Who opened a session after the orphans were
/// read cannot have one of them open.
pub(super) fn begin(
    term: u64,
    lease: Duration,
    orphans: Vec<InodeId>,
    sessions: &[SessionId],
    now: Instant,
) -> Ledger {
    let mut ledger = Ledger::new(term, lease);
    for session in sessions {
        ledger.found(*session, now);
    }
    for orphan in orphans {
        ledger.orphaned(orphan);
    }
    ledger
}

/// Notes what was applied.
pub(super) fn note(ledger: &mut Ledger, news: News, now: Instant) {
    match news {
        News::Orphaned(ino) => ledger.orphaned(ino),
        News::Granted {
            session,
            sequence,
            ino,
        } => ledger.granted(session, ino, sequence),
        News::SessionOpened(session) => ledger.opened(session, now),
        News::SessionEnded(session) => ledger.ended(session),
    }
}

/// Whoever was there has a full lease again after this process was stopped, or starved: the mounts are not to blame for
/// what was not heard.
pub(super) fn wake(ledger: &mut Ledger, lease: Duration, before: Instant, now: Instant) {
    if now.saturating_duration_since(before) > lease / TICKS * 3 + PAUSE {
        ledger.renew_all(now);
    }
}
