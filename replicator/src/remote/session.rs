//! The session of a mount: which commands are under way, so that the cluster may forget the others.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use holdfast_metadata::{RequestId, SessionId};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::ReplicateError;
use crate::tls::Rights;

/// The part of a lease that a mount counts on: the clock of the leader may be faster by a ninth.
const KEPT_PARTS: u32 = 9;
const LEASE_PARTS: u32 = 10;

/// One registration with the cluster.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// The first session of a mount is 1.
    pub(crate) epoch: u64,
    window: Mutex<Window>,
    /// Whether a lock was ever asked for in it.
    has_locked: AtomicBool,
    /// Until when the cluster keeps it for sure, by the clock of this machine.
    kept_until: Mutex<Option<Instant>>,
    /// Whether the cluster knows it; `None` until there is an answer.
    opened: watch::Sender<Option<Result<(), ReplicateError>>>,
}

/// The sequences from the lowest that is under way.
#[derive(Debug)]
struct Window {
    lowest: u64,
    is_over: VecDeque<bool>,
}

impl Window {
    fn begin(&mut self) -> u64 {
        self.is_over.push_back(false);
        self.lowest + self.is_over.len() as u64 - 1
    }

    fn end(&mut self, sequence: u64) {
        let index = sequence.checked_sub(self.lowest).unwrap_or(u64::MAX) as usize;
        if let Some(is_over) = self.is_over.get_mut(index) {
            *is_over = true;
        }
        while self.is_over.front() == Some(&true) {
            self.is_over.pop_front();
            self.lowest += 1;
        }
    }
}

/// A command that is under way until this is dropped: with its outcome, or because nobody waits for it
/// any more. In that case it may still take effect; its outcome is then trimmed like any other.
#[derive(Debug)]
pub(crate) struct UnderWay {
    session: Arc<Session>,
    pub(crate) request: RequestId,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.session.window.lock().end(self.request.sequence);
    }
}

impl Session {
    /// A new one; its number is random, so that no other mount has it, and says whose it is if the mount shows a certificate.
    pub(super) fn new(epoch: u64, client: Option<&Rights>) -> io::Result<Arc<Session>> {
        let mut bytes = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let random = u64::from_be_bytes(bytes);
        let number = match client {
            Some(client) => u64::from(client.sessions()) << 32 | random >> 32,
            None => random,
        };
        Ok(Session::of(SessionId(number), epoch))
    }

    /// One with this number.
    pub(crate) fn of(id: SessionId, epoch: u64) -> Arc<Session> {
        let window = Window {
            // 0 is the registration.
            lowest: 1,
            is_over: VecDeque::new(),
        };
        Arc::new(Session {
            id,
            epoch,
            has_locked: AtomicBool::new(false),
            kept_until: Mutex::new(None),
            window: Mutex::new(window),
            opened: watch::Sender::new(None),
        })
    }

    /// The id of the next command. `acknowledged` is the lowest sequence under way, its own included.
    pub(crate) fn begin(self: &Arc<Session>) -> UnderWay {
        let mut window = self.window.lock();
        let sequence = window.begin();
        let request = RequestId {
            session: self.id,
            sequence,
            acknowledged: window.lowest,
        };
        drop(window);
        UnderWay {
            session: Arc::clone(self),
            request,
        }
    }

    /// The id of the registration and of its end.
    pub(crate) fn registration(&self) -> RequestId {
        RequestId {
            session: self.id,
            sequence: 0,
            acknowledged: 0,
        }
    }

    /// A lock is asked for.
    pub(super) fn lock(&self) {
        self.has_locked.store(true, Ordering::Release);
    }

    /// Whether something may have been begun under a lock of it.
    pub(super) fn has_locked(&self) -> bool {
        self.has_locked.load(Ordering::Acquire)
    }

    /// The cluster keeps it for `lease`, counted from a moment before it said so. Clocks may differ in their rates: a part is
    /// taken off.
    pub(crate) fn renew(&self, began: Instant, lease: Duration) {
        *self.kept_until.lock() = Some(began + lease * KEPT_PARTS / LEASE_PARTS);
    }

    /// Until when the cluster keeps it for sure; nothing before the first renewal.
    pub(crate) fn kept_until(&self) -> Option<Instant> {
        *self.kept_until.lock()
    }

    /// Waits until the cluster knows it.
    pub(super) async fn opened(&self) -> Result<(), ReplicateError> {
        let now = self.opened.borrow().clone();
        if let Some(opened) = now {
            return opened;
        }
        let mut opened = self.opened.subscribe();
        match opened.wait_for(Option::is_some).await {
            Ok(opened) => opened.clone().unwrap_or(Err(ReplicateError::Stopped)),
            Err(_) => Err(ReplicateError::Stopped),
        }
    }

    /// Lets those go on who wait for the registration.
    pub(super) fn set_opened(&self, opened: Result<(), ReplicateError>) {
        self.opened.send_replace(Some(opened));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_is_the_lowest_sequence_under_way() {
        let session = Session::new(1, None).unwrap();
        let (first, second, third) = (session.begin(), session.begin(), session.begin());
        let ids =
            |under_way: &UnderWay| (under_way.request.sequence, under_way.request.acknowledged);
        assert_eq!(
            (ids(&first), ids(&second), ids(&third)),
            ((1, 1), (2, 1), (3, 1))
        );
        drop(second);
        assert_eq!(
            ids(&session.begin()),
            (4, 1),
            "the first is still under way"
        );
        drop(first);
        assert_eq!(ids(&session.begin()), (5, 3), "the fourth is over too");
        drop(third);
        assert_eq!(ids(&session.begin()), (6, 6));
    }

    #[test]
    fn two_sessions_have_different_numbers() {
        assert_ne!(
            Session::new(1, None).unwrap().id,
            Session::new(1, None).unwrap().id
        );
    }
}
