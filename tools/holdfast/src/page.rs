//! The page for people: `http://HOST:PORT/`, and the data it shows.
//!
//! **Invariant.** Nothing of the data is ever markup: the script makes text of it, and the browser is told to run no other script.

mod overview;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use holdfast_replicator::Observer;
use tokio::sync::Mutex;

const PAGE: &str = include_str!("page/page.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

/// Everything is from this node, and nothing is in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whoever asks more often gets the same again.
const KEPT: Duration = Duration::from_secs(1);

/// The page of a node.
pub(crate) fn pages(observer: Observer) -> Router {
    let data = Arc::new(Data {
        observer: Arc::new(observer),
        last: Mutex::new(None),
    });
    let asset = |kind, text| get(async move || answer(kind, text));
    Router::new()
        .route("/", asset("text/html; charset=utf-8", PAGE))
        .route("/page.js", asset("text/javascript; charset=utf-8", SCRIPT))
        .route("/page.css", asset("text/css; charset=utf-8", STYLE))
        .route("/api/overview.json", get(async move || data.answer().await))
}

fn answer(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

/// Makes the data, once for all who ask at the same time.
struct Data {
    observer: Arc<Observer>,
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Data {
    async fn answer(&self) -> Response {
        let mut last = self.last.lock().await;
        if let Some((made, body)) = &*last
            && made.elapsed() < KEPT
        {
            return json(body.clone());
        }
        let observer = Arc::clone(&self.observer);
        // It reads the state of volumes.
        let made = tokio::task::spawn_blocking(move || {
            observer.overview().map(|seen| overview::json(&seen))
        });
        let Ok(Some(body)) = made.await else {
            let text = "the node starts or ends: try again\n";
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                answer("text/plain; charset=utf-8", text),
            )
                .into_response();
        };
        let body = Bytes::from(body.to_string());
        *last = Some((Instant::now(), body.clone()));
        json(body)
    }
}

fn json(body: Bytes) -> Response {
    answer("application/json", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_makes_no_markup_of_data() {
        for text in [PAGE, SCRIPT, STYLE] {
            for outside in ["http://", "https://", "//cdn", "@import", "url("] {
                let allowed = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!allowed.contains(outside), "{outside}");
            }
        }
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "createContextualFragment",
            "srcdoc",
            "setTimeout(\"",
        ] {
            assert!(!SCRIPT.contains(sink), "{sink}");
        }
        // The policy would not let these run.
        for inline in ["<style", " style=", " onclick", " onload"] {
            assert!(!PAGE.contains(inline), "{inline}");
        }
        assert!(
            !PAGE
                .replace("<script src=\"page.js\"", "")
                .contains("<script")
        );
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*'));
    }
}
