//! The page that Prometheus reads: `http://HOST:PORT/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What Prometheus calls its text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves a page while this lives.
#[derive(Debug)]
pub(crate) struct Server {
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The page, as `render` makes it.
pub(crate) fn page(render: impl Fn() -> String + Send + Sync + 'static) -> Router {
    let render = Arc::new(render);
    let page = get(move || {
        let render = Arc::clone(&render);
        async move { ([(CONTENT_TYPE, TEXT)], render()) }
    });
    Router::new().route("/metrics", page)
}

/// Listens, and serves pages.
pub(crate) async fn serve(address: SocketAddr, pages: Router) -> anyhow::Result<Server> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, pages).await {
            tracing::error!(%error, "metrics are not served any more");
        }
    });
    Ok(Server { task })
}
