//! A node that answers what a test tells it to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_proto::client_server::{Client, ClientServer};
use holdfast_proto::identity::{Identity, PROTOCOL_HEADER};
use holdfast_proto::refusal::Kind;
use holdfast_proto::{
    Attend, Attended, CallRequest, CallRequests, CallResponse, CallResponses, Endpoint,
    OpenVolumeRequest, OpenVolumeResponse, Refusal, Space, call_request, call_response,
};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// What a node does with a call.
#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    Outcome(Bytes),
    Reply(Bytes),
    /// Answers, and says that another node leads.
    Through(Bytes, Endpoint),
    Refuse(Kind, Option<Endpoint>),
    /// Never answers.
    Silence,
    /// Ends the stream with all that is under way.
    Break,
}

/// What it answers to a sign of life, if it does not keep it waiting.
type Attendance = Box<dyn FnMut(&Attend) -> Option<Attended> + Send>;

type Script = Box<dyn FnMut(&CallRequest) -> Reaction + Send>;

/// It lives on a runtime of its own: dropping it is a `kill -9`.
pub(crate) struct FakeNode {
    pub(crate) address: String,
    pub(crate) said: Arc<Said>,
    runtime: Option<Runtime>,
}

/// What it says and what it was told.
pub(crate) struct Said {
    script: Mutex<Script>,
    attendance: Mutex<Attendance>,
    pub(crate) opening: Mutex<Result<OpenVolumeResponse, Status>>,
    pub(crate) seen: Mutex<Vec<CallRequest>>,
    pub(crate) messages: AtomicUsize,
    pub(crate) streams: AtomicUsize,
    /// What it tells on each of its streams of the nodes there are.
    pub(crate) nodes: watch::Sender<Vec<Endpoint>>,
    nodes_told: AtomicUsize,
    /// It takes no message while this is false.
    pub(crate) reads: watch::Sender<bool>,
}

#[derive(Clone)]
struct Service(Arc<Said>);

impl Drop for FakeNode {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl FakeNode {
    pub(crate) fn start(script: impl FnMut(&CallRequest) -> Reaction + Send + 'static) -> FakeNode {
        FakeNode::start_at("127.0.0.1:0", script)
    }

    pub(crate) fn start_at(
        address: &str,
        script: impl FnMut(&CallRequest) -> Reaction + Send + 'static,
    ) -> FakeNode {
        let runtime = Runtime::new().unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(address))
            .unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let opening = OpenVolumeResponse {
            read_only: false,
            squash: None,
            volume: 7,
            generation: 1,
            nodes: Vec::new(),
            leader: None,
        };
        let said = Arc::new(Said {
            script: Mutex::new(Box::new(script)),
            attendance: Mutex::new(Box::new(|_| None)),
            opening: Mutex::new(Ok(opening)),
            seen: Mutex::default(),
            messages: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            nodes: watch::Sender::default(),
            nodes_told: AtomicUsize::new(0),
            reads: watch::Sender::new(true),
        });
        let service = ClientServer::new(Service(Arc::clone(&said)));
        let _context = runtime.enter();
        let served = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener));
        runtime.spawn(served);
        FakeNode {
            address,
            said,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn endpoint(&self, id: u64) -> Endpoint {
        Endpoint {
            id,
            address: self.address.clone(),
        }
    }

    pub(crate) fn set_script(&self, script: impl FnMut(&CallRequest) -> Reaction + Send + 'static) {
        *self.said.script.lock() = Box::new(script);
    }

    /// Signs of life are not in [`FakeNode::seen`].
    pub(crate) fn set_attendance(
        &self,
        attendance: impl FnMut(&Attend) -> Option<Attended> + Send + 'static,
    ) {
        *self.said.attendance.lock() = Box::new(attendance);
    }

    /// What it answers to those who open the volume.
    pub(crate) fn set_leader(&self, nodes: Vec<Endpoint>, leader: Option<Endpoint>) {
        *self.said.opening.lock() = Ok(OpenVolumeResponse {
            read_only: false,
            squash: None,
            volume: 7,
            generation: 1,
            nodes,
            leader,
        });
    }

    pub(crate) fn seen(&self) -> Vec<CallRequest> {
        self.said.seen.lock().clone()
    }

    pub(crate) fn streams(&self) -> usize {
        self.said.streams.load(Ordering::SeqCst)
    }
}

