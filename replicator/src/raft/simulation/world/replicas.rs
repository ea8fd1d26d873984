//! The states of all replicas at one moment.

use holdfast_metadata::record::Inode;
use holdfast_metadata::store::{Batch, View as _};
use holdfast_metadata::{Engine, InodeId, keys};

use super::World;
use crate::raft::machine::Machine;
use crate::raft::simulation::node::Node;
use crate::raft::simulation::rules;

impl World {
    /// What all replicas have at this moment.
    pub(super) fn compare(&mut self) -> Result<(), String> {
        for node in &self.nodes {
            if let Some(group) = node.group() {
                self.states.check(node.id, &group.store().machine())?;
            }
        }
        Ok(())
    }

    pub(super) fn check_states(&self) -> Result<(), String> {
        let groups = self.nodes.iter().filter_map(Node::group);
        for group in groups {
            rules::state_is_sound(&group.store().machine())?;
        }
        Ok(())
    }
}

impl Node {
    /// Changes the root of its state, and nobody knows.
    pub(super) fn spoil(&self, change: impl Fn(&mut Inode)) {
        let Some(group) = self.group() else { return };
        let machine = group.store().machine();
        let Machine::Volume(volume) = machine.as_ref() else {
            return;
        };
        let key = keys::inode(InodeId::ROOT);
        let found = volume.engine().view().get(&key).unwrap();
        let Some(record) = found else { return };
        let mut inode = Inode::decode(&record).unwrap();
        change(&mut inode);
        let mut batch = Batch::default();
        batch.set(key, Some(inode.encode()));
        volume.engine().commit(batch).unwrap();
    }
}
