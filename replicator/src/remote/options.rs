//! What a mount of a cluster is told.

use std::time::Duration;

use crate::call::CallLimits;
use crate::tls::Tls;

/// How to reach a volume of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteOptions {
    /// Some nodes, as `host:port`; the others are learned from them.
    pub addresses: Vec<String>,
    /// The name of the volume.
    pub volume: String,
    /// After so long without an answer an operation fails with [`TimedOut`]; otherwise it waits.
    ///
    /// [`TimedOut`]: crate::ReplicateError::TimedOut
    pub soft: Option<Duration>,
    /// `start` gives up after so long.
    pub start_max: Duration,
    /// The name of this machine, for whoever lists the sessions.
    pub host: String,
    /// Where the volume is mounted, for whoever lists the sessions.
    pub mountpoint: String,
    /// Whether queries are answered from copies of what the leader lets us keep.
    pub copies: bool,
    /// How much waits, and is kept.
    pub limits: CallLimits,
    /// The certificates to show; without them nothing is encrypted.
    pub tls: Option<Tls>,
}

impl RemoteOptions {
    /// Waits for ever once it has started.
    pub fn new(addresses: Vec<String>, volume: impl Into<String>) -> RemoteOptions {
        let host = nix::sys::utsname::uname().map_or_else(
            |_| "unknown".to_owned(),
            |system| system.nodename().to_string_lossy().into_owned(),
        );
        RemoteOptions {
            addresses,
            volume: volume.into(),
            soft: None,
            start_max: Duration::from_secs(30),
            host,
            mountpoint: String::new(),
            copies: true,
            limits: CallLimits::default(),
            tls: None,
        }
    }
}

/// How long everything takes; only tests have other values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// One node may take so long to open a stream.
    pub(crate) dial_max: Duration,
    /// The next node is tried beside one that has not answered for so long.
    pub(crate) stagger: Duration,
    /// The first pause before another try, on average half of it; it doubles up to the last.
    pub(crate) backoff_first: Duration,
    pub(crate) backoff_last: Duration,
    /// A node that failed is not believed to lead for so long.
    pub(crate) distrust: Duration,
    /// Calls that are still under way on a stream that was left are given up after so long.
    pub(crate) retire: Duration,
    /// A stream that carries calls and brings no answer for so long is left; it doubles each time.
    pub(crate) patience_first: Duration,
    pub(crate) patience_last: Duration,
    /// Silence is logged after so long, and again after each such time.
    pub(crate) silence_first: Duration,
    pub(crate) silence_again: Duration,
    /// How often silence is looked for.
    pub(crate) tick: Duration,
    /// `stop` waits so long for what is under way and for the session to be closed.
    pub(crate) stop_max: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            dial_max: Duration::from_millis(1500),
            stagger: Duration::from_millis(100),
            backoff_first: Duration::from_millis(5),
            backoff_last: Duration::from_millis(500),
            distrust: Duration::from_millis(500),
            retire: Duration::from_secs(3),
            patience_first: Duration::from_secs(3),
            patience_last: Duration::from_secs(30),
            silence_first: Duration::from_secs(5),
            silence_again: Duration::from_secs(30),
            tick: Duration::from_millis(500),
            stop_max: Duration::from_secs(2),
        }
    }
}
