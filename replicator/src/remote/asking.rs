//! Asks until there is an answer: the retry loop of one command or query.
//!
//! | the node, or the road, says | what is done |
//! |---|---|
//! | not the leader, another is | the same call on a stream to that one, at once |
//! | not the leader, unavailable, a broken stream | the same call on a stream to the next node |
//! | overloaded | the same call after a pause |
//! | outcome unknown | the same call, same request id: it takes effect once |
//! | malformed, the volume is gone | an error |

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::Fault;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::backoff::Backoff;
use super::connect_error::FailureReason;
use super::road::{Lane, News, NoWay, Road};
use crate::call::{CallAnswer, CallBody};
use crate::course;
use crate::error::ReplicateError;
use crate::refusal::Refusal;
use crate::sparing::Sparing;

static NOT_UNDERSTOOD: Sparing = Sparing::new();

/// Shared by everybody who asks.
#[derive(Debug)]
pub(super) struct Asking {
    road: Arc<Road>,
    backoff: Backoff,
    runtime: Handle,
}

/// An answer, and what is known of the tries before it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) answer: CallAnswer,
    /// An earlier try may have been carried out.
    pub(super) may_be_done: bool,
}

impl Asking {
    pub(super) fn new(road: Arc<Road>, backoff: Backoff, runtime: Handle) -> Asking {
        Asking {
            road,
            backoff,
            runtime,
        }
    }

    /// Waits for as long as it takes. Dropping the future ends it at any point: what was sent may take
    /// effect, nothing more is sent.
    pub(super) async fn ask(&self, body: CallBody) -> Result<Asked, ReplicateError> {
        let _waiting = self.road.wait();
        self.try_until_answered(body, None).await
    }

    /// The same for a call that a node may leave unanswered for so long: nobody waits for it.
    pub(super) async fn attend(
        &self,
        body: CallBody,
        patience: Duration,
    ) -> Result<Asked, ReplicateError> {
        self.try_until_answered(body, Some(patience)).await
    }

    /// Asks on this lane, once; answers whether there was an answer.
    pub(super) async fn try_once(&self, lane: &Lane, body: CallBody) -> bool {
        let called = lane.stream.call(lane.volume, false, body).await;
        if let Ok(answer) = &called {
            self.road.answered(lane, answer);
        }
        called.is_ok()
    }

    async fn try_until_answered(
        &self,
        body: CallBody,
        patience: Option<Duration>,
    ) -> Result<Asked, ReplicateError> {
        let mut may_be_done = false;
        let mut overloads = 0;
        let mut failed = 0;
        loop {
            let lane = course::searching(self.road.lane_after(failed)).await;
            let lane = lane.map_err(|no_way| end(no_way, may_be_done))?;
            let answers = self.road.answers();
            let called = course::asking(lane.stream.call(lane.volume, false, body.clone()));
            let called = match patience {
                None => called.await,
                Some(patience) => tokio::select! {
                    biased;
                    called = called => called,
                    () = self.sleep(patience) => {
                        if self.road.answers() != answers {
                            // Others are answered there: it is only slow.
                            continue;
                        }
                        Err(Refusal::Unavailable {
                            reason: "a sign of life was not answered".to_owned(),
                        })
                    }
                },
            };
            let refusal = match called {
                Ok(answer) => {
                    self.road.answered(&lane, &answer);
                    tracing::debug!(address = lane.address, "a node has answered");
                    return Ok(Asked {
                        answer,
                        may_be_done,
                    });
                }
                Err(refusal) => refusal,
            };
            tracing::debug!(%refusal, address = lane.address, "trying again");
            match refusal {
                Refusal::Overloaded => {
                    overloads += 1;
                    course::searching(self.sleep(self.backoff.pause(overloads))).await;
                }
                Refusal::Malformed { .. } => {
                    if let Some(more) = NOT_UNDERSTOOD.due() {
                        tracing::error!(%refusal, more, "a node does not understand this program");
                    }
                    return Err(refusal.into());
                }
                Refusal::NotLeader { .. }
                | Refusal::Unavailable { .. }
                | Refusal::OutcomeUnknown
                | Refusal::NoSuchVolume
                | Refusal::Fault(_) => {
                    // A node that failed may have written the command to its log before.
                    may_be_done |= matches!(refusal, Refusal::OutcomeUnknown | Refusal::Fault(_));
                    failed = lane.generation;
                    self.road.report(&lane, news(refusal, &lane));
                }
            }
        }
    }

    /// A timer of this replicator's own runtime, from whichever thread.
    pub(super) fn sleep(&self, time: Duration) -> Sleep {
        let _runtime = self.runtime.enter();
        tokio::time::sleep(time)
    }
}

fn end(no_way: NoWay, may_be_done: bool) -> ReplicateError {
    match no_way {
        NoWay::Stopped if may_be_done => ReplicateError::OutcomeUnknown,
        NoWay::Stopped => ReplicateError::Stopped,
        NoWay::Gone => gone(),
    }
}

/// What every operation answers once the volume is gone.
pub(super) fn gone() -> ReplicateError {
    ReplicateError::Fault(Fault::Io(Refusal::NoSuchVolume.to_string()))
}

fn news(refusal: Refusal, lane: &Lane) -> News {
    match refusal {
        Refusal::NotLeader {
            leader: Some(leader),
        } if leader.address != lane.address => News::Led(leader),
        Refusal::NoSuchVolume => News::Useless(FailureReason::NoSuchVolume(refusal.to_string())),
        Refusal::Unavailable { reason } => News::Useless(FailureReason::Other(reason)),
        Refusal::NotLeader { .. }
        | Refusal::Overloaded
        | Refusal::OutcomeUnknown
        | Refusal::Malformed { .. }
        | Refusal::Fault(_) => News::Useless(FailureReason::Other(refusal.to_string())),
    }
}
