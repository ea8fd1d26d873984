//! The pages that supervisors read: `/healthz` says whether the node has to be looked at, `/readyz` whether it answers mounts.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use holdfast_replicator::Node;

/// Of a node.
pub(crate) fn pages(node: Arc<Node>) -> Router {
    let ready = Arc::clone(&node);
    Router::new()
        .route("/healthz", get(async move || answer(&node.faults())))
        .route(
            "/readyz",
            get(async move || answer(&ready_now(&ready).await)),
        )
}

/// A node that is broken is not ready either, whatever others still answer for it.
async fn ready_now(node: &Node) -> Vec<String> {
    let mut reasons = node.faults();
    reasons.extend(node.obstacles().await);
    reasons
}

/// A line a reason.
fn answer(reasons: &[String]) -> (StatusCode, String) {
    if reasons.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = reasons.iter().map(|reason| format!("{reason}\n"));
    (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
}
