//! Applies the committed entries of a group, as many at once as are there.

use std::io;
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt, Stream, StreamExt};
use holdfast_metadata::catalog::CatalogCommand;
use holdfast_metadata::copies::Witness;
use holdfast_metadata::{Command, Fault, LogIndex, News, Timestamp};
use holdfast_proto::ProposalBody;
use openraft::EntryPayload;
use openraft::storage::{ApplyResponder, EntryResponder};
use tracing::Span;

use super::halt::Halts;
use super::of_term::of_term;
use super::position::AppliedState;
use super::recent::RecentChange;
use super::{GroupKind, Machine, io_fault};
use crate::raft::activity::Asked;
use crate::raft::copies::Copies;
use crate::raft::type_config::{Applied, Entry, LogId, Proposal, StoredMembership, TypeConfig};

/// Most entries that are applied at once: what one batch of the store may hold.
const CHUNK_ENTRIES_MAX: usize = 512;
const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What was asked longer ago is not traced any more.
const TRACED: Duration = Duration::from_mins(1);
/// From so many bytes on, the thread that runs the chunk lets others run what waits behind it.
const CHUNK_BYTES_LONG: usize = 64 * 1024;

/// Consecutive entries.
pub(super) struct Chunk {
    commands: Commands,
    /// Where each of them is.
    indexes: Vec<LogIndex>,
    /// Whether the entry was a command, and who waits for it.
    answers: Vec<(bool, Option<ApplyResponder<TypeConfig>>)>,
    /// The state after the last entry.
    applied: AppliedState,
    bytes: usize,
    /// Of those commands that somebody traces; they end when what was done is visible.
    traced: Vec<Span>,
}

#[derive(Debug)]
enum Commands {
    Catalog(Vec<CatalogCommand>),
    Volume(Vec<Command>),
}

impl Chunk {
    /// Takes the entries that are ready, up to the limits and where it is to be halted; waits only for the first. `None` at the end.
    pub(super) async fn next<S>(
        entries: &mut S,
        kind: GroupKind,
        applied: &AppliedState,
        halts: &Halts,
    ) -> Result<Option<Chunk>, Fault>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin,
    {
        let mut chunk = Chunk {
            commands: match kind {
                GroupKind::Catalog => Commands::Catalog(Vec::new()),
                GroupKind::Volume(_) => Commands::Volume(Vec::new()),
            },
            indexes: Vec::new(),
            answers: Vec::new(),
            applied: applied.clone(),
            bytes: 0,
            traced: Vec::new(),
        };
        let mut next = entries.next().await;
        while let Some(item) = next {
            let (entry, responder) = item.map_err(|error| io_fault("log", &error))?;
            chunk.push(entry, responder)?;
            let is_full =
                chunk.answers.len() == CHUNK_ENTRIES_MAX || chunk.bytes >= CHUNK_BYTES_MAX;
            if is_full || halts.limit() == Some(chunk.applied.index()) {
                break;
            }
            // Not ready yet, or none is left: the next call finds out which.
            next = entries.next().now_or_never().flatten();
        }
        Ok((!chunk.answers.is_empty()).then_some(chunk))
    }

    /// Whether applying it takes so long that others should not wait for this thread.
    pub(super) fn is_long(&self) -> bool {
        self.bytes >= CHUNK_BYTES_LONG
    }

    /// Applies the entries in one batch. Who waits for them is answered when the caller says so.
    pub(super) fn apply(
        self,
        machine: &Machine,
        copies: Option<&Copies>,
    ) -> Result<AppliedChunk, Fault> {
        let position = self.applied.position();
        let (mut news, mut changes) = (Vec::new(), Vec::new());
        let outcomes: Vec<Applied> = match (machine, &self.commands) {
            (Machine::Catalog(catalog), Commands::Catalog(commands)) => {
                let outcomes = catalog.apply_at(position, commands)?;
                outcomes.into_iter().map(Applied::Catalog).collect()
            }
            (Machine::Volume(volume), Commands::Volume(commands)) => {
                let witness = copies.map(|copies| copies as &dyn Witness);
                let applied = volume.apply_before(position, commands, witness)?;
                news = applied.news;
                let told = applied.changes.into_iter().filter_map(|(number, change)| {
                    Some(RecentChange {
                        index: *self.indexes.get(number)?,
                        time: commands.get(number)?.now,
                        change,
                    })
                });
                changes = told.collect();
                applied.outcomes.into_iter().map(Applied::Command).collect()
            }
            (Machine::Catalog(_), Commands::Volume(_))
            | (Machine::Volume(_), Commands::Catalog(_)) => {
                return Err(Fault::corrupt(
                    "group",
                    "it has the state of another kind of group",
                ));
            }
        };
        Ok(AppliedChunk {
            answers: self.answers,
            outcomes,
            news,
            changes,
            applied: self.applied,
        })
    }

