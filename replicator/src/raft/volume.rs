//! One filesystem of this node: which group answers for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::catalog::{ReplicationMode, VolumeRecord};
use holdfast_metadata::{
    Command, Credentials, LoadStep, Operation, Outcome, SessionId, SetTrash, Timestamp, copies,
};
use tokio::time::Instant;
use tracing::Instrument;

use super::activity::Asked;
use super::attendance::Attendance;
use super::copies::{Caller, Given, Holder};
use super::everyone::Everyone;
use super::group::Group;
use super::machine::{Machine, run_long};
use super::node_disk::NodeDisk;
use super::runtime;
use super::slow::{Timed, Times, Way};
use super::type_config::Applied;
use crate::call::{AnswerBody, CallBody};
use crate::refusal::Refusal;

/// A filesystem that this node has a replica of.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    /// Of the only shard.
    group: Arc<Group>,
    /// Who must have applied a command before it is acknowledged, beside this node.
    everyone: Option<Everyone>,
    /// Where this node keeps it.
    disk: NodeDisk,
    /// The mounts, while this node leads.
    attendance: Attendance,
    /// Set once it was found whole.
    whole: Arc<AtomicBool>,
}

impl Volume {
    /// `everyone` is used if the volume is replicated to all.
    pub(crate) fn new(
        record: &VolumeRecord,
        group: Arc<Group>,
        everyone: Everyone,
        disk: NodeDisk,
        attendance: Attendance,
    ) -> Volume {
        let everyone = match record.replication {
            ReplicationMode::Quorum => None,
            ReplicationMode::All => Some(everyone),
        };
        Volume {
            group,
            everyone,
            disk,
            attendance,
            whole: Arc::default(),
        }
    }

    /// The group that answers for what a call touches.
    pub(crate) fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// Answers a call here, and says how long what the caller has copies of may be used; refuses when this node does not lead.
    pub(crate) async fn answer(
        &self,
        body: CallBody,
        caller: Option<&Caller>,
    ) -> Result<(AnswerBody, Option<Duration>), Refusal> {
        let received = Instant::now();
        let mut timed = None;
        let answer = self.answer_timed(received, body, caller, &mut timed).await;
        if let Some(timed) = timed {
            let elapsed = received.elapsed();
            if answer.is_ok() {
                let activity = &self.group.counters().activity;
                activity.answered(timed.asked, timed.session(), elapsed);
            }
            let slow = self.group.slow();
            slow.ended(&timed, elapsed, answer.as_ref().err());
        }
        answer
    }

    /// Notes what is asked, and what the time is spent on.
    async fn answer_timed(
        &self,
        received: Instant,
        body: CallBody,
        caller: Option<&Caller>,
        timed: &mut Option<Timed>,
    ) -> Result<(AnswerBody, Option<Duration>), Refusal> {
        if !self.is_whole() {
            return Err(Refusal::Unavailable {
                reason: "a dump is being loaded into the volume".to_owned(),
            });
        }
        let copies = self.group.copies();
        let holder = caller.and_then(|caller| match &body {
            CallBody::Kept(_) => caller.enter(self.group.id(), copies),
            CallBody::Command(_) | CallBody::Query(_) | CallBody::Attend(_) => {
                caller.holder(self.group.id())
            }
        });
        let (body, given) = match body {
            CallBody::Attend(attend) => {
                if let Some(caller) = caller {
                    caller.names(SessionId(attend.session));
                }
                let attended = self.attendance.attend(&attend).await?;
                copies.settled(None).await;
                return Ok((AnswerBody::Attended(attended), None));
            }
            CallBody::Command(command) => {
                let done = self.command(command, holder.as_deref(), caller, timed);
                let Some(outcome) = done.await? else {
                    // No quorum was asked.
                    let done = Ok(holdfast_metadata::Answer::Done);
                    let done = holdfast_proto::encode_outcome(&done);
                    return Ok((AnswerBody::Outcome(done), None));
                };
                (outcome, None)
            }
            CallBody::Query(query) => self.query(query, None, caller, timed).await?,
            CallBody::Kept(query) => self.query(query, holder.as_deref(), caller, timed).await?,
        };
        copies.settled(holder.as_ref()).await;
        let Some(holder) = holder else {
            return Ok((body, None));
        };
        if let Some(given) = given {
            copies.give(&holder, given);
        }
        let lease = copies.lease().filter(|_| holder.asked(received));
        Ok((body, lease))
    }

