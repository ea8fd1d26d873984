//! Answers from what the leader lets this mount keep, and has it say so again as long as that is used.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{PosixError, Query, Reply, copies};
use holdfast_proto::encode_query;
use tokio::sync::Notify;

use super::asking::Asking;
use super::road::Road;
use crate::call::CallBody;

/// Between two looks at what is left of the lease.
const TICK: Duration = Duration::from_millis(100);
/// With less left it is asked for again.
const LEFT_MIN: Duration = Duration::from_millis(250);
/// Looks without an answer from what is kept, after which nobody looks.
const IDLE_MAX: u32 = 5;

/// What is kept of the volume, on whichever stream.
#[derive(Debug)]
pub(super) struct Keeping {
    is_wanted: bool,
    road: Arc<Road>,
    asking: Arc<Asking>,
    /// Something is asked that may be kept.
    asked: Notify,
}

impl Keeping {
    pub(super) fn new(is_wanted: bool, road: Arc<Road>, asking: Arc<Asking>) -> Arc<Keeping> {
        Arc::new(Keeping {
            is_wanted,
            road,
            asking,
            asked: Notify::new(),
        })
    }

    /// The answer to a query, if what is kept tells it.
    pub(super) fn answer(&self, query: &Query) -> Option<Result<Reply, PosixError>> {
        if !self.may_keep(query) {
            return None;
        }
        let answer = self.road.lane()?.stream.kept()?.answer(query);
        if answer.is_none() {
            self.asked.notify_one();
        }
        answer
    }

    /// How a query is asked whose answer is to be kept, if it may.
    pub(super) fn body(&self, query: &Query) -> CallBody {
        let encoded = encode_query(query);
        if self.may_keep(query) {
            CallBody::Kept(encoded)
        } else {
            CallBody::Query(encoded)
        }
    }

    fn may_keep(&self, query: &Query) -> bool {
        self.is_wanted && copies::may_keep(query)
    }

    /// Asks again for the lease while it is used; ends with the road.
    pub(super) async fn run(self: Arc<Keeping>) {
        while !self.road.is_over() {
            self.asked.notified().await;
            let mut idle = 0;
            while idle < IDLE_MAX {
                self.asking.sleep(TICK).await;
                idle += 1;
                let Some(lane) = self.road.lane() else {
                    continue;
                };
                let Some(kept) = lane.stream.kept() else {
                    return;
                };
                if kept.take_used() {
                    idle = 0;
                    if kept.left() < LEFT_MIN {
                        let question = CallBody::Query(encode_query(&Query::Statistics));
                        // Without an answer nothing is answered from what is kept.
                        self.asking.try_once(&lane, question).await;
                    }
                }
            }
        }
    }
}