    fn push(
        &mut self,
        entry: Entry,
        responder: Option<ApplyResponder<TypeConfig>>,
    ) -> Result<(), Fault> {
        let log_id = entry.log_id;
        let is_command = matches!(entry.payload, EntryPayload::Normal(_));
        match entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Normal(proposal) => self.push_proposal(log_id, proposal)?,
            EntryPayload::Membership(membership) => {
                self.applied.membership = StoredMembership::new(Some(log_id), membership);
            }
        }
        self.applied.last_log_id = Some(log_id);
        self.answers.push((is_command, responder));
        Ok(())
    }

    /// The leader decodes a proposal before it writes it to the log, so one that cannot be decoded now was
    /// damaged, or is of a later version: every replica that finds it stops.
    fn push_proposal(&mut self, log_id: LogId, Proposal(bytes): Proposal) -> Result<(), Fault> {
        self.bytes += bytes.len();
        let corrupt = |detail: String| Fault::corrupt(format!("log entry {log_id}"), detail);
        let body =
            holdfast_proto::decode_proposal(bytes).map_err(|error| corrupt(error.to_string()))?;
        self.indexes.push(LogIndex(log_id.index));
        match (&mut self.commands, body) {
            (Commands::Volume(commands), ProposalBody::Command(command)) => {
                if let Some(request) = command.request {
                    let asked = || Asked::of_command(&command.operation).operation();
                    let (term, index) = (log_id.leader_id.term, log_id.index);
                    tracing::debug!(%request, operation = asked(), term, index, "applying");
                    let span = tracing::debug_span!("apply", %request, operation = asked(), index);
                    if !span.is_disabled() && is_recent(command.now) {
                        self.traced.push(span);
                    }
                }
                commands.push(of_term(command, log_id.leader_id.term));
            }
            (Commands::Catalog(commands), ProposalBody::Catalog(command)) => commands.push(command),
            (Commands::Volume(_), ProposalBody::Catalog(_))
            | (Commands::Catalog(_), ProposalBody::Command(_)) => {
                return Err(corrupt("a command of another kind of group".to_owned()));
            }
        }
        Ok(())
    }
}

/// Not one that is applied again after a restart, or late by a node that was away: its trace was looked at long ago.
fn is_recent(now: Timestamp) -> bool {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = time.unwrap_or_default().as_secs();
    now.seconds.unsigned_abs().abs_diff(seconds) < TRACED.as_secs()
}

/// A chunk whose effects are visible.
pub(super) struct AppliedChunk {
    answers: Vec<(bool, Option<ApplyResponder<TypeConfig>>)>,
    outcomes: Vec<Applied>,
    news: Vec<News>,
    changes: Vec<RecentChange>,
    applied: AppliedState,
}

impl AppliedChunk {
    /// How many entries it had.
    pub(super) fn entries(&self) -> usize {
        self.answers.len()
    }

    /// What its commands brought about.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// What its commands changed.
    pub(super) fn take_changes(&mut self) -> Vec<RecentChange> {
        std::mem::take(&mut self.changes)
    }

    /// The state after it.
    pub(super) fn applied(&self) -> &AppliedState {
        &self.applied
    }

    /// Answers everybody who waits for one of the entries, in their order.
    pub(super) fn answer(self) -> AppliedState {
        let mut outcomes = self.outcomes.into_iter();
        for (is_command, responder) in self.answers {
            let outcome = if is_command { outcomes.next() } else { None };
            if let Some(responder) = responder {
                responder.send(outcome.unwrap_or(Applied::Nothing));
            }
        }
        self.applied
    }
}