    /// The mounts, while this node leads.
    pub(crate) fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// Nothing for what needs no command: a sync.
    async fn command(
        &self,
        command: Bytes,
        holder: Option<&Holder>,
        caller: Option<&Caller>,
        timed: &mut Option<Timed>,
    ) -> Result<Option<AnswerBody>, Refusal> {
        // What cannot be applied must not get into the log.
        let decoded =
            holdfast_proto::decode_command(command.clone()).map_err(|error| malformed(&error))?;
        if decoded.operation == Operation::Sync {
            return Ok(None);
        }
        let Some(request) = decoded.request else {
            return Err(Refusal::Malformed {
                reason: "a command without a session and a number could take effect twice"
                    .to_owned(),
            });
        };
        // Only the leader knows what nobody has open, and who is silent.
        if decoded.operation.is_duty() {
            return Err(Refusal::Malformed {
                reason: "only the leader itself decides this".to_owned(),
            });
        }
        if let Some(holder) = holder {
            holder.speaks_for(request.session);
        }
        if let Some(caller) = caller {
            caller.names(request.session);
        }
        let asked = Asked::of_command(&decoded.operation);
        let command = self.with_space(command, decoded);
        let (group, operation) = (self.group.id(), asked.operation());
        let span = tracing::debug_span!("command", %request, operation, %group);
        let mut times = Times::default();
        let ordered = self.order(command, &mut times).instrument(span).await;
        let way = Way::Command(request, times);
        *timed = Some(Timed { asked, way });
        let outcome = holdfast_proto::encode_outcome(&ordered?);
        Ok(Some(AnswerBody::Outcome(outcome)))
    }

    /// A step of loading a dump into a volume that was made for it. It may be tried again whenever it is refused.
    pub(crate) async fn load(&self, step: LoadStep) -> Result<Outcome, Refusal> {
        let command = Command {
            request: None,
            now: Timestamp::default(),
            credentials: Credentials::ROOT,
            squashed: false,
            operation: Operation::Load(step),
        };
        let encoded = holdfast_proto::encode_command(&command);
        let command = self.with_space(encoded, command);
        self.order(command, &mut Times::default()).await
    }

    /// Says for how long what is removed is kept. It may be tried again whenever it is refused.
    pub(crate) async fn set_trash(&self, keep_seconds: Option<u64>) -> Result<Outcome, Refusal> {
        let command = Command {
            request: None,
            now: runtime::time_of_day(),
            credentials: Credentials::ROOT,
            squashed: false,
            operation: Operation::SetTrash(SetTrash { keep_seconds }),
        };
        let command = holdfast_proto::encode_command(&command);
        let outcome = self.order(command, &mut Times::default()).await?;
        self.attendance.look_at_trash();
        Ok(outcome)
    }

    /// Whether all of it is there: it was not made for a dump, or that is loaded.
    pub(crate) fn is_whole(&self) -> bool {
        // Once it is, it stays so.
        if self.whole.load(Ordering::Relaxed) {
            return true;
        }
        let is_whole = match self.group.store().machine().as_ref() {
            Machine::Volume(machine) => machine.is_whole(),
            Machine::Catalog(_) => false,
        };
        self.whole.fetch_or(is_whole, Ordering::Relaxed);
        is_whole
    }

    /// Notes how long it takes, as far as it comes.
    async fn order(&self, command: Bytes, times: &mut Times) -> Result<Outcome, Refusal> {
        let proposal = holdfast_proto::encode_proposal_command(command);
        if let Some(everyone) = &self.everyone {
            everyone.check()?;
        }
        let proposed = self.group.propose(proposal).await?;
        times.commit = Some(proposed.committed);
        times.apply = Some(proposed.elapsed.saturating_sub(proposed.committed));
        if let Some(everyone) = &self.everyone {
            everyone.applied(proposed.index).await?;
        }
        match proposed.applied {
            Applied::Command(outcome) => Ok(outcome),
            Applied::Nothing | Applied::Catalog(_) => Err(Refusal::Malformed {
                reason: "the group is not one of a volume".to_owned(),
            }),
        }
    }

    /// What is proposed: the command, or with too little space for it what refuses it. Whether it was run by an
    /// earlier attempt only the log knows, so this node does not answer by itself.
    fn with_space(&self, encoded: Bytes, decoded: Command) -> Bytes {
        if !self
            .disk
            .refuses(&decoded.operation, self.group.waiting_bytes())
        {
            return encoded;
        }
        holdfast_proto::encode_command(&Command {
            operation: Operation::RefuseNoSpace,
            ..decoded
        })
    }

    /// For a holder, with the records that are to be kept.
    async fn query(
        &self,
        query: Bytes,
        holder: Option<&Holder>,
        caller: Option<&Caller>,
        timed: &mut Option<Timed>,
    ) -> Result<(AnswerBody, Option<Given>), Refusal> {
        let query = holdfast_proto::decode_query(query).map_err(|error| malformed(&error))?;
        let timed = timed.insert(Timed {
            asked: Asked::of_query(&query),
            way: Way::Query(caller.and_then(Caller::session), None),
        });
        let began = Instant::now();
        let machine = self.group.read().await?;
        timed.confirmed(began.elapsed());
        let Machine::Volume(machine) = machine.as_ref() else {
            return Err(Refusal::NoSuchVolume);
        };
        let mut given = None;
        let reply = match holder {
            Some(holder) if copies::may_keep(&query) => {
                let note = |records| given = self.group.copies().note(holder, records);
                if machine.is_busy() {
                    // A batch may take long to be written, and this thread has other things to do.
                    run_long(|| machine.query_and_keep(&query, note))?
                } else {
                    machine.query_and_keep(&query, note)?
                }
            }
            Some(_) | None => machine.query(&query)?,
        };
        let reply = holdfast_proto::encode_reply(reply);
        Ok((AnswerBody::Reply(reply), given))
    }
}

fn malformed(error: &holdfast_proto::Malformed) -> Refusal {
    Refusal::Malformed {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
