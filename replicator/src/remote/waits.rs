//! The locks this mount waits for, and those it does not wait for any more but cannot tell the cluster yet.

use std::collections::HashMap;
use std::sync::Arc;

use holdfast_metadata::{InodeId, LockOwner, LockSpace, SessionId};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

/// What is told of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The lock was granted.
    Granted,
    /// Another node leads: it may have been granted without a word.
    LookAgain,
    /// The session has ended, and its waits with it.
    Ended,
}

/// All waits, by session and sequence of the request.
#[derive(Debug, Default)]
pub(super) struct Waits {
    tellers: Mutex<HashMap<Ticket, mpsc::UnboundedSender<Told>>>,
    undoing: Mutex<HashMap<Holder, usize>>,
    undone: Notify,
}

/// Whose locks on what.
pub(super) type Holder = (InodeId, LockSpace, LockOwner);

/// A request that is being taken back, until this is dropped.
#[derive(Debug)]
pub(super) struct Undoing {
    waits: Arc<Waits>,
    holder: Holder,
}

impl Drop for Undoing {
    fn drop(&mut self) {
        let mut undoing = self.waits.undoing.lock();
        if let Some(count) = undoing.get_mut(&self.holder) {
            *count -= 1;
        }
        undoing.retain(|_, count| *count > 0);
        drop(undoing);
        self.waits.undone.notify_waiters();
    }
}

type Ticket = (SessionId, u64);

/// One wait, until it is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    waits: Arc<Waits>,
    ticket: Ticket,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.tellers.lock().remove(&self.ticket);
    }
}

impl Wait {
    pub(super) async fn told(&mut self) -> Told {
        // The sender is in the map as long as this is.
        self.told.recv().await.unwrap_or(Told::Ended)
    }
}

impl Waits {
    /// Must come before the request is sent: it may be granted before its answer is here.
    pub(super) fn begin(self: &Arc<Waits>, session: SessionId, sequence: u64) -> Wait {
        let (teller, told) = mpsc::unbounded_channel();
        let ticket = (session, sequence);
        self.tellers.lock().insert(ticket, teller);
        Wait {
            waits: Arc::clone(self),
            ticket,
            told,
        }
    }

    /// A request begins to be taken back.
    pub(super) fn undo(self: &Arc<Waits>, holder: Holder) -> Undoing {
        *self.undoing.lock().entry(holder).or_default() += 1;
        Undoing {
            waits: Arc::clone(self),
            holder,
        }
    }

    /// Waits until nothing of this holder is being taken back: it would take what he is about to get.
    pub(super) async fn undone(&self, holder: Holder) {
        loop {
            let undone = self.undone.notified();
            if !self.undoing.lock().contains_key(&holder) {
                return;
            }
            undone.await;
        }
    }

    pub(super) fn grant(&self, session: SessionId, sequence: u64) {
        if let Some(teller) = self.tellers.lock().get(&(session, sequence)) {
            // Who waits is about to end otherwise.
            teller.send(Told::Granted).ok();
        }
    }

    pub(super) fn look_again(&self) {
        for teller in self.tellers.lock().values() {
            teller.send(Told::LookAgain).ok();
        }
    }

    pub(super) fn end(&self, session: SessionId) {
        for ((of, _), teller) in self.tellers.lock().iter() {
            if *of == session {
                teller.send(Told::Ended).ok();
            }
        }
    }
}
