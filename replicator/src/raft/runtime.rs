//! What a replica takes from the machine beside disk and network: tasks, threads, the time of day, space. A simulation decides
//! them.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_metadata::Timestamp;
use tokio::task::{JoinError, JoinHandle};

#[cfg(test)]
use super::simulation::Host;

/// What openraft runs on.
#[cfg(not(test))]
pub(crate) type GroupRuntime = openraft::impls::TokioRuntime;
#[cfg(test)]
pub(crate) type GroupRuntime = super::simulation::Runtime;

/// Begins a task of the node that this task belongs to.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[cfg(test)]
    if let Some(host) = Host::current() {
        return host.spawn(task);
    }
    tokio::spawn(task)
}

/// Runs what blocks on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(test)]
    if Host::current().is_some() {
        return Ok(run());
    }
    tokio::task::spawn_blocking(run).await
}

/// What time it is.
pub(crate) fn time_of_day() -> Timestamp {
    #[cfg(test)]
    if let Some(host) = Host::current() {
        return host.time_of_day();
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Timestamp {
        seconds: since.as_secs() as i64,
        nanoseconds: since.subsec_nanos(),
    }
}

/// Whether stores are so many that each may take only the least from memory and disk.
pub(crate) fn has_many_stores() -> bool {
    #[cfg(test)]
    if Host::current().is_some() {
        return true;
    }
    false
}