/// Waits for a state, but not for ever.
pub(crate) fn wait_until(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

/// A port of this machine where nobody listens.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn response(call: u64, reaction: Reaction) -> Option<CallResponse> {
    let mut response = CallResponse {
        call,
        body: None,
        leader: None,
        space: Some(Space {
            reserve: 0,
            total: 1000,
            available: 900,
        }),
        lease_milliseconds: 0,
    };
    response.body = Some(match reaction {
        Reaction::Outcome(bytes) => call_response::Body::Outcome(bytes),
        Reaction::Reply(bytes) => call_response::Body::Reply(bytes),
        Reaction::Through(bytes, leader) => {
            response.leader = Some(leader);
            call_response::Body::Outcome(bytes)
        }
        Reaction::Refuse(kind, leader) => {
            response.leader = leader;
            call_response::Body::Refusal(Refusal {
                kind: kind.into(),
                message: format!("scripted {kind:?}"),
            })
        }
        Reaction::Silence | Reaction::Break => return None,
    });
    Some(response)
}

fn is_attend(request: &CallRequest) -> bool {
    matches!(request.body, Some(call_request::Body::Attend(_)))
}

impl Said {
    /// How often a list of nodes was sent.
    pub(crate) fn nodes_told(&self) -> usize {
        self.nodes_told.load(Ordering::SeqCst)
    }

    fn attend(&self, request: &CallRequest) -> Option<call_response::Body> {
        let Some(call_request::Body::Attend(attend)) = &request.body else {
            return None;
        };
        let attended = (self.attendance.lock())(attend);
        attended.map(call_response::Body::Attended)
    }
}

#[tonic::async_trait]
impl Client for Service {
    async fn open_volume(
        &self,
        request: Request<OpenVolumeRequest>,
    ) -> Result<Response<OpenVolumeResponse>, Status> {
        assert!(request.metadata().contains_key(PROTOCOL_HEADER));
        let mut response = Response::new(self.0.opening.lock().clone()?);
        let identity = Identity {
            cluster: Some([5; 16]),
            node: Some(1),
            program: "0",
        };
        identity.attach(response.metadata_mut());
        Ok(response)
    }

    type CallStream = UnboundedReceiverStream<Result<CallResponses, Status>>;

    async fn call(
        &self,
        request: Request<Streaming<CallRequests>>,
    ) -> Result<Response<Self::CallStream>, Status> {
        assert!(request.metadata().contains_key(PROTOCOL_HEADER));
        let said = Arc::clone(&self.0);
        said.streams.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut incoming = request.into_inner();
        // Weak: the stream ends without it.
        let (mut nodes, told) = (said.nodes.subscribe(), sender.downgrade());
        let teller = Arc::clone(&said);
        tokio::spawn(async move {
            while nodes.changed().await.is_ok() {
                let nodes = nodes.borrow_and_update().clone();
                let message = CallResponses {
                    nodes,
                    ..CallResponses::default()
                };
                told.upgrade().map(|told| told.send(Ok(message)).ok());
                teller.nodes_told.fetch_add(1, Ordering::SeqCst);
            }
        });
        tokio::spawn(async move {
            let mut reads = said.reads.subscribe();
            loop {
                reads.wait_for(|reads| *reads).await.unwrap();
                let Ok(Some(message)) = incoming.message().await else {
                    return;
                };
                let mut responses = Vec::new();
                let (attends, requests): (Vec<_>, Vec<_>) =
                    message.requests.into_iter().partition(is_attend);
                for request in attends {
                    let answer = said.attend(&request);
                    responses.extend(answer.map(|body| CallResponse {
                        call: request.call,
                        body: Some(body),
                        ..CallResponse::default()
                    }));
                }
                if !requests.is_empty() {
                    said.messages.fetch_add(1, Ordering::SeqCst);
                }
                for request in requests {
                    let reaction = (said.script.lock())(&request);
                    let ends = matches!(reaction, Reaction::Break);
                    responses.extend(response(request.call, reaction));
                    said.seen.lock().push(request);
                    if ends {
                        return;
                    }
                }
                let message = CallResponses {
                    responses,
                    ..CallResponses::default()
                };
                sender.send(Ok(message)).ok();
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }
}
