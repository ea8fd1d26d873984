//! Calls that took long on the node that leads, and where their time went.

use std::time::Duration;

use holdfast_metadata::{RequestId, SessionId};
use tokio::time::Instant;

use super::type_config::GroupId;
use crate::sparing::Sparing;

/// Logs the slow calls of a group.
#[derive(Debug)]
pub(crate) struct Slow {
    group: GroupId,
    /// What takes longer is slow.
    after: Duration,
    commands: Sparing,
    queries: Sparing,
}

/// A command that has its outcome, which is not told yet.
#[derive(Debug)]
pub(crate) struct TimedCommand {
    pub(crate) operation: &'static str,
    pub(crate) request: RequestId,
    pub(crate) began: Instant,
    /// Until a quorum had it.
    pub(crate) commit: Duration,
    /// From then on, until it was applied here.
    pub(crate) apply: Duration,
}

impl Slow {
    pub(crate) fn new(group: GroupId, after: Duration) -> Slow {
        Slow {
            group,
            after,
            commands: Sparing::new(),
            queries: Sparing::new(),
        }
    }

    /// The outcome of a command is told now.
    pub(crate) fn command(&self, timed: &TimedCommand) {
        let elapsed = timed.began.elapsed();
        let (group, request, operation) = (self.group, timed.request, timed.operation);
        tracing::debug!(%request, operation, %group, micros = micros(elapsed), "answered");
        if elapsed >= self.after
            && let Some(more) = self.commands.due()
        {
            let others = elapsed.saturating_sub(timed.commit + timed.apply);
            tracing::warn!(
                %request,
                operation,
                %group,
                micros = micros(elapsed),
                commit_micros = micros(timed.commit),
                apply_micros = micros(timed.apply),
                others_micros = micros(others),
                more,
                "slow command"
            );
        }
    }

    /// A query, confirmed some time after it began, is answered now.
    pub(crate) fn query(
        &self,
        operation: &'static str,
        session: Option<SessionId>,
        (began, confirmed): (Instant, Instant),
    ) {
        let elapsed = began.elapsed();
        if elapsed >= self.after
            && let Some(more) = self.queries.due()
        {
            let session = session.map(|session| format!("{:016x}", session.0));
            tracing::warn!(
                session,
                operation,
                group = %self.group,
                micros = micros(elapsed),
                confirm_micros = micros(confirmed - began),
                more,
                "slow query"
            );
        }
    }
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}
