//! Nodes that are lost for ever, and a cluster that is made of what is left.

use std::process::Command;

use holdfast_replicator::FaultPoint;

use super::Cluster;
use crate::place;
use crate::program::{Finished, run};

impl Cluster {
    /// Makes a node that does not run the only one of a new cluster, as an operator would; ends at a point if one is given.
    #[track_caller]
    pub fn force_new_cluster(&self, id: u64, crash_at: Option<FaultPoint>) -> Finished {
        let mut command = Command::new(place::holdfast());
        command
            .args(["recover", "--force-new-cluster", "--yes", "--data"])
            .arg(self.node(id).data())
            .envs(crash_at.map(|point| ("HOLDFAST_CRASH_AT", point.name())));
        run(&mut command)
    }

    /// Starts one more node, which receives everything and does not vote.
    #[track_caller]
    pub fn add_learner(&mut self, id: u64) {
        self.setup.arguments.push("--as-learner".to_owned());
        self.add_node(id);
        self.setup.arguments.pop();
    }

    /// Ends all nodes but one as a crash would, and forgets them.
    pub fn lose_all_but(&mut self, survivor: u64) {
        for id in self.ids().into_iter().filter(|id| *id != survivor) {
            self.kill(id);
            self.forget(id);
        }
    }
}
