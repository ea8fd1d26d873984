//! Who may call what: asked of every call, before its service sees anything of it.
//!
//! The certificate of the connection says who calls; what a call says of itself is never a right. What depends on more than the
//! name of the call (which volume, which node) is asked by the service, of [`CallerRights`]. Without TLS nobody knows who calls, and
//! everything is as decision 0012 has it.

use holdfast_proto::identity::NODE_HEADER;
use holdfast_proto::{
    admin_server, backup_server, client_server, raft_server, session_admin_server, watch_server,
};
use tonic::Status;
use tonic::codegen::http;

use super::connections::Origin;
use crate::tls::{Holder, Rights};

/// Asks every call for its certificate, if there is TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) has_tls: bool,
}

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Circle {
    /// Nodes.
    Nodes,
    /// Nodes, and clients with the right of administration.
    Administrators,
    /// Everybody with a certificate; the service looks at the volume.
    Everybody,
}

impl Gate {
    /// Whether the call may go on to its service.
    pub(crate) fn admit<B>(self, service: &str, request: &http::Request<B>) -> Result<(), Status> {
        if !self.has_tls {
            return Ok(());
        }
        let origin = request.extensions().get::<Origin>();
        let Some(holder) = origin.and_then(Origin::holder) else {
            return Err(Status::unauthenticated("a call without a certificate"));
        };
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let said = request.headers().get(NODE_HEADER);
        let said = said.map(|said| said.to_str().unwrap_or_default());
        admit(circle(service, method), holder, said)
    }
}

/// What is not named here is for administrators, and so is what a later version adds and forgets.
fn circle(service: &str, method: &str) -> Circle {
    match (service, method) {
        (raft_server::SERVICE_NAME, _)
        | (admin_server::SERVICE_NAME, "Join" | "ProposeCatalog") => Circle::Nodes,
        (client_server::SERVICE_NAME, "OpenVolume" | "Call")
        | (watch_server::SERVICE_NAME, "Watch")
        | (backup_server::SERVICE_NAME, "Dump")
        | (admin_server::SERVICE_NAME, "Status" | "ListVolumes")
        | (
            session_admin_server::SERVICE_NAME,
            "ListSessions" | "ListLocks" | "LocateDirectories",
        ) => Circle::Everybody,
        _ => Circle::Administrators,
    }
}

/// `said` is which node the call says that it comes from.
fn admit(circle: Circle, holder: &Holder, said: Option<&str>) -> Result<(), Status> {
    let name = holder.name();
    match (said, holder) {
        (None, _) => {}
        (Some(said), Holder::Node(id)) if said.parse() == Ok(*id) => {}
        (Some(said), _) => {
            let said = said.escape_default();
            return Err(Status::unauthenticated(format!(
                "the call says that it comes from node {said}, and the certificate is that of {name}"
            )));
        }
    }
    match (circle, holder) {
        (_, Holder::Node(_)) | (Circle::Everybody, Holder::Client(_)) => Ok(()),
        (Circle::Administrators, Holder::Client(rights)) if rights.admin => Ok(()),
        (Circle::Administrators, Holder::Client(_)) => Err(Status::permission_denied(format!(
            "the certificate of {name} does not allow administration (holdfast pki issue client --admin)"
        ))),
        (Circle::Nodes, Holder::Client(_)) => Err(Status::unauthenticated(format!(
            "the certificate of {name} is not that of a node"
        ))),
    }
}

/// Who has made a call that passed the gate, for its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallerRights(Option<Holder>);

impl CallerRights {
    /// From what came with the request: nothing without TLS, and in calls of this process to itself.
    pub(crate) fn of(extensions: &tonic::Extensions) -> CallerRights {
        let origin = extensions.get::<Origin>();
        CallerRights(origin.and_then(Origin::holder).cloned())
    }

    /// This process may know everything.
    pub(crate) fn of_this_process() -> CallerRights {
        CallerRights(None)
    }

    /// Of a client whose rights there are to be looked at.
    pub(crate) fn restricted(&self) -> Option<&Rights> {
        match &self.0 {
            Some(Holder::Client(rights)) => Some(rights),
            Some(Holder::Node(_)) | None => None,
        }
    }

    /// Whether it may know of a volume.
    pub(crate) fn may_see(&self, volume: &str) -> bool {
        let rights = self.restricted();
        self.sees_all() || rights.is_some_and(|rights| rights.may_use(volume))
    }

    /// Whether nothing is hidden from it.
    pub(crate) fn sees_all(&self) -> bool {
        self.restricted().is_none_or(|rights| rights.admin)
    }

    /// Refuses who may not use a volume.
    pub(crate) fn check_volume(&self, volume: &str) -> Result<(), Status> {
        match self.restricted() {
            Some(rights) if !rights.may_use(volume) => Err(no_volume(rights, volume)),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses who may not even know of a volume.
    pub(crate) fn check_sight(&self, volume: &str) -> Result<(), Status> {
        match self.restricted() {
            Some(rights) if !self.may_see(volume) => Err(no_volume(rights, volume)),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses who may not see all that is in a volume.
    pub(crate) fn check_all(&self) -> Result<(), Status> {
        match self.restricted() {
            Some(rights) if rights.squash.is_some() => Err(Status::permission_denied(format!(
                "the certificate of client/{} is that of one user, who does not see everything (holdfast pki issue client --squash)",
                rights.name
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a node that speaks for another one.
    pub(crate) fn check_node(&self, id: u64) -> Result<(), Status> {
        match &self.0 {
            Some(holder) if *holder != Holder::Node(id) => Err(Status::unauthenticated(format!(
                "the certificate of {} is not that of node {id}",
                holder.name()
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

fn no_volume(rights: &Rights, volume: &str) -> Status {
    Status::permission_denied(format!(
        "the certificate of client/{} gives no right to volume {volume:?} (holdfast pki issue client --volumes)",
        rights.name
    ))
}

#[cfg(test)]
mod tests;
