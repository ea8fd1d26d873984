//! How a client reaches a node.

use std::time::Duration;

use tonic::transport::{Endpoint, Error};

/// A node on the same network answers within a millisecond; one that does not is given up soon, because
/// another may answer.
pub(crate) const CONNECT_MAX: Duration = Duration::from_millis(500);
/// An unanswered call is no sign of a broken road (there may be no quorum): the road is probed. A node
/// that is stopped or cut off is noticed after both.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
const PROBE_ANSWER_MAX: Duration = Duration::from_secs(1);
/// Bytes a node may send before it hears that they were read.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// A connection to be made to `host:port`.
pub(crate) fn transport(address: &str) -> Result<Endpoint, Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(PROBE_INTERVAL)
        .keep_alive_timeout(PROBE_ANSWER_MAX)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .tcp_nodelay(true);
    Ok(endpoint)
}
