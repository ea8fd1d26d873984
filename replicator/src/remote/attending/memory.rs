//! What the mount has been told by the leader of a term, and what of its own words has arrived there.
//!
//! **Invariant.** What was kept is said to be held, together with the number of the news that asked, before it is said to be
//! released; and both until an answer to a call that said so has come.

use std::collections::BTreeSet;

use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto::Attend;

/// The memory of one session and one term.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    session: Option<SessionId>,
    term: u64,
    received: u64,
    decided: u64,
    /// In use here, as far as the leader is to know.
    held: BTreeSet<InodeId>,
    /// Of those, what no answer has confirmed.
    new_held: BTreeSet<InodeId>,
    new_released: BTreeSet<InodeId>,
    /// Released while the question about it is still being decided.
    early: BTreeSet<InodeId>,
    /// How often something was said.
    sayings: u64,
}

impl Memory {
    /// What to say now.
    pub(crate) fn compose(&mut self, session: SessionId) -> Attend {
        self.sayings += 1;
        let is_known = self.session == Some(session);
        let numbers = |inodes: &BTreeSet<InodeId>| inodes.iter().map(|ino| ino.get()).collect();
        if !is_known {
            return Attend {
                session: session.0,
                saying: self.sayings,
                ..Attend::default()
            };
        }
        Attend {
            session: session.0,
            term: self.term,
            received: self.received,
            decided: self.decided,
            held: numbers(&self.new_held),
            released: numbers(&self.new_released),
            saying: self.sayings,
        }
    }

    /// These words have arrived, if the leader still is that of the term they were about.
    pub(crate) fn confirm(&mut self, said: &Attend, term: Option<u64>) {
        if term != Some(said.term) || self.term != said.term {
            return;
        }
        for ino in &said.held {
            self.new_held.remove(&InodeId::new(*ino));
        }
        for ino in &said.released {
            self.new_released.remove(&InodeId::new(*ino));
        }
    }

    /// A leader of this term answers; true when it is another than before, which begins with everything anew.
    pub(crate) fn enter(&mut self, session: SessionId, term: u64) -> bool {
        if self.session == Some(session) && self.term == term {
            return false;
        }
        *self = Memory {
            session: Some(session),
            term,
            sayings: self.sayings,
            ..Memory::default()
        };
        true
    }

    /// News up to this number are here.
    pub(crate) fn receive(&mut self, number: u64) {
        self.received = self.received.max(number);
    }

    /// It is known of the orphans of these news which are in use.
    pub(crate) fn decide(
        &mut self,
        session: SessionId,
        term: u64,
        number: u64,
        kept: Vec<InodeId>,
    ) {
        if self.session != Some(session) || self.term != term {
            return;
        }
        // A leader may ask twice about the same: what was released early is so both times.
        for ino in BTreeSet::from_iter(kept) {
            if !self.early.remove(&ino) && self.held.insert(ino) {
                self.new_held.insert(ino);
            }
        }
        self.decided = self.decided.max(number);
        if self.decided == self.received {
            // Nothing is being decided, so nothing can be early.
            self.early.clear();
        }
    }

    /// It is not in use any more.
    pub(crate) fn release(&mut self, ino: InodeId) {
        if self.held.remove(&ino) {
            self.new_released.insert(ino);
        } else {
            self.early.insert(ino);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: SessionId = SessionId(3);
    const X: InodeId = InodeId::new(77);

    fn told(number: u64) -> Memory {
        let mut memory = Memory::default();
        assert!(memory.enter(S, 5));
        memory.receive(number);
        memory
    }

    #[test]
    fn what_is_held_is_said_until_it_has_arrived() {
        let mut memory = told(1);
        memory.decide(S, 5, 1, vec![X]);
        let said = memory.compose(S);
        assert_eq!((said.decided, said.held.clone()), (1, vec![77]));
        assert_eq!(memory.compose(S).held, [77], "no answer yet");
        memory.confirm(&said, Some(5));
        assert_eq!(memory.compose(S).held, [0; 0]);
        memory.release(X);
        assert_eq!(memory.compose(S).released, [77]);
    }

    #[test]
    fn what_is_released_before_it_was_said_to_be_held_is_said_to_be_both() {
        let mut memory = told(1);
        memory.decide(S, 5, 1, vec![X]);
        memory.release(X);
        let said = memory.compose(S);
        assert_eq!((said.held, said.released), (vec![77], vec![77]));
    }

    #[test]
    fn what_is_released_while_it_is_decided_is_not_held() {
        let mut memory = told(1);
        memory.release(X);
        memory.decide(S, 5, 1, vec![X]);
        let said = memory.compose(S);
        assert_eq!(
            (said.decided, said.held, said.released),
            (1, vec![], vec![])
        );
    }

    #[test]
    fn what_is_released_while_it_is_decided_is_not_held_even_if_it_is_asked_for_twice() {
        let mut memory = told(2);
        memory.release(X);
        memory.decide(S, 5, 2, vec![X, X]);
        assert_eq!(memory.compose(S).held, [0; 0]);
    }

    #[test]
    fn another_term_begins_anew() {
        let mut memory = told(4);
        memory.decide(S, 5, 4, vec![X]);
        let said = memory.compose(S);
        assert!(memory.enter(S, 6));
        memory.confirm(&said, Some(6));
        memory.decide(S, 5, 4, vec![X]);
        let again = memory.compose(S);
        assert_eq!((again.term, again.received, again.decided), (6, 0, 0));
        assert_eq!(again.held, [0; 0]);
        assert!(!memory.enter(S, 6));
    }

    #[test]
    fn another_session_says_nothing_of_the_one_before() {
        let mut memory = told(4);
        memory.decide(S, 5, 4, vec![X]);
        let other = SessionId(4);
        assert_eq!(
            memory.compose(other),
            Attend {
                session: 4,
                saying: 1,
                ..Attend::default()
            }
        );
    }
}
