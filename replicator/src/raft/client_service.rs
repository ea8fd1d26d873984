//! What mounts ask of a node: the gRPC side of the router.

mod permit;
mod room;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use holdfast_proto::client_server::Client;
use holdfast_proto::identity::Identity;
use holdfast_proto::{
    CallRequest, CallRequests, CallResponse, CallResponses, OpenVolumeRequest, OpenVolumeResponse,
    call_request, call_response, refusal,
};
use prost::Message as _;
use tokio::sync::{Notify, mpsc, watch};
use tonic::{Request, Response, Status, Streaming};

use self::permit::Permit;
pub(super) use self::room::Place;
use self::room::{Room, bytes_of};
use super::complaints::Complaints;
use super::copies::{Caller, Line, Sent};
use super::gate::CallerRights;
use super::router::{NoVolume, Router};
use crate::call::{AnswerBody, CallAnswer, CallBody};
use crate::refusal::{Endpoint, Refusal};
use crate::tls::Squash;

/// What a mount may be told, beside answers, before it has taken any of it: its stream ends with one more, and it begins anew with nothing.
const NOTICES_MAX: usize = 4096;

/// The most answers that travel in one message.
const ANSWERS_MAX: usize = 256;

/// A message that has so many bytes of answers takes no more.
const ANSWER_BYTES: usize = 1 << 20;

/// Serves [`Client`].
#[derive(Debug, Clone)]
pub(crate) struct ClientService {
    router: Router,
    identity: Identity,
    stopping: watch::Receiver<bool>,
    complaints: Complaints,
}

impl ClientService {
    /// Streams end when `stopping` becomes true: what is under way is still answered.
    pub(crate) fn new(
        router: Router,
        identity: Identity,
        stopping: watch::Receiver<bool>,
        complaints: Complaints,
    ) -> ClientService {
        ClientService {
            router,
            identity,
            stopping,
            complaints,
        }
    }
}

#[tonic::async_trait]
impl Client for ClientService {
    async fn open_volume(
        &self,
        request: Request<OpenVolumeRequest>,
    ) -> Result<Response<OpenVolumeResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let name = request.into_inner().name;
        caller.check_volume(&name)?;
        let opened = self
            .router
            .open_volume(&name, |volume| caller.may_see(volume));
        let opened = opened.map_err(|error| match error {
            NoVolume::Missing(message) => Status::not_found(message),
            NoVolume::Unknown(refusal) => Status::unavailable(refusal.to_string()),
        })?;
        let mut opened = opened;
        if let Some(rights) = caller.restricted() {
            opened.read_only = rights.read_only;
            opened.squash = rights.squash.map(Squash::message);
        }
        let mut response = Response::new(opened);
        // The mount refuses another cluster at this address from now on.
        self.identity.attach(response.metadata_mut());
        Ok(response)
    }

    type CallStream = Pin<Box<dyn Stream<Item = Result<CallResponses, Status>> + Send>>;

    async fn call(
        &self,
        request: Request<Streaming<CallRequests>>,
    ) -> Result<Response<Self::CallStream>, Status> {
        self.identity.check(request.metadata())?;
        // What calls wait for does not take the room of what mounts are told to drop.
        let (answers, outgoing) = mpsc::channel(self.router.limits().calls + NOTICES_MAX);
        let broken = Arc::<Notify>::default();
        let line = Line {
            answers: answers.downgrade(),
            broken: Arc::clone(&broken),
        };
        let caller = Arc::new(Caller::new(line));
        let permit = Permit::new(CallerRights::of(request.extensions()), self.router.clone());
        let incoming = request.into_inner();
        let telling = tell_nodes(self.router.on_nodes(), answers.clone());
        let (router, complaints) = (self.router.clone(), self.complaints.clone());
        let reading = read_calls(
            (router, permit),
            complaints,
            incoming,
            answers,
            Arc::clone(&caller),
        );
        let mut stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = reading => {}
                () = telling => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
            caller.end();
        });
        let answers =
            batches(outgoing).take_until(Box::pin(async move { broken.notified().await }));
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Starts every call that comes in; each sends its answer when it has one.
async fn read_calls(
    (router, mut permit): (Router, Permit),
    complaints: Complaints,
    mut incoming: Streaming<CallRequests>,
    answers: mpsc::Sender<Sent>,
    caller: Arc<Caller>,
) {
    let room = Room::new(router.limits());
    loop {
        let batch = match incoming.message().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return,
            Err(status) => return complaints.ended("calls", &status, ""),
        };
        caller.hears(batch.heard);
        for mut request in batch.requests {
            let Some(place) = room.take(bytes_of(&request)).await else {
                return;
            };
            if let Err(denied) = permit.check(&mut request) {
                let response = match denied {
                    Ok(answer) => answered(request.call, answer),
                    Err(refusal) => refused(request.call, refusal),
                };
                complain(&complaints, &response);
                let _gone = answers.send(Sent::Response(response, place)).await;
                continue;
            }
            let (router, answers) = (router.clone(), answers.clone());
            let (caller, complaints) = (Arc::clone(&caller), complaints.clone());
            tokio::spawn(async move {
                let response = answer(&router, request, &caller).await;
                complain(&complaints, &response);
                // When the mount is gone nobody waits for the answer.
                let _gone = answers.send(Sent::Response(response, place)).await;
            });
        }
    }
}

