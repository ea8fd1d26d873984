//! What a history is compared with.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use super::history::Operation;

/// What may come of the next step of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<S, P> {
    /// It has seen something, changed nothing, and is not finished.
    Goes(P),
    /// It has ended with its outcome, and nothing has changed.
    Ends,
    /// It has ended with its outcome, and this is the state now.
    Changes(S),
}

/// Operations on a state, step by step.
pub trait Model {
    /// What is asked for.
    type Call: Clone + Debug + Display;
    /// What is answered.
    type Outcome: Clone + Debug + Display + PartialEq;
    /// What all share.
    type State: Clone + Debug + Display + Eq + Hash;
    /// What an operation under way has seen.
    type Progress: Clone + Debug + Default + Eq + Hash;

    /// What comes of the next step of the operation if it is taken now; nothing if its outcome is then not possible, or, of
    /// one without an outcome, if nothing changes.
    fn step(
        state: &Self::State,
        operation: &Operation<Self::Call, Self::Outcome>,
        progress: &Self::Progress,
    ) -> Option<Next<Self::State, Self::Progress>>;

    /// Whether the operation may have changed something.
    fn may_change(operation: &Operation<Self::Call, Self::Outcome>) -> bool;
}
