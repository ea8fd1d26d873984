//! What a leader decided for itself counts only in its own term.

use holdfast_metadata::{Command, Operation};

/// A command as it is applied from an entry of this term: a leader that was deposed does not know what was promised since,
/// even when it leads again.
pub(in crate::raft) fn of_term(command: Command, term: u64) -> Command {
    match command.operation.term() {
        Some(of) if of != term => Command {
            operation: Operation::RefusePastTerm,
            ..command
        },
        Some(_) | None => command,
    }
}
