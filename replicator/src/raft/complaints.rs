//! What was refused, in the log: once, and then once a minute with how often it came meanwhile.
//!
//! Whoever sends rubbish sends it again and again. One line tells the operator; a line for each would fill the disk.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::{Code, Status};

use super::connections::Origin;
use super::gate::Gate;

/// Between two lines of one kind.
const SILENCE: Duration = Duration::from_mins(1);

/// When something of each kind was last logged; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Complaints {
    said: Arc<Mutex<BTreeMap<(&'static str, i32), Said>>>,
}

#[derive(Debug)]
struct Said {
    last: Instant,
    /// How often it came since then.
    since: u64,
}

impl Complaints {
    /// Logs that something of a kind was refused, unless that was said lately.
    pub(crate) fn refused(&self, kind: &'static str, reason: &str) {
        if let Some(more) = self.due((kind, 0), Instant::now()) {
            tracing::warn!(reason, more, "refused: {kind}");
        }
    }

    /// The same of a call or a stream that ended with this, if that is the fault of who sent it.
    pub(crate) fn ended(&self, service: &'static str, status: &Status, peer: &str) {
        let code = status.code();
        if is_rubbish(code)
            && let Some(more) = self.due((service, code.into()), Instant::now())
        {
            let reason: String = status.message().chars().take(300).collect();
            tracing::warn!(reason, peer, more, "refused: a call of {service}");
        }
    }

    /// How many were passed over, if the next is to be logged.
    fn due(&self, kind: (&'static str, i32), now: Instant) -> Option<u64> {
        let mut said = self.said.lock();
        match said.get_mut(&kind) {
            Some(said) if now.saturating_duration_since(said.last) < SILENCE => {
                said.since += 1;
                None
            }
            Some(said) => {
                said.last = now;
                Some(std::mem::take(&mut said.since))
            }
            None => {
                said.insert(
                    kind,
                    Said {
                        last: now,
                        since: 0,
                    },
                );
                Some(0)
            }
        }
    }
}

/// What only a peer gets that is no node or mount of this cluster, or is broken.
fn is_rubbish(code: Code) -> bool {
    match code {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unauthenticated => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unavailable
        | Code::DataLoss => false,
    }
}

/// A service behind the gate, whose refusals are logged.
#[derive(Debug, Clone)]
pub(crate) struct Watched<S> {
    pub(crate) service: S,
    pub(crate) gate: Gate,
    pub(crate) complaints: Complaints,
}

impl<S: NamedService> NamedService for Watched<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Watched<S>
where
    S: NamedService
        + Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let origin = request.extensions().get::<Origin>();
        let peer = origin.map_or_else(String::new, Origin::to_string);
        let complaints = self.complaints.clone();
        let answer = match self.gate.admit(S::NAME, &request) {
            Ok(()) => Ok(self.service.call(request)),
            Err(status) => Err(status),
        };
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => answer.await?,
                Err(status) => status.into_http(),
            };
            if let Some(status) = Status::from_header_map(response.headers()) {
                complaints.ended(S::NAME, &status, &peer);
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_and_again_is_said_once_a_minute() {
        let complaints = Complaints::default();
        let began = Instant::now();
        let kind = ("kind", 3);
        assert_eq!(complaints.due(kind, began), Some(0));
        for _ in 0..1000 {
            assert_eq!(complaints.due(kind, began + SILENCE / 2), None);
        }
        assert_eq!(complaints.due(("other", 3), began), Some(0));
        assert_eq!(complaints.due(kind, began + SILENCE), Some(1000));
        assert_eq!(complaints.due(kind, began + SILENCE * 2), Some(0));
    }
}
