//! What operators ask of nodes, and calls that a mount would not make.

use std::collections::BTreeMap;
use std::future::Future;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_metadata::{
    Answer, Command, OpenSession, Operation, Outcome, PosixError, Query, Reply, RequestId,
    SessionId,
};
use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::call_response::Body;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::{
    Attended, CallRequest, CallRequests, CallResponses, DigestRequest, Refusal, StatusRequest,
    StatusResponse, call_request, decode_outcome, decode_reply, encode_command, encode_query,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use super::client::command;
use super::standpoint::Standpoint;

/// How long a node may take to say how it is.
const ANSWER: Duration = Duration::from_secs(2);
/// How long it may take to read all of its state, and to take a stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs questions to nodes from where they can be reached.
#[derive(Debug)]
pub struct Speaker {
    runtime: Runtime,
}

impl Speaker {
    pub(crate) fn new(standpoint: &Standpoint) -> Speaker {
        let build = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().unwrap()
        };
        Speaker {
            runtime: standpoint.run(build),
        }
    }

    /// Runs a future on the threads that reach the nodes.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let task = self.runtime.spawn(work);
        self.runtime.block_on(task).unwrap()
    }

    /// How a node is, if it says so in time.
    pub fn status(&self, address: &str) -> Option<StatusResponse> {
        let address = address.to_owned();
        let answer = self.run(async move {
            let mut client = AdminClient::new(channel(&address));
            let request = headers(StatusRequest {});
            tokio::time::timeout(ANSWER, client.status(request)).await
        });
        Some(answer.ok()?.ok()?.into_inner())
    }

    /// How all of these nodes are that say so in time.
    pub fn statuses(&self, addresses: &BTreeMap<u64, String>) -> BTreeMap<u64, StatusResponse> {
        let of = |(id, address): (&u64, &String)| Some((*id, self.status(address)?));
        addresses.iter().filter_map(of).collect()
    }

    /// The applied index of a replica and the digest of its state there.
    pub fn digest(&self, address: &str, group: u64) -> Result<(u64, Vec<u8>), Status> {
        let address = address.to_owned();
        let answer = self.run(async move {
            let mut client = AdminClient::new(channel(&address));
            let request = headers(DigestRequest { group });
            tokio::time::timeout(PATIENCE, client.digest(request)).await
        });
        let answer = answer.map_err(|_| Status::deadline_exceeded("digest"))??;
        let answer = answer.into_inner();
        Ok((answer.applied_index, answer.digest.to_vec()))
    }

    /// Opens a stream of calls to exactly this node.
    #[track_caller]
    pub fn calls(&self, address: &str) -> Calls {
        let address = address.to_owned();
        let (requests, outgoing) = mpsc::channel(1024);
        let answers = self.run(async move {
            let mut client = ClientClient::new(channel(&address));
            let request = headers(ReceiverStream::new(outgoing));
            let opened = tokio::time::timeout(PATIENCE, client.call(request)).await;
            opened.unwrap().unwrap().into_inner()
        });
        Calls {
            requests,
            answers,
            sent: 0,
            answered: 0,
            session: None,
        }
    }

    /// The same with a session: a node takes no command without one.
    #[track_caller]
    pub fn calls_of_session(&self, address: &str, volume: u64) -> Calls {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = u64::from(process::id()) << 32 | NEXT.fetch_add(1, Ordering::Relaxed);
        let mut calls = self.calls(address);
        calls.session = Some((SessionId(number), 0));
        let open = command(Operation::OpenSession(OpenSession {
            host: "test".to_owned(),
            process: process::id(),
            version: "test".to_owned(),
            mountpoint: "none".to_owned(),
        }));
        let call = calls.send_command(volume, &open, true);
        let said = calls.answers(self, PATIENCE).unwrap().remove(&call);
        assert_eq!(said, Some(Said::Outcome(Ok(Answer::Done))));
        calls
    }
}

/// A request of somebody who speaks the protocol of today.
pub fn headers<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let identity = Identity {
        cluster: None,
        node: None,
        program: "test",
    };
    identity.attach(request.metadata_mut());
    request
}

/// Connects to a node when it is used; to be called within [`Speaker::run`].
pub fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect_timeout(ANSWER).connect_lazy()
}

/// Calls to exactly one node: no retry, no other node.
#[derive(Debug)]
pub struct Calls {
    requests: mpsc::Sender<CallRequests>,
    answers: Streaming<CallResponses>,
    sent: u64,
    answered: u64,
    /// Whose commands they are, and the number of the next.
    session: Option<(SessionId, u64)>,
}

/// What a node said to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The outcome of a command.
    Outcome(Outcome),
    /// The answer to a query.
    Reply(Result<Reply, PosixError>),
    /// The news for a session.
    Attended(Attended),
    /// None of these.
    Refused(Refusal),
}

impl Calls {
    /// Sends a query, which the node may pass on unless it is `forwarded` already. Answers its number.
    #[track_caller]
    pub fn send_query(&mut self, volume: u64, query: &Query, forwarded: bool) -> u64 {
        self.send(
            volume,
            call_request::Body::Query(encode_query(query)),
            forwarded,
        )
    }

    /// The same for a command, which gets the next number of the session if it has none.
    #[track_caller]
    pub fn send_command(&mut self, volume: u64, command: &Command, forwarded: bool) -> u64 {
        let mut command = command.clone();
        if let (None, Some((session, sequence))) = (command.request, &mut self.session) {
            command.request = Some(RequestId {
                session: *session,
                sequence: *sequence,
                acknowledged: 0,
            });
            *sequence += 1;
        }
        let body = call_request::Body::Command(encode_command(&command));
        self.send(volume, body, forwarded)
    }

    #[track_caller]
    fn send(&mut self, volume: u64, body: call_request::Body, forwarded: bool) -> u64 {
        self.sent += 1;
        let requests = vec![CallRequest {
            call: self.sent,
            volume,
            forwarded,
            keep: false,
            body: Some(body),
        }];
        self.requests
            .try_send(CallRequests { requests, heard: 0 })
            .unwrap();
        self.sent
    }

    /// The answers that come until there is none for so long, or until all calls have one; an error when the
    /// stream breaks.
    pub fn answers(
        &mut self,
        speaker: &Speaker,
        silence: Duration,
    ) -> Result<BTreeMap<u64, Said>, Status> {
        let mut all = BTreeMap::new();
        while self.answered < self.sent {
            let next = self.answers.message();
            let next = speaker
                .runtime
                .block_on(async { tokio::time::timeout(silence, next).await });
            let Ok(next) = next else { return Ok(all) };
            let Some(batch) = next? else { return Ok(all) };
            for response in batch.responses {
                self.answered += 1;
                all.insert(response.call, said(response.body.unwrap()));
            }
        }
        Ok(all)
    }
}

fn said(body: Body) -> Said {
    match body {
        Body::Outcome(bytes) => Said::Outcome(decode_outcome(bytes).unwrap()),
        Body::Reply(bytes) => Said::Reply(decode_reply(bytes).unwrap()),
        Body::Refusal(refusal) => Said::Refused(refusal),
        Body::Attended(attended) => Said::Attended(attended),
    }
}
