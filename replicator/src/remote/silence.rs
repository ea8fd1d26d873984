//! Notices that no answers come: says so in the log, and has another node tried.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use super::connect_error::FailureReason;
use super::nodes::Nodes;
use super::options::Timing;
use super::road::{News, Road};

/// The task. It looks at counters now and then; calls do nothing for it.
#[derive(Debug)]
pub(super) struct SilenceWatch {
    road: Arc<Road>,
    nodes: Arc<Mutex<Nodes>>,
    timing: Timing,
    answers: u64,
    since: Instant,
    /// When the next line is due.
    next_line: Duration,
    is_told: bool,
    /// The stream that carries the calls, and since when it has brought nothing.
    lane: u64,
    lane_since: Instant,
    patience: Duration,
}

/// A line of the log, with the length of the silence in seconds.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// It lasts; how each node did.
    Silent(u64, String),
    /// It is over.
    Back(u64),
}

impl SilenceWatch {
    pub(super) fn new(road: Arc<Road>, nodes: Arc<Mutex<Nodes>>, timing: Timing) -> SilenceWatch {
        SilenceWatch {
            road,
            nodes,
            timing,
            answers: 0,
            since: Instant::now(),
            next_line: timing.silence_first,
            is_told: false,
            lane: 0,
            lane_since: Instant::now(),
            patience: timing.patience_first,
        }
    }

    /// Runs as long as the replicator.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.timing.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = ticks.tick().await;
            match self.look(now) {
                Some(Line::Silent(seconds, nodes)) => {
                    tracing::warn!("no answer from the cluster for {seconds} s: waiting ({nodes})");
                }
                Some(Line::Back(seconds)) => {
                    tracing::info!("the cluster answers again, after {seconds} s");
                }
                None => {}
            }
        }
    }

    /// What is to be told now.
    fn look(&mut self, now: Instant) -> Option<Line> {
        let answers = self.road.answers();
        if answers == self.answers && self.road.is_anybody_waiting() {
            self.probe(now);
            return self.silence(now);
        }
        let is_answer = answers != self.answers;
        let seconds = (now - self.since).as_secs();
        self.answers = answers;
        self.since = now;
        self.lane_since = now;
        self.next_line = self.timing.silence_first;
        if is_answer {
            self.patience = self.timing.patience_first;
        }
        let is_back = is_answer && mem::replace(&mut self.is_told, false);
        is_back.then_some(Line::Back(seconds))
    }

    fn silence(&mut self, now: Instant) -> Option<Line> {
        let silent = now - self.since;
        if silent < self.next_line {
            return None;
        }
        self.next_line = silent + self.timing.silence_again;
        self.is_told = true;
        let lane = self.road.lane();
        let address = lane.as_ref().map(|lane| lane.address.as_str());
        let nodes = self.nodes.lock().describe(address);
        Some(Line::Silent(silent.as_secs(), nodes))
    }

    /// A node that takes calls and answers none may be a leader that is cut off from the others and does
    /// not know it yet. Asking another is safe: the calls keep their ids.
    fn probe(&mut self, now: Instant) {
        let Some(lane) = self.road.lane() else {
            return;
        };
        if lane.generation != self.lane {
            self.lane = lane.generation;
            self.lane_since = now;
        }
        let silent = now - self.lane_since;
        if silent >= self.patience {
            self.patience = (self.patience * 2).min(self.timing.patience_last);
            self.lane_since = now;
            let reason = FailureReason::TimedOut(silent);
            self.road.report(&lane, News::Silence(reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::connect_error::NodeFailure;

    #[test]
    fn silence_is_told_now_and_then_and_so_is_its_end() {
        let (road, _reports) = Road::new();
        let road = Arc::new(road);
        let mut nodes = Nodes::new(&["a:1".to_owned(), "b:1".to_owned()], Duration::ZERO);
        nodes.fail(NodeFailure {
            address: "b:1".to_owned(),
            reason: FailureReason::Other("no quorum".to_owned()),
        });
        let nodes = Arc::new(Mutex::new(nodes));
        let mut watch = SilenceWatch::new(Arc::clone(&road), nodes, Timing::default());
        let began = watch.since;
        let mut at = |seconds: u64| watch.look(began + Duration::from_secs(seconds));
        assert_eq!(at(90), None, "nobody waits");
        let waiting = road.wait();
        let silent = |seconds| {
            let nodes = "a:1: not tried; b:1: no quorum".to_owned();
            Some(Line::Silent(seconds, nodes))
        };
        assert_eq!((at(91), at(94)), (None, None));
        assert_eq!((at(95), at(96), at(124)), (silent(5), None, None));
        assert_eq!((at(125), at(126)), (silent(35), None));
        road.count_answer();
        assert_eq!((at(127), at(128)), (Some(Line::Back(37)), None));
        drop(waiting);
        assert_eq!(at(200), None);
    }
}
