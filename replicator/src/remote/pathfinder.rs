//! Keeps a stream open to the node that leads, or to one that knows it.
//!
//! All callers of a stream that fails learn it at once, and all would look for another node: one task
//! looks for all of them. The pause between tries is therefore one for the mount, not one a call.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::connect_error::{FailureReason, NodeFailure};
use super::dial::{Dialer, Opened};
use super::nodes::Nodes;
use super::options::Timing;
use super::road::{Lane, News, Report, Road, Way};
use crate::refusal::Endpoint;

/// Hints are followed without a pause so many times before an answer must come: two nodes may each
/// hold the other for the leader.
const FREE_HINTS_MAX: u32 = 3;

/// The task.
#[derive(Debug)]
pub(super) struct Pathfinder {
    pub(super) road: Arc<Road>,
    pub(super) dialer: Arc<Dialer>,
    pub(super) nodes: Arc<Mutex<Nodes>>,
    pub(super) backoff: Backoff,
    pub(super) timing: Timing,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    /// Streams opened since the last answer.
    pub(super) fruitless: u32,
}

impl Pathfinder {
    /// Runs until there is no way any more.
    pub(super) async fn run(mut self, first: Opened) {
        let mut lane = self.publish(first, 0);
        while let Some(news) = self.next_news(&lane).await {
            let found = match news {
                News::Hint(leader) => self.move_to(&lane, &leader).await,
                News::Led(leader) => {
                    let reason = format!("not the leader, says that {} is", leader.address);
                    self.leave(&lane, FailureReason::Other(reason));
                    self.find(Some(leader)).await
                }
                News::Useless(reason) => {
                    self.leave(&lane, reason);
                    self.find(None).await
                }
                News::Silence(reason) => {
                    lane.stream.close(&reason.to_string());
                    self.leave(&lane, reason);
                    self.find(None).await
                }
            };
            if let Some(opened) = found {
                let next = self.publish(opened, lane.generation);
                self.retire(mem::replace(&mut lane, next));
            }
            if self.road.is_over() {
                return;
            }
        }
    }

    /// What is new of this lane; what is told of earlier ones is old.
    async fn next_news(&mut self, lane: &Lane) -> Option<News> {
        loop {
            tokio::select! {
                biased;
                report = self.reports.recv() => {
                    let report = report?;
                    if report.generation == lane.generation {
                        return Some(report.news);
                    }
                }
                reason = lane.stream.closed() => {
                    return Some(News::Useless(FailureReason::Other(reason)));
                }
            }
        }
    }

    /// New calls wait until another node is found; those under way may still be answered.
    fn leave(&mut self, lane: &Lane, reason: FailureReason) {
        self.road.set(Way::Searching);
        tracing::debug!(address = lane.address, %reason, "leaving a node");
        let mut nodes = self.nodes.lock();
        let told = lane.stream.nodes();
        if !told.is_empty() {
            // They may have moved, or be others, since this lane was opened.
            nodes.learn(&told);
        }
        if lane.is_proven() {
            self.fruitless = 0;
            nodes.succeed(&lane.address);
        }
        nodes.fail(NodeFailure {
            address: lane.address.clone(),
            reason,
        });
    }

    /// Tries all nodes until one opens; `None` when there is no use any more.
    async fn find(&mut self, leader: Option<Endpoint>) -> Option<Opened> {
        let mut leader = leader.filter(|leader| self.nodes.lock().is_trusted(&leader.address));
        // Each reason of each node is told once: the first may be of a node that matters least.
        let mut told: Vec<NodeFailure> = Vec::new();
        loop {
            if self.nodes.lock().most_miss_the_volume() {
                tracing::error!("the volume does not exist any more: every operation fails");
                self.road.set(Way::Gone);
            }
            let is_free = leader.is_some() && self.fruitless < FREE_HINTS_MAX;
            if self.fruitless > 0 && !is_free {
                sleep(self.backoff.pause(self.fruitless)).await;
            }
            if self.road.is_over() {
                return None;
            }
            self.fruitless += 1;
            let first = leader.take().map(|leader| leader.address);
            let order = self.nodes.lock().order(first.as_deref());
            let (opened, failures) = self.dialer.race(order).await;
            for failure in failures {
                // Waiting does not mend this: it is told also while nobody waits.
                if let FailureReason::OtherProtocol(_) = failure.reason
                    && !told.contains(&failure)
                {
                    tracing::error!("a node does not take this mount: {failure}");
                    told.push(failure.clone());
                }
                self.nodes.lock().fail(failure);
            }
            if let Some(opened) = opened {
                return Some(self.prefer_leader(opened).await);
            }
        }
    }

    /// A node that opened and says who leads saves the hop through it.
    async fn prefer_leader(&self, opened: Opened) -> Opened {
        self.nodes.lock().learn(&opened.nodes);
        let Some(leader) = opened.leader.as_ref() else {
            return opened;
        };
        if leader.address == opened.address || !self.nodes.lock().is_trusted(&leader.address) {
            return opened;
        }
        match self.dialer.dial(leader.address.clone()).await {
            Ok(leading) => leading,
            Err(failure) => {
                self.nodes.lock().fail(failure);
                opened
            }
        }
    }

    /// Opens a stream to the leader while calls go on through another node.
    async fn move_to(&self, lane: &Arc<Lane>, leader: &Endpoint) -> Option<Opened> {
        let is_trusted = self.nodes.lock().is_trusted(&leader.address);
        if is_trusted {
            match self.dialer.dial(leader.address.clone()).await {
                Ok(opened) => return Some(opened),
                Err(failure) => self.nodes.lock().fail(failure),
            }
        }
        let (lane, pause) = (Arc::clone(lane), self.timing.distrust);
        tokio::spawn(async move {
            sleep(pause).await;
            lane.allow_hint();
        });
        None
    }

    fn publish(&self, opened: Opened, last: u64) -> Arc<Lane> {
        self.nodes.lock().learn(&opened.nodes);
        tracing::debug!(address = opened.address, "calls go to this node");
        let lane = Lane::new(last + 1, opened.address, opened.volume, opened.stream);
        let lane = Arc::new(lane);
        self.road.set(Way::Open(Arc::clone(&lane)));
        lane
    }

    /// What is under way there has some time to be answered; then it is asked again on the new lane.
    fn retire(&self, lane: Arc<Lane>) {
        let time = self.timing.retire;
        tokio::spawn(async move {
            sleep(time).await;
            lane.stream.close("another node leads");
        });
    }
}
