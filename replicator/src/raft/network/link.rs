//! The way to one node at one address, and what is made of its errors.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use holdfast_proto::identity::{self, Identity};
use holdfast_proto::raft_client::RaftClient;
use openraft::errors::{RPCError, Unreachable};
use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::MESSAGE_BYTES_MAX;
use crate::raft::type_config::TypeConfig;
use crate::tls::{self, Tls};

const CONNECT_PATIENCE: Duration = Duration::from_millis(500);
/// A connection whose other end is gone without a word is noticed after the sum of these two.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(2);
const WINDOW_BYTES: u32 = 8 << 20;
/// A peer that must not be talked to is tried again and again; once in this time is said why.
const REFUSAL_PAUSE: Duration = Duration::from_mins(1);
/// A connection to here fails at once.
const NOWHERE: &str = "http://127.0.0.1:0";

/// The connections to one address.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    /// For what is short and urgent.
    pub(super) short: Channel,
    /// For what takes long.
    bulk: Channel,
}

impl Channels {
    pub(super) fn new(address: &str, tls: Option<&Tls>, node: Option<u64>) -> Channels {
        Channels {
            short: connection(address, tls, node),
            bulk: connection(address, tls, node),
        }
    }
}

/// The way to one node at one address.
pub(super) struct Link {
    node: u64,
    address: String,
    identity: Identity,
    channels: Channels,
    refusal_logged: Mutex<Option<Instant>>,
}

impl Link {
    pub(super) fn new(node: u64, address: &str, channels: Channels, identity: Identity) -> Link {
        Link {
            node,
            address: address.to_owned(),
            identity,
            channels,
            refusal_logged: Mutex::new(None),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn client(&self) -> RaftClient<Channel> {
        limited(self.channels.short.clone())
    }

    /// On a connection for what takes long.
    pub(super) fn bulk_client(&self) -> RaftClient<Channel> {
        limited(self.channels.bulk.clone())
    }

    /// This node's number, for messages.
    pub(super) fn own_id(&self) -> u64 {
        self.identity.node.unwrap_or_default()
    }

    /// A request that says who asks, and whom: another node may have the address by now.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.identity.attach(request.metadata_mut());
        identity::attach_target(self.node, request.metadata_mut());
        request
    }

    /// What to say of an error; a refusal by identity goes to the log, once in a while.
    pub(super) fn describe(&self, status: &Status) -> String {
        let of_tls = tls::explain(status);
        if matches!(
            status.code(),
            Code::FailedPrecondition | Code::Unauthenticated
        ) {
            self.log_refusal(status.message());
        } else if let Some(reason) = &of_tls {
            self.log_refusal(reason);
        }
        if let Some(reason) = of_tls {
            return format!("{}: {reason}", self.address);
        }
        let mut text = format!("{}: {}", self.address, status.message());
        let mut source = status.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }

    pub(super) fn unreachable(&self, status: &Status) -> RPCError<TypeConfig> {
        RPCError::Unreachable(Unreachable::from_string(self.describe(status)))
    }

    fn log_refusal(&self, reason: &str) {
        let now = Instant::now();
        let mut logged = self.refusal_logged.lock();
        if logged.is_some_and(|last| now.duration_since(last) < REFUSAL_PAUSE) {
            return;
        }
        *logged = Some(now);
        tracing::error!(
            address = self.address,
            reason,
            "a peer refuses to talk to this node"
        );
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Link")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// An error for a message that an address must not send.
pub(super) fn unreachable(reason: impl ToString) -> RPCError<TypeConfig> {
    RPCError::Unreachable(Unreachable::from_string(reason))
}

fn connection(address: &str, tls: Option<&Tls>, node: Option<u64>) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap_or_else(|error| {
        tracing::error!(address, %error, "this is no address of a node");
        Endpoint::from_static(NOWHERE)
    });
    let endpoint = endpoint
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_PATIENCE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(2 * WINDOW_BYTES);
    tls::connect_lazy(&endpoint, tls, node)
}

fn limited(channel: Channel) -> RaftClient<Channel> {
    RaftClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}
