//! Reaches a node: a connection, the volume's number, a stream of calls.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::client_client::ClientClient;
use holdfast_proto::identity::{CLUSTER_HEADER, Identity, PROTOCOL_HEADER};
use holdfast_proto::{OpenVolumeRequest, OpenVolumeResponse};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::connect_error::{FailureReason, NodeFailure};
use super::options::{RemoteOptions, Timing};
use crate::call::{CONNECT_MAX, CallLimits, CallStream, Here, transport};
use crate::refusal::{Endpoint, Refusal};
use crate::tls::{self, Squash, Tls};

/// Where nobody stays to answer.
const CLOSED: &str = "the connection was closed: is that a holdfast node?";

/// What is asked of every node.
#[derive(Debug)]
pub(super) struct Dialer {
    volume: String,
    timing: Timing,
    tls: Option<Tls>,
    limits: CallLimits,
    /// The node in this process, and the address under which the others know it.
    here: Option<(String, Here)>,
    known: Mutex<Known>,
}

/// What the first answer said: a volume made again under the same name is another one, and so is one
/// of another cluster that came to the same address.
#[derive(Debug, Default)]
struct Known {
    cluster: Option<[u8; 16]>,
    volume: Option<u64>,
}

/// A node that can be asked.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) address: String,
    pub(super) volume: u64,
    pub(super) stream: CallStream,
    /// All nodes of the cluster.
    pub(super) nodes: Vec<Endpoint>,
    /// Who leads the volume, as this node knows it.
    pub(super) leader: Option<Endpoint>,
    /// The certificate allows no change.
    pub(super) read_only: bool,
    /// Whom it makes of everybody.
    pub(super) squash: Option<Squash>,
}

impl Dialer {
    pub(super) fn new(
        options: &RemoteOptions,
        timing: Timing,
        here: Option<(String, Here)>,
    ) -> Dialer {
        Dialer {
            volume: options.volume.clone(),
            timing,
            tls: options.tls.clone(),
            limits: options.limits,
            here,
            known: Mutex::default(),
        }
    }

    /// Tries the nodes in this order, the next one as soon as one has failed or takes long. Answers the
    /// first that opens, and what went wrong with the others.
    pub(super) async fn race(
        self: &Arc<Dialer>,
        addresses: Vec<String>,
    ) -> (Option<Opened>, Vec<NodeFailure>) {
        let mut failures = Vec::new();
        let mut attempts = JoinSet::new();
        let mut addresses = addresses.into_iter();
        loop {
            let is_last = match addresses.next() {
                Some(address) => {
                    let dialer = Arc::clone(self);
                    attempts.spawn(async move { dialer.dial(address).await });
                    false
                }
                None => true,
            };
            let stagger = if is_last {
                Duration::MAX
            } else {
                self.timing.stagger
            };
            match tokio::time::timeout(stagger, attempts.join_next()).await {
                Ok(Some(Ok(Ok(opened)))) => return (Some(opened), failures),
                Ok(Some(Ok(Err(failure)))) => failures.push(failure),
                // A task that was cancelled: the runtime ends.
                Ok(Some(Err(_)) | None) => {
                    if is_last && attempts.is_empty() {
                        return (None, failures);
                    }
                }
                Err(_elapsed) => {}
            }
        }
    }

    /// Tries one node.
    pub(super) async fn dial(&self, address: String) -> Result<Opened, NodeFailure> {
        let limit = self.timing.dial_max;
        let opened = tokio::time::timeout(limit, self.open(&address)).await;
        match opened.unwrap_or(Err(FailureReason::TimedOut(limit))) {
            Ok((stream, response)) => Ok(Opened {
                address,
                volume: response.volume,
                read_only: response.read_only,
                squash: response.squash.and_then(|who| Squash::of(who.uid, who.gid)),
                stream,
                nodes: response.nodes.into_iter().map(Endpoint::from).collect(),
                leader: response.leader.map(Endpoint::from),
            }),
            Err(reason) => Err(NodeFailure { address, reason }),
        }
    }

