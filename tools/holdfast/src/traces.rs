//! Traces for a collector of OpenTelemetry: what one request did on each machine, and how long (decision 25).
//!
//! A request has one name everywhere, so its trace has, too: nothing has to travel with it.

mod collector;
mod layer;
mod sender;
mod span;

use std::num::NonZeroU32;
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub(crate) use self::collector::Collector;
use self::sender::Sender;

/// Of this process, once it has one.
static SENDER: OnceLock<Sender> = OnceLock::new();
/// What is not sent within it at the end never is.
const LAST: Duration = Duration::from_secs(2);

/// Sends what this process does from now on, one of so many requests; for a subscriber that has the spans.
pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
    collector: &Collector,
    every: NonZeroU32,
) -> impl Layer<S> + use<S> {
    let instance = format!("{}:{}", host(), process::id());
    let sender = SENDER.get_or_init(|| Sender::start(collector.clone(), instance));
    layer::layer(sender.clone(), every)
}

/// Sends what is left, before the process ends.
pub(crate) fn finish() {
    if let Some(sender) = SENDER.get() {
        sender.finish(LAST);
    }
}

fn host() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |system| system.nodename().to_string_lossy().into_owned(),
    )
}