/// What no mount asks for is worth a line in the log.
fn complain(complaints: &Complaints, response: &CallResponse) {
    if let Some(call_response::Body::Refusal(refusal)) = &response.body
        && refusal.kind() == refusal::Kind::Malformed
    {
        complaints.refused("a call", &refusal.message);
    }
}

/// Tells the mount where the nodes are, now and when that changes: it needs to know when this one is gone.
async fn tell_nodes(mut nodes: watch::Receiver<Vec<Endpoint>>, answers: mpsc::Sender<Sent>) {
    nodes.mark_changed();
    while nodes.changed().await.is_ok() {
        let list = nodes.borrow_and_update().clone();
        let told = Sent::Nodes(
            list.into_iter()
                .map(holdfast_proto::Endpoint::from)
                .collect(),
        );
        if answers.send(told).await.is_err() {
            return;
        }
    }
}

async fn answer(router: &Router, request: CallRequest, caller: &Caller) -> CallResponse {
    let call = request.call;
    let body = match request.body {
        Some(call_request::Body::Command(command)) => CallBody::Command(command),
        Some(call_request::Body::Query(query)) if request.keep => CallBody::Kept(query),
        Some(call_request::Body::Query(query)) => CallBody::Query(query),
        Some(call_request::Body::Attend(attend)) => CallBody::Attend(attend),
        None => {
            let reason = "no body".to_owned();
            return refused(call, Refusal::Malformed { reason });
        }
    };
    let caller = (!request.forwarded).then_some(caller);
    let called = router.call(request.volume, request.forwarded, body, caller);
    match called.await {
        Ok(answer) => answered(call, answer),
        Err(refusal) => refused(call, refusal),
    }
}

fn answered(call: u64, answer: CallAnswer) -> CallResponse {
    let body = match answer.body {
        AnswerBody::Outcome(outcome) => call_response::Body::Outcome(outcome),
        AnswerBody::Reply(reply) => call_response::Body::Reply(reply),
        AnswerBody::Attended(attended) => call_response::Body::Attended(attended),
    };
    CallResponse {
        call,
        body: Some(body),
        leader: answer.leader.map(holdfast_proto::Endpoint::from),
        space: answer.space.map(|space| holdfast_proto::Space {
            total: space.total,
            available: space.available,
            reserve: 0,
        }),
        lease_milliseconds: answer.lease.map_or(0, |lease| lease.as_millis() as u64),
    }
}

fn refused(call: u64, refusal: Refusal) -> CallResponse {
    let message = match &refusal {
        // The kind says the rest.
        Refusal::Unavailable { reason } | Refusal::Malformed { reason } => reason.clone(),
        other => other.to_string(),
    };
    let (kind, leader) = match refusal {
        Refusal::NotLeader { leader } => (refusal::Kind::NotLeader, leader),
        Refusal::Unavailable { .. } => (refusal::Kind::Unavailable, None),
        Refusal::Overloaded => (refusal::Kind::Overloaded, None),
        Refusal::OutcomeUnknown => (refusal::Kind::OutcomeUnknown, None),
        Refusal::NoSuchVolume => (refusal::Kind::NoSuchVolume, None),
        Refusal::Malformed { .. } => (refusal::Kind::Malformed, None),
        Refusal::Fault(_) => (refusal::Kind::Fault, None),
    };
    let refusal = holdfast_proto::Refusal {
        kind: kind.into(),
        message,
    };
    CallResponse {
        call,
        body: Some(call_response::Body::Refusal(refusal)),
        leader: leader.map(holdfast_proto::Endpoint::from),
        space: None,
        lease_milliseconds: 0,
    }
}

/// What is ready at the same time travels together.
fn batches(
    answers: mpsc::Receiver<Sent>,
) -> impl Stream<Item = Result<CallResponses, Status>> + Send {
    futures_util::stream::unfold(answers, |mut answers| async move {
        let mut message = CallResponses::default();
        let mut bytes = add(&mut message, answers.recv().await?);
        // What was applied together is answered together: who has its outcome and can run now comes first.
        tokio::task::yield_now().await;
        while message.responses.len() < ANSWERS_MAX && bytes < ANSWER_BYTES {
            let Ok(next) = answers.try_recv() else { break };
            bytes += add(&mut message, next);
        }
        Some((Ok(message), answers))
    })
}

/// Adds what leaves to a message; answers with its length.
fn add(message: &mut CallResponses, sent: Sent) -> usize {
    match sent {
        Sent::Response(response, place) => {
            // It leaves: there is room for another one.
            drop(place);
            let bytes = length(&response);
            message.responses.push(response);
            bytes
        }
        Sent::Copies(copies) => {
            let bytes = copies.encoded_len();
            message.copies.push(copies);
            bytes
        }
        Sent::Nodes(nodes) => {
            let bytes = nodes.iter().map(prost::Message::encoded_len).sum();
            message.nodes = nodes;
            bytes
        }
    }
}

fn length(response: &CallResponse) -> usize {
    match &response.body {
        Some(call_response::Body::Outcome(bytes) | call_response::Body::Reply(bytes)) => {
            bytes.len()
        }
        Some(call_response::Body::Attended(attended)) => attended.encoded_len(),
        Some(call_response::Body::Refusal(_)) | None => 0,
    }
}