    async fn open(&self, address: &str) -> Result<(CallStream, OpenVolumeResponse), FailureReason> {
        if let Some((own, here)) = &self.here
            && own == address
        {
            let response = here.node().open_volume(&self.volume);
            let response = response.map_err(FailureReason::NoSuchVolume)?;
            return Ok((CallStream::here(here.again()), response));
        }
        let endpoint = transport(address).map_err(|_| FailureReason::InvalidAddress)?;
        let connected = tls::connect(&endpoint, self.tls.as_ref()).await;
        let (channel, words) = connected.map_err(|error| cause(&error))?;
        let opened = self.open_at(channel).await;
        // A connection that had ended when it was used tells the call nothing of it.
        opened.map_err(|reason| words.get().map_or(reason, FailureReason::Other))
    }

    async fn open_at(
        &self,
        channel: Channel,
    ) -> Result<(CallStream, OpenVolumeResponse), FailureReason> {
        let response = self.find_volume(channel.clone()).await?;
        let stream = CallStream::open(channel, &self.identity(), self.limits).await;
        let stream = stream.map_err(|refusal| match refusal {
            Refusal::Unavailable { reason } => FailureReason::Other(reason),
            other => FailureReason::Other(other.to_string()),
        })?;
        Ok((stream, response))
    }

    async fn find_volume(&self, channel: Channel) -> Result<OpenVolumeResponse, FailureReason> {
        let mut request = Request::new(OpenVolumeRequest {
            name: self.volume.clone(),
        });
        self.identity().attach(request.metadata_mut());
        let response = ClientClient::new(channel).open_volume(request).await;
        let (headers, response, _) = response.map_err(|status| refused(&status))?.into_parts();
        self.check(&headers, &response)?;
        Ok(response)
    }

    fn check(
        &self,
        headers: &MetadataMap,
        response: &OpenVolumeResponse,
    ) -> Result<(), FailureReason> {
        if headers.contains_key(PROTOCOL_HEADER) {
            let checked = self.identity().check(headers);
            checked.map_err(|status| FailureReason::OtherProtocol(status.message().to_owned()))?;
        }
        let mut known = self.known.lock();
        known.cluster = known.cluster.or_else(|| cluster_in(headers));
        if *known.volume.get_or_insert(response.volume) == response.volume {
            return Ok(());
        }
        let name = &self.volume;
        Err(FailureReason::NoSuchVolume(format!(
            "volume {name:?} was deleted; there is another one of that name now"
        )))
    }

    fn identity(&self) -> Identity {
        Identity {
            cluster: self.known.lock().cluster,
            node: None,
            program: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn cluster_in(headers: &MetadataMap) -> Option<[u8; 16]> {
    let text = headers.get(CLUSTER_HEADER)?.to_str().ok()?;
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// What a node that was reached says instead of an answer.
fn refused(status: &Status) -> FailureReason {
    if let Some(reason) = tls::explain(status) {
        return FailureReason::Other(reason);
    }
    let message = status.message().to_owned();
    // Codes are an open set: what has no meaning of its own here is told as it is.
    match status.code() {
        Code::NotFound => FailureReason::NoSuchVolume(message),
        Code::FailedPrecondition => FailureReason::OtherProtocol(message),
        Code::Unimplemented => FailureReason::OtherProtocol("not a holdfast node".to_owned()),
        // The node says what is wrong with the certificate.
        Code::PermissionDenied | Code::Unauthenticated => FailureReason::Other(message),
        // The connection ended with the call under way, without an error of its own.
        Code::Cancelled if status.source().is_some() => FailureReason::Other(CLOSED.to_owned()),
        code if status.source().is_none() => {
            FailureReason::Other(format!("{}: {message}", code.description()))
        }
        _ => cause(status),
    }
}

/// The innermost error says most: the outer ones are "transport error".
fn cause(error: &(dyn Error + 'static)) -> FailureReason {
    if let Some(reason) = tls::explain(error) {
        return FailureReason::Other(reason);
    }
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => FailureReason::Refused,
        Some(io::ErrorKind::TimedOut) => FailureReason::TimedOut(CONNECT_MAX),
        Some(
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof,
        ) => FailureReason::Other(CLOSED.to_owned()),
        Some(_) => FailureReason::Other(innermost.to_string()),
        // It was not the network: somebody who speaks something else listens there.
        None => FailureReason::OtherProtocol("not a holdfast node".to_owned()),
    }
}
