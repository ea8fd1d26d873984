//! Who has the volumes mounted, and who holds locks in them: as the replicas of this node know it.

use std::time::Duration;

use bytes::Bytes;
use holdfast_metadata::{LockInfo, Query, Reply, SessionId, SessionInfo};
use holdfast_proto::VolumeStatus;

use crate::raft::registry::Registry;
use crate::raft::session_service::ask;
use crate::raft::status::open_sessions;
use crate::raft::type_config::GroupId;

/// Shown of each volume.
const SESSIONS_MAX: usize = 100;
const LOCKS_MAX: usize = 100;

/// The mounts of one volume.
#[derive(Debug)]
pub struct VolumeMounts {
    /// Its number.
    pub volume: u64,
    /// The first of them; and how long each was silent, where this node leads.
    pub sessions: Vec<(SessionInfo, Option<Duration>)>,
    /// More that are not shown.
    pub sessions_left_out: usize,
    /// The first of them.
    pub locks: Vec<LockInfo>,
    /// There are more.
    pub are_locks_left_out: bool,
}

/// Of all volumes that run here.
pub(super) fn of(registry: &Registry, volumes: &[VolumeStatus]) -> Vec<VolumeMounts> {
    let volumes = volumes.iter().filter_map(|volume| of_one(registry, volume));
    volumes.collect()
}

fn of_one(registry: &Registry, status: &VolumeStatus) -> Option<VolumeMounts> {
    let group = registry.group(GroupId(status.volume))?;
    let mut sessions = open_sessions(&group);
    let sessions_left_out = sessions.len().saturating_sub(SESSIONS_MAX);
    sessions.truncate(SESSIONS_MAX);
    let ids: Vec<SessionId> = sessions.iter().map(|session| session.session).collect();
    let volume = registry.volume(status.volume);
    let silences = match volume.filter(|_| group.leads()) {
        Some(volume) => volume.attendance().silence(&ids),
        None => vec![None; ids.len()],
    };
    let query = Query::Locks {
        ino: None,
        after: Bytes::new(),
        entries_max: LOCKS_MAX,
    };
    let (locks, are_locks_left_out) = match ask(&group.store().machine(), &query) {
        Ok(Reply::Locks { locks, next }) => (locks, next.is_some()),
        Ok(_) | Err(_) => (Vec::new(), false),
    };
    Some(VolumeMounts {
        volume: status.volume,
        sessions: sessions.into_iter().zip(silences).collect(),
        sessions_left_out,
        locks,
        are_locks_left_out,
    })
}
