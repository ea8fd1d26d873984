//! How far a state machine has applied the log: the record it keeps with the effects.

use bytes::Bytes;
use holdfast_metadata::store::View;
use holdfast_metadata::{Fault, LogIndex, Position};
use prost::Message;

use super::Machine;
use crate::raft::convert::{from_message, to_message};
use crate::raft::type_config::{LogId, SnapshotMeta, StoredMembership};

/// The last entry that was applied, and the last membership.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AppliedState {
    pub(super) last_log_id: Option<LogId>,
    pub(super) membership: StoredMembership,
}

impl AppliedState {
    /// What is stored in a machine.
    pub(super) fn of_machine(machine: &Machine) -> Result<AppliedState, Fault> {
        AppliedState::decode(machine.position()?)
    }

    /// What a view of a machine shows.
    pub(super) fn of_view(view: &impl View) -> Result<AppliedState, Fault> {
        AppliedState::decode(holdfast_metadata::load_position(view)?)
    }

    fn decode(record: Option<Bytes>) -> Result<AppliedState, Fault> {
        let Some(record) = record else {
            return Ok(AppliedState::default());
        };
        let corrupt = |detail: String| Fault::corrupt("position record", detail);
        let message = holdfast_proto::StoredPosition::decode(record)
            .map_err(|error| corrupt(error.to_string()))?;
        let (last_log_id, membership) =
            from_message::stored_position(message).map_err(|error| corrupt(error.to_string()))?;
        Ok(AppliedState {
            last_log_id,
            membership,
        })
    }

    /// The index of the last entry, and 0 before the first one.
    pub(super) fn index(&self) -> LogIndex {
        LogIndex(self.last_log_id.map_or(0, |log_id| log_id.index))
    }

    /// Whether a snapshot of that place has entries that this state has not.
    pub(super) fn is_behind(&self, place: Option<LogId>) -> bool {
        let index = |log_id: Option<LogId>| log_id.map(|log_id| log_id.index);
        index(self.last_log_id) < index(place)
    }

    /// As a machine stores it. The first entry of a log has the index 0 for openraft, but for a machine that is the
    /// place before the first, so it counts from 1.
    pub(super) fn position(&self) -> Position {
        let message = to_message::stored_position(self.last_log_id, &self.membership);
        Position {
            index: self
                .last_log_id
                .map_or(LogIndex(0), |log_id| LogIndex(log_id.index).next()),
            record: Bytes::from(message.encode_to_vec()),
        }
    }

    /// As openraft describes a snapshot of this state.
    pub(super) fn snapshot_meta(self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last_log_id,
            last_membership: self.membership,
        }
    }
}
