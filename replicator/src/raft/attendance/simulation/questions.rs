//! What a mount finds out about orphans, and says of them.

use holdfast_metadata::InodeId;

use super::clock::MILLISECOND;
use super::world::{Event, MountStep, World};

impl World {
    /// Finds out which orphans of the first question are in use, when all is over that was under way.
    pub(super) fn decide_question(&mut self, mount: usize) {
        let own = &mut self.mounts[mount];
        let Some(question) = own.questions.front_mut() else {
            return;
        };
        let arrivals = &own.arrivals;
        let waits_for = question.waits_for.get_or_insert_with(|| arrivals.clone());
        if !waits_for.is_empty() || std::mem::replace(&mut question.is_asked, true) {
            return;
        }
        let mut kept = std::mem::take(&mut question.orphans);
        kept.retain(|ino| match own.open.get_mut(ino) {
            Some(used) => {
                used.is_kept = true;
                true
            }
            None => false,
        });
        let question = question.place;
        self.within(
            30 * MILLISECOND,
            Event::Mount(mount, MountStep::Decided { question, kept }),
        );
    }

    pub(super) fn decided(&mut self, mount: usize, place: u64, kept: Vec<InodeId>) {
        let own = &mut self.mounts[mount];
        if own
            .questions
            .front()
            .is_none_or(|first| first.place != place)
        {
            return;
        }
        let Some(question) = own.questions.pop_front() else {
            return;
        };
        let (session, term, number) = (question.session, question.term, question.number);
        self.tell(|| format!("mount {mount} has decided up to {number} of {term}: keeps {kept:?}"));
        self.mounts[mount]
            .memory
            .decide(session, term, number, kept);
        self.has_news(mount);
        self.within(2 * MILLISECOND, Event::Mount(mount, MountStep::Decide));
    }
}
