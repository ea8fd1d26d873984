//! The few operations of a history that cannot be explained, for people.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use super::checker::{Limits, Verdict, check};
use super::history::{Event, History, Operation};
use super::model::Model;

/// What may be spent on one attempt to leave something out.
const ATTEMPT: Limits = Limits {
    places: 50_000,
    time: Duration::from_secs(2),
};
/// What may be spent on all of them.
const PATIENCE: Duration = Duration::from_secs(40);
/// So many moments are tried as the beginning.
const BEGINNINGS: usize = 8;
/// So many answers before the culprit the window begins at the latest, if it can.
const ANSWERS: usize = 12;

/// A part of a refuted history that no order explains.
#[derive(Debug)]
pub struct Window<M: Model> {
    /// How it was when the window begins.
    pub initial: M::State,
    /// What no order explains.
    pub history: History<M::Call, M::Outcome>,
    /// The operation whose outcome is not explained, given what was answered before.
    pub culprit: u32,
    /// How it may have been then.
    pub states: Vec<M::State>,
}

impl<M: Model> Window<M> {
    /// Leaves out what is not needed: what was invoked after the culprit returned, what was over at a moment whose
    /// state is certain, and then one by one whatever the rest stays unexplained without, until nothing more goes. A
    /// successful change is left out only if the rest cannot be explained even if it happened at any later time.
    pub fn new(
        history: &History<M::Call, M::Outcome>,
        initial: &M::State,
        verdict: &Verdict<M::State>,
    ) -> Option<Window<M>> {
        let Verdict::Refuted {
            culprit,
            states,
            certain,
        } = verdict
        else {
            return None;
        };
        let operations = &history.operations;
        let last = operations.get(*culprit)?;
        let mut window = Window {
            initial: initial.clone(),
            history: up_to(history, last),
            culprit: last.id,
            states: states.clone(),
        };
        let events = history.events();
        let is_answer = |event: &Event| matches!(event, Event::Returned(_));
        let mut tried = 0;
        for (event, state) in certain.iter().rev() {
            let passed = events.get(..*event).unwrap_or_default();
            let end = events
                .iter()
                .position(|one| *one == Event::Returned(*culprit))?;
            let within = events.get(*event..end).unwrap_or_default();
            if within.iter().filter(|one| is_answer(one)).count() < ANSWERS {
                continue;
            }
            tried += 1;
            if tried > BEGINNINGS {
                break;
            }
            let over = |one: &Operation<M::Call, M::Outcome>| {
                passed.iter().any(|event| match event {
                    Event::Returned(index) => operations[*index].id == one.id,
                    Event::Invoked(_) => false,
                })
            };
            let kept = window.history.operations.iter().filter(|one| !over(one));
            let rest = History::new(kept.cloned().collect());
            if let Some(states) = refutes::<M>(&rest, state, last.id) {
                (window.initial, window.history, window.states) = (state.clone(), rest, states);
                break;
            }
        }
        window.leave_out();
        Some(window)
    }

    /// Until nothing more goes: what has gone may have been why something else was needed.
    fn leave_out(&mut self) {
        let began = Instant::now();
        let mut before = usize::MAX;
        while self.history.operations.len() < before {
            before = self.history.operations.len();
            self.leave_out_each(began);
        }
    }

    fn leave_out_each(&mut self, began: Instant) {
        let ids: Vec<u32> = self.history.operations.iter().map(|one| one.id).collect();
        for id in ids.into_iter().rev().filter(|id| *id != self.culprit) {
            if began.elapsed() > PATIENCE {
                return;
            }
            let without = self.history.operations.iter().filter(|one| one.id != id);
            let without = History::new(without.cloned().collect());
            let changes = self
                .history
                .operations
                .iter()
                .any(|one| one.id == id && M::may_change(one));
            if changes {
                let mut whenever = self.history.clone();
                for one in whenever.operations.iter_mut().filter(|one| one.id == id) {
                    one.answer = None;
                }
                if refutes::<M>(&whenever, &self.initial, self.culprit).is_none() {
                    continue;
                }
            }
            if let Some(states) = refutes::<M>(&without, &self.initial, self.culprit) {
                (self.history, self.states) = (without, states);
            }
        }
    }
}

/// What was invoked before the operation returned; what returned after it has not.
fn up_to<C: Clone, O: Clone>(history: &History<C, O>, last: &Operation<C, O>) -> History<C, O> {
    let end = last.returned().unwrap_or(u64::MAX);
    let mut operations = history.operations.clone();
    operations.retain(|one| one.invoked <= end);
    for one in &mut operations {
        one.answer = one.answer.take().filter(|(_, returned)| *returned <= end);
    }
    History::new(operations)
}

/// The states of the moment at which this operation, and no other, is not explained.
fn refutes<M: Model>(
    history: &History<M::Call, M::Outcome>,
    initial: &M::State,
    culprit: u32,
) -> Option<Vec<M::State>> {
    match check::<M>(history, initial, ATTEMPT) {
        Verdict::Refuted {
            culprit: index,
            states,
            ..
        } if history.operations[index].id == culprit => Some(states),
        Verdict::Refuted { .. } | Verdict::Explained(_) | Verdict::Undecided { .. } => None,
    }
}

impl<M: Model> Display for Window<M> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "no order explains this. It begins with {}", self.initial)?;
        for operation in &self.history.operations {
            let mark = if operation.id == self.culprit {
                ">"
            } else {
                " "
            };
            writeln!(f, "{mark} {operation}")?;
        }
        for state in &self.states {
            writeln!(f, "  when > was answered it may have been {state}")?;
        }
        Ok(())
    }
}
