//! What keeps a node from doing what it is for, for those who ask every few seconds: a supervisor, a balancer of load.

use std::time::Duration;

use futures_util::future::join_all;
use holdfast_metadata::catalog::VolumeRecord;
use holdfast_metadata::{InodeId, Query};

use super::poison::Poison;
use super::registry::Registry;
use super::router::Router;
use super::status::name;
use crate::call::CallBody;

/// Who asks waits for an answer himself.
const PATIENCE: Duration = Duration::from_secs(1);

/// What does not go away by itself; nothing while the node is healthy.
pub(crate) fn faults(registry: &Registry, poison: &Poison) -> Vec<String> {
    let state = registry.catalog_state().unwrap_or_default();
    let stopped = registry.failed().into_iter();
    let stopped = stopped.map(|(id, fault)| format!("{}: {fault}", name(id, &state)));
    let poisoned = poison.fault().map(ToString::to_string);
    poisoned.into_iter().chain(stopped).collect()
}

/// Why a mount that asks this node would wait; nothing when it answers for every volume, itself or through who leads.
pub(crate) async fn obstacles(registry: &Registry, router: &Router) -> Vec<String> {
    let state = match registry.catalog_state() {
        Ok(state) => state,
        Err(refusal) => return vec![refusal.to_string()],
    };
    if state.cluster_id.is_none() {
        return vec!["this node has not heard of its cluster yet".to_owned()];
    }
    let asked = state.volumes.iter().map(|volume| ask(router, volume));
    join_all(asked).await.into_iter().flatten().collect()
}

/// A read as mounts do it: it is confirmed by a quorum.
async fn ask(router: &Router, volume: &VolumeRecord) -> Option<String> {
    let query = Query::Attributes { ino: InodeId::ROOT };
    let body = CallBody::Query(holdfast_proto::encode_query(&query));
    let asked = router.call(volume.id, false, body, None);
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => None,
        Ok(Err(refusal)) => Some(format!("volume {}: {refusal}", volume.name)),
        Err(_) => Some(format!(
            "volume {}: no answer within {PATIENCE:?}",
            volume.name
        )),
    }
}
