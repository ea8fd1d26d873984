//! The entries of one group to one peer: a stream of them, many under way, answered in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use holdfast_proto as proto;
use openraft::RPCTypes;
use openraft::errors::RPCError;
use openraft::network::RPCOption;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::group_network::GroupNetwork;
use super::link::unreachable;
use crate::raft::convert::{AppendAnswer, from_message, to_message};
use crate::raft::type_config::TypeConfig;

/// Messages under way; their bytes are bounded too.
const DEPTH: usize = 64;
/// Entries for one message; a longer request travels in several.
const PART_BYTES: usize = 4 << 20;
/// Without an answer for this long, and a second for each MiB, the connection counts as dead. The time
/// that openraft gives a request is that of a heartbeat: too short for a slow disk.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const OPEN_PATIENCE: Duration = Duration::from_secs(1);

type AppendResult = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

/// An open stream.
pub(super) struct AppendStream {
    /// What is in it is bounded by what may be under way.
    requests: mpsc::UnboundedSender<proto::AppendRequest>,
    responses: Streaming<proto::AppendResponse>,
}

/// What openraft wants sent until it changes its mind. The stream outlives it when all was answered well.
pub(super) struct Session<'s, S> {
    network: &'s mut GroupNetwork,
    stream: Option<AppendStream>,
    input: S,
    input_ended: bool,
    in_flight: VecDeque<Part>,
    bytes_in_flight: usize,
    /// And so many of them may be.
    room: usize,
    /// When something was last sent into silence, or answered.
    progress: Instant,
    patience: Duration,
}

/// A message under way.
struct Part {
    bytes: usize,
    /// Its answer is that to the request.
    last: bool,
}

enum Event<R> {
    Response(Result<Option<proto::AppendResponse>, Status>),
    Request(Option<R>),
    Silence,
}

