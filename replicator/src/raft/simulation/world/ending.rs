//! How a simulation ends: all is healed, everybody gets answers, and what came of it is checked.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use tokio::time::Instant;

use super::{TICK, World};
use crate::raft::simulation::network::Weather;
use crate::raft::simulation::rules;

/// After it was healed everybody has an answer within this.
const PROGRESS: Duration = Duration::from_secs(15);
/// And works on for so long before that.
const AFTERMATH: Duration = Duration::from_secs(2);

impl World {
    /// Everything works again. Then everybody gets answers, and all replicas come to the same state.
    pub(in crate::raft::simulation) async fn heal(&mut self) -> Result<(), String> {
        self.story.tell("everything is healed");
        self.network.join_all();
        self.network.set_weather(Weather::FAIR);
        for host in &self.clients {
            host.go_on();
        }
        for node in &mut self.nodes {
            let mut platter = node.platter.lock();
            platter.sync_micros = (100, 1500);
            platter.is_failing = false;
            drop(platter);
            node.steps_left = None;
            if let Some(process) = &node.process {
                process.host.go_on();
            }
        }
        for at in self.restarts.values_mut() {
            *at = Instant::now();
        }
        self.pass(AFTERMATH).await?;
        self.around.is_ending.store(true, Ordering::Relaxed);
        let began = Instant::now();
        loop {
            let waiting = self.working.iter().filter(|task| !task.is_finished());
            let waiting = waiting.count();
            let behind = self.behind();
            if waiting == 0 && behind.as_ref().is_some_and(Vec::is_empty) {
                self.healed_in = began.elapsed();
                return Ok(());
            }
            if began.elapsed() > PROGRESS {
                return Err(format!(
                    "no progress: {waiting} clients wait, behind is {behind:?}"
                ));
            }
            self.pass(Duration::from_millis(100)).await?;
        }
    }

    /// The members that have not applied everything; nothing when nobody leads.
    fn behind(&self) -> Option<Vec<u64>> {
        let (_, _, leader) = self.leader()?;
        let members: BTreeSet<u64> = {
            let metrics = leader.raft().metrics();
            let metrics = metrics.borrow_watched();
            let nodes = metrics.membership_config.membership().nodes();
            nodes.map(|(id, _)| *id).collect()
        };
        let last = self.witness.last_committed();
        let behind = self.nodes.iter().filter(|node| {
            let applied = node
                .group()
                .map(|group| group.store().on_applied().borrow().0);
            members.contains(&node.id) && applied != Some(last)
        });
        Some(behind.map(|node| node.id).collect())
    }

    /// Checks what can only be known in the end.
    pub(in crate::raft::simulation) async fn check(&mut self) -> Result<(), String> {
        // Signs of life go on, but nothing more is proposed.
        for host in &self.clients {
            host.kill();
        }
        self.pass(Duration::from_millis(500)).await?;
        let deadline = Instant::now() + PROGRESS;
        while self.behind().is_none_or(|behind| !behind.is_empty()) {
            self.pass(TICK).await?;
            if Instant::now() > deadline {
                return Err("not all is applied in the end".to_owned());
            }
        }
        let Some((_, _, leader)) = self.leader() else {
            return Err("nobody leads in the end".to_owned());
        };
        // All have applied everything now.
        self.compare()?;
        self.check_states()?;
        let machine = leader.store().machine();
        let entries = self.witness.entries();
        let (own, proposals) = self.witness.counts();
        self.story.tell(&format!(
            "{proposals} proposals and {own} entries of Raft, {} changes, {} reads, {} locks held",
            self.history.changes().len(),
            self.history.reads().len(),
            self.history.holds().len()
        ));
        let seen = rules::check(&entries, &self.history, &machine)?;
        self.tally.take_in(&seen);
        for node in &self.nodes {
            node.count_snapshots();
        }
        self.story.tell(&self.tally.told());
        Ok(())
    }
}
