//! What the nodes have said, and who has fallen silent.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_proto::{NodeStatus, StatusResponse};
use tokio::time::Instant;

use super::events::Events;
use crate::rates::Rates;

/// A node that is up for so many seconds less than expected was started again.
const UPTIME_SLACK: u64 = 3;

/// What one node has answered, or why it did not.
pub(super) type Answer = (u64, Result<StatusResponse, String>);

/// The last word of every node.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    nodes: BTreeMap<u64, Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    status: Option<(StatusResponse, Instant)>,
    silence: Option<Silence>,
}

/// Another node.
#[derive(Debug)]
pub struct Neighbour {
    /// Its number.
    pub id: u64,
    /// Where it is.
    pub address: String,
    /// What it said last and how long ago, if it was ever heard.
    pub status: Option<(StatusResponse, Duration)>,
    /// Set if it did not answer when it was last asked.
    pub silence: Option<Silence>,
}

/// A node does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Why, as far as it is known.
    pub reason: String,
}

impl Hearing {
    /// As of the last round.
    pub(super) fn neighbour(&self, node: &NodeStatus) -> Neighbour {
        let heard = self.nodes.get(&node.id);
        let status = heard.and_then(|heard| heard.status.as_ref());
        Neighbour {
            id: node.id,
            address: node.address.clone(),
            status: status.map(|(status, at)| (status.clone(), at.elapsed())),
            silence: heard.and_then(|heard| heard.silence.clone()),
        }
    }

    /// Takes a round of answers; says what was done since the last one.
    pub(super) fn take(&mut self, answers: Vec<Answer>, events: &mut Events, now: u64) -> Rates {
        let mut before = std::mem::take(&mut self.nodes);
        let mut rates = Rates::default();
        for (id, answer) in answers {
            let mut heard = before.remove(&id).unwrap_or_default();
            match answer {
                Ok(status) => {
                    if let Some(done) = heard.speaks(status, events, now) {
                        rates.add(&done);
                    }
                }
                Err(reason) => heard.is_silent(id, reason, events, now),
            }
            // Those that are no nodes of the cluster any more are forgotten.
            self.nodes.insert(id, heard);
        }
        rates
    }
}

impl Heard {
    /// Nothing when it was silent: what came together since would be a peak that never was.
    fn speaks(&mut self, status: StatusResponse, events: &mut Events, now: u64) -> Option<Rates> {
        let id = status.node;
        let was_silent = self.silence.take().is_some();
        let before = self.status.take();
        let is_new_run = before.as_ref().is_some_and(|(before, at)| {
            // As long as it would be up now, but for what rounding and waiting for the answer take.
            let expected = before.uptime_seconds.saturating_add(at.elapsed().as_secs());
            status.uptime_seconds.saturating_add(UPTIME_SLACK) < expected
        });
        if is_new_run {
            events.add(now, "node", format!("node {id} was started again"));
        } else if was_silent {
            events.add(now, "node", format!("node {id} answers again"));
        }
        let rates = before
            .filter(|_| !was_silent)
            .map(|(before, _)| Rates::between(&before, &status));
        self.status = Some((status, Instant::now()));
        rates
    }

    fn is_silent(&mut self, id: u64, reason: String, events: &mut Events, now: u64) {
        let known = self.silence.as_ref().map(|silence| silence.since);
        let since = known.unwrap_or_else(|| {
            events.add(now, "node", format!("node {id} does not answer: {reason}"));
            now
        });
        self.silence = Some(Silence { since, reason });
    }
}

#[cfg(test)]
mod tests {
    use holdfast_proto::{GroupActivity, GroupStatus, OperationActivity};

    use super::*;

    fn says(uptime: u64, done: u64) -> Answer {
        let mkdir = OperationActivity {
            operation: "mkdir".to_owned(),
            is_change: true,
            buckets: vec![done],
            micros: 0,
        };
        let group = GroupStatus {
            activity: Some(GroupActivity {
                operations: vec![mkdir],
                ..GroupActivity::default()
            }),
            ..GroupStatus::default()
        };
        let status = StatusResponse {
            node: 2,
            uptime_seconds: uptime,
            groups: vec![group],
            ..StatusResponse::default()
        };
        (2, Ok(status))
    }

    fn texts(events: &Events) -> Vec<String> {
        events.all().into_iter().map(|event| event.text).collect()
    }

    #[test]
    fn a_node_that_falls_silent_is_told_of_once_and_again_when_it_is_back() {
        let (mut hearing, mut events) = (Hearing::default(), Events::default());
        let done = |rates: Rates| rates.total(true).count();
        assert_eq!(done(hearing.take(vec![says(1, 5)], &mut events, 1)), 0);
        assert_eq!(done(hearing.take(vec![says(11, 9)], &mut events, 11)), 4);
        for now in [21, 31] {
            let silent = vec![(2, Err("gone".to_owned()))];
            assert_eq!(done(hearing.take(silent, &mut events, now)), 0);
        }
        let node = NodeStatus {
            id: 2,
            ..NodeStatus::default()
        };
        let neighbour = hearing.neighbour(&node);
        assert_eq!(neighbour.silence.unwrap().since, 21);
        assert_eq!(neighbour.status.unwrap().0.uptime_seconds, 11);
        // What it did meanwhile was not done in this round.
        assert_eq!(done(hearing.take(vec![says(41, 900)], &mut events, 41)), 0);
        assert_eq!(done(hearing.take(vec![says(51, 901)], &mut events, 51)), 1);
        assert_eq!(
            texts(&events),
            ["node 2 does not answer: gone", "node 2 answers again"]
        );
    }

    #[test]
    fn a_node_that_was_started_again_between_two_rounds_is_told_of() {
        let (mut hearing, mut events) = (Hearing::default(), Events::default());
        hearing.take(vec![says(100, 5)], &mut events, 1);
        let rates = hearing.take(vec![says(3, 2)], &mut events, 11);
        assert_eq!(rates.total(true).count(), 2);
        assert_eq!(texts(&events), ["node 2 was started again"]);
    }

    #[test]
    fn who_is_no_node_any_more_is_forgotten() {
        let (mut hearing, mut events) = (Hearing::default(), Events::default());
        hearing.take(vec![says(1, 0)], &mut events, 1);
        hearing.take(Vec::new(), &mut events, 2);
        assert!(hearing.nodes.is_empty());
    }
}