impl<'s, S> Session<'s, S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
{
    /// The answers to `input`. It ends after the first that is not good.
    pub(super) fn begin(
        network: &'s mut GroupNetwork,
        input: S,
        option: &RPCOption,
    ) -> impl Stream<Item = AppendResult> + Send + 's {
        let room = network.peers.room();
        let session = Session {
            stream: network.idle_append.take(),
            network,
            input,
            input_ended: false,
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            room,
            progress: Instant::now(),
            patience: option.soft_ttl().max(PATIENCE_MIN),
        };
        stream::unfold(Some(session), |session| async move {
            let mut session = session?;
            match session.next().await {
                Ok(Some(Ok(matched))) => Some((Ok(Ok(matched)), Some(session))),
                Ok(Some(Err(refused))) => Some((Ok(Err(refused)), None)),
                Ok(None) => {
                    session.network.idle_append = session.stream.take();
                    None
                }
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// The next answer; `None` when everything was answered.
    async fn next(
        &mut self,
    ) -> Result<Option<StreamAppendResult<TypeConfig>>, RPCError<TypeConfig>> {
        loop {
            if self.input_ended && self.in_flight.is_empty() {
                return Ok(None);
            }
            match self.event().await {
                Event::Request(Some(request)) => self.send(request).await?,
                Event::Request(None) => self.input_ended = true,
                // Nothing was under way, so nothing is lost: the next request opens another.
                Event::Response(Ok(None) | Err(_)) if self.in_flight.is_empty() => {
                    self.stream = None;
                }
                Event::Response(Ok(None)) => return Err(unreachable("the peer closed the stream")),
                Event::Response(Err(status)) => return Err(self.network.failed(&status)),
                Event::Response(Ok(Some(response))) => {
                    if let Some(result) = self.receive(response)? {
                        return Ok(Some(result));
                    }
                }
                Event::Silence => {
                    let patience = self.patience_now();
                    return Err(self.network.timeout(RPCTypes::AppendEntries, patience));
                }
            }
        }
    }

    /// Every branch may be dropped at any await without loss.
    async fn event(&mut self) -> Event<AppendEntriesRequest<TypeConfig>> {
        let room = self.in_flight.len() < DEPTH && self.bytes_in_flight < self.room;
        let deadline = self.progress + self.patience_now();
        let response = async {
            match &mut self.stream {
                Some(stream) => stream.responses.message().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            response = response => Event::Response(response),
            request = self.input.next(), if room && !self.input_ended => Event::Request(request),
            () = tokio::time::sleep_until(deadline), if !self.in_flight.is_empty() => Event::Silence,
        }
    }

    fn patience_now(&self) -> Duration {
        let oldest = self.in_flight.front().map_or(0, |part| part.bytes);
        self.patience + Duration::from_secs((oldest >> 20) as u64)
    }

    async fn send(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
    ) -> Result<(), RPCError<TypeConfig>> {
        if self.stream.is_none() {
            self.stream = Some(open(self.network).await?);
        }
        let Some(stream) = &self.stream else {
            return Ok(());
        };
        if self.in_flight.is_empty() {
            self.progress = Instant::now();
        }
        let mut parts = split(to_message::append_request(self.network.group, request)).peekable();
        while let Some(message) = parts.next() {
            let part = Part {
                bytes: message.encoded_len(),
                last: parts.peek().is_none(),
            };
            self.bytes_in_flight += part.bytes;
            self.in_flight.push_back(part);
            // When nobody takes it, the responses say why.
            drop(stream.requests.send(message));
        }
        Ok(())
    }

    /// The answer to a request, when this is the one to its last part.
    fn receive(
        &mut self,
        response: proto::AppendResponse,
    ) -> Result<Option<StreamAppendResult<TypeConfig>>, RPCError<TypeConfig>> {
        let Some(part) = self.in_flight.pop_front() else {
            return Err(unreachable("an answer to nothing"));
        };
        self.bytes_in_flight -= part.bytes;
        self.progress = Instant::now();
        match from_message::append_response(response).map_err(unreachable)? {
            AppendAnswer::Decided(Ok(_)) if !part.last => Ok(None),
            AppendAnswer::Decided(result) => Ok(Some(result)),
            AppendAnswer::Failed(reason) => Err(unreachable(reason)),
        }
    }
}

async fn open(network: &mut GroupNetwork) -> Result<AppendStream, RPCError<TypeConfig>> {
    let (requests, outgoing) = mpsc::unbounded_channel();
    let link = Arc::clone(&network.road().link);
    let mut client = link.client();
    let request = link.request(UnboundedReceiverStream::new(outgoing));
    match tokio::time::timeout(OPEN_PATIENCE, client.append(request)).await {
        Ok(Ok(response)) => Ok(AppendStream {
            requests,
            responses: response.into_inner(),
        }),
        Ok(Err(status)) => Err(network.failed(&status)),
        Err(_) => Err(network.timeout(RPCTypes::AppendEntries, OPEN_PATIENCE)),
    }
}

/// Cuts a request into messages of about [`PART_BYTES`], each of which follows the one before.
fn split(whole: proto::AppendRequest) -> impl Iterator<Item = proto::AppendRequest> {
    let proto::AppendRequest {
        group,
        vote,
        mut previous,
        entries,
        committed,
    } = whole;
    let mut entries = entries.into_iter().peekable();
    let mut first = true;
    std::iter::from_fn(move || {
        if !first && entries.peek().is_none() {
            return None;
        }
        first = false;
        let mut part = proto::AppendRequest {
            group,
            vote,
            previous,
            entries: Vec::new(),
            committed,
        };
        let mut bytes = 0;
        while let Some(next) = entries.peek() {
            let length = next.encoded_len();
            if !part.entries.is_empty() && bytes + length > PART_BYTES {
                break;
            }
            bytes += length;
            previous = next.log_id;
            part.entries.extend(entries.next());
        }
        Some(part)
    })
}

#[cfg(test)]
mod tests;
