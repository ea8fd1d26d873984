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

    /// Everything that the next step of the operation may be, so that its outcome is still possible. Without an outcome:
    /// everything that could come of it.
    fn steps(
        state: &Self::State,
        operation: &Operation<Self::Call, Self::Outcome>,
        progress: &Self::Progress,
    ) -> Vec<Next<Self::State, Self::Progress>>;

    /// Whether the operation may have changed something.
    fn may_change(operation: &Operation<Self::Call, Self::Outcome>) -> bool;
}
