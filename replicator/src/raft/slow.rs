//! Calls that took long on the node that leads, and where their time went.

use std::time::Duration;

use holdfast_metadata::{RequestId, SessionId};

use super::activity::Asked;
use super::type_config::GroupId;
use crate::refusal::Refusal;
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

/// A call that was understood, and how far it came.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) asked: Asked,
    pub(crate) way: Way,
}

/// Where its time went; nothing of what it did not come to.
#[derive(Debug)]
pub(crate) enum Way {
    Command(RequestId, Times),
    /// Of a session, if that is known, and until this node was confirmed to lead.
    Query(Option<SessionId>, Option<Duration>),
}

/// Where the time of a command went.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// Until a quorum had it.
    pub(crate) commit: Option<Duration>,
    /// From then on, until it was applied here.
    pub(crate) apply: Option<Duration>,
}

impl Timed {
    /// Whose call it is, if that is known.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.way {
            Way::Command(request, _) => Some(request.session),
            Way::Query(session, _) => session,
        }
    }

    /// This node was confirmed to lead after so long.
    pub(crate) fn confirmed(&mut self, elapsed: Duration) {
        if let Way::Query(_, confirm) = &mut self.way {
            *confirm = Some(elapsed);
        }
    }
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

    /// A call is answered or refused now, after so long.
    pub(crate) fn ended(&self, timed: &Timed, elapsed: Duration, refusal: Option<&Refusal>) {
        let operation = timed.asked.operation();
        match timed.way {
            Way::Command(request, times) => {
                self.command((request, operation), times, elapsed, refusal);
            }
            Way::Query(session, confirm) => {
                self.query((session, operation), confirm, elapsed, refusal);
            }
        }
    }

    fn command(
        &self,
        (request, operation): (RequestId, &'static str),
        Times { commit, apply }: Times,
        elapsed: Duration,
        refusal: Option<&Refusal>,
    ) {
        let (group, refusal) = (self.group, refusal.map(tracing::field::display));
        let message = if refusal.is_some() {
            "refused"
        } else {
            "answered"
        };
        tracing::debug!(%request, operation, %group, micros = micros(elapsed), refusal, message);
        if elapsed >= self.after
            && let Some(more) = self.commands.due()
        {
            let known = commit.unwrap_or_default() + apply.unwrap_or_default();
            tracing::warn!(
                %request,
                operation,
                %group,
                micros = micros(elapsed),
                commit_micros = commit.map(micros),
                apply_micros = apply.map(micros),
                others_micros = micros(elapsed.saturating_sub(known)),
                refusal,
                more,
                "slow command"
            );
        }
    }

    fn query(
        &self,
        (session, operation): (Option<SessionId>, &'static str),
        confirm: Option<Duration>,
        elapsed: Duration,
        refusal: Option<&Refusal>,
    ) {
        if elapsed >= self.after
            && let Some(more) = self.queries.due()
        {
            let session = session.map(|session| format!("{:016x}", session.0));
            tracing::warn!(
                session,
                operation,
                group = %self.group,
                micros = micros(elapsed),
                confirm_micros = confirm.map(micros),
                refusal = refusal.map(tracing::field::display),
                more,
                "slow query"
            );
        }
    }
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}
