//! What operators ask about the mounts of a volume, and do to them; the node that leads the volume answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_metadata::{
    Engine, Fault, InodeId, LockInfo, LockMode, LockSpace, Paths, PosixError, Query, Reply,
    SessionId, SessionInfo,
};
use holdfast_proto::identity::Identity;
use holdfast_proto::session_admin_server::SessionAdmin;
use holdfast_proto::{
    EvictSessionRequest, EvictSessionResponse, ListLocksRequest, ListLocksResponse,
    ListSessionsRequest, ListSessionsResponse, LocateDirectoriesRequest, LocateDirectoriesResponse,
    LockStatus, SessionStatus,
};
use tonic::{Request, Response, Status};

use super::gate::CallerRights;
use super::machine::{Machine, run_long};
use super::registry::Registry;
use super::volume::Volume;
use super::volume_service::{find_volume, refused};

/// Locks of one answer.
const PAGE: usize = 1000;

/// Directories of one question.
const DIRECTORIES_MAX: usize = 100;

/// Serves [`SessionAdmin`].
#[derive(Debug, Clone)]
pub(crate) struct SessionService {
    pub(crate) registry: Registry,
    pub(crate) identity: Identity,
}

impl SessionService {
    /// The volume of a name, and its state as of now.
    async fn open(&self, name: &str) -> Result<(Volume, Arc<Machine>), Status> {
        let volume = find_volume(&self.registry, name)?;
        let machine = volume.group().read().await.map_err(refused)?;
        Ok((volume, machine))
    }
}

#[tonic::async_trait]
impl SessionAdmin for SessionService {
    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let name = request.into_inner().volume;
        caller.check_sight(&name)?;
        let (volume, machine) = self.open(&name).await?;
        let sessions = sessions(&machine)?;
        let ids: Vec<SessionId> = sessions.iter().map(|session| session.session).collect();
        let attendance = volume.attendance();
        let silences = attendance.silence(&ids);
        let sessions = sessions.into_iter().zip(silences);
        let sessions = sessions.map(|(session, silence)| SessionStatus {
            session: session.session.0,
            host: session.host,
            process: session.process,
            version: session.version,
            mountpoint: session.mountpoint,
            opened_seconds: session.opened.seconds,
            silent_milliseconds: silence.unwrap_or_default().as_millis() as u64,
        });
        Ok(Response::new(ListSessionsResponse {
            sessions: sessions.collect(),
            lease_milliseconds: attendance.lease().as_millis() as u64,
        }))
    }

    async fn evict_session(
        &self,
        request: Request<EvictSessionRequest>,
    ) -> Result<Response<EvictSessionResponse>, Status> {
        self.identity.check(request.metadata())?;
        let EvictSessionRequest { volume, session } = request.into_inner();
        let (volume, machine) = self.open(&volume).await?;
        let session = SessionId(session);
        if !sessions(&machine)?
            .iter()
            .any(|known| known.session == session)
        {
            let message = format!("there is no session {:016x}", session.0);
            return Err(Status::not_found(message));
        }
        volume.attendance().evict(session).await.map_err(refused)?;
        Ok(Response::new(EvictSessionResponse {}))
    }

    async fn list_locks(
        &self,
        request: Request<ListLocksRequest>,
    ) -> Result<Response<ListLocksResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let ListLocksRequest { volume, ino, after } = request.into_inner();
        caller.check_sight(&volume)?;
        caller.check_all()?;
        let (_, machine) = self.open(&volume).await?;
        let query = Query::Locks {
            ino: (ino != 0).then_some(InodeId::new(ino)),
            after,
            entries_max: PAGE,
        };
        let Reply::Locks { locks, next } = ask(&machine, &query)? else {
            return Err(unexpected());
        };
        let sessions = sessions(&machine)?;
        let hosts: BTreeMap<SessionId, String> = sessions
            .into_iter()
            .map(|session| (session.session, session.host))
            .collect();
        let locks = locks.into_iter().map(|lock| {
            let host = hosts.get(&lock.session).cloned().unwrap_or_default();
            status(&lock, host)
        });
        Ok(Response::new(ListLocksResponse {
            locks: locks.collect(),
            next: next.unwrap_or_default(),
        }))
    }

    async fn locate_directories(
        &self,
        request: Request<LocateDirectoriesRequest>,
    ) -> Result<Response<LocateDirectoriesResponse>, Status> {
        self.identity.check(request.metadata())?;
        let caller = CallerRights::of(request.extensions());
        let asked = request.into_inner();
        caller.check_sight(&asked.volume)?;
        caller.check_all()?;
        if asked.directories.len() > DIRECTORIES_MAX {
            let message = format!("at most {DIRECTORIES_MAX} directories are located at once");
            return Err(Status::invalid_argument(message));
        }
        let (_, machine) = self.open(&asked.volume).await?;
        let Machine::Volume(machine) = machine.as_ref() else {
            return Err(unexpected());
        };
        let view = machine.engine().view();
        let mut paths = Paths::new(&view);
        let directories = asked.directories.into_iter().map(InodeId::new);
        let found: Result<Vec<_>, Fault> =
            run_long(|| directories.map(|ino| paths.of(ino)).collect());
        let found = found.map_err(|fault| refused(fault.into()))?.into_iter();
        Ok(Response::new(LocateDirectoriesResponse {
            paths: found.map(|path| path.unwrap_or_default().into()).collect(),
        }))
    }
}

pub(super) fn sessions(machine: &Machine) -> Result<Vec<SessionInfo>, Status> {
    match ask(machine, &Query::Sessions)? {
        Reply::Sessions(sessions) => Ok(sessions),
        _ => Err(unexpected()),
    }
}

pub(super) fn ask(machine: &Machine, query: &Query) -> Result<Reply, Status> {
    let Machine::Volume(machine) = machine else {
        return Err(unexpected());
    };
    let reply = machine
        .query(query)
        .map_err(|fault| refused(fault.into()))?;
    reply.map_err(|error| match error {
        PosixError::InvalidArgument => Status::invalid_argument(error.to_string()),
        error => Status::internal(error.to_string()),
    })
}

pub(super) fn status(lock: &LockInfo, host: String) -> LockStatus {
    LockStatus {
        ino: lock.ino.get(),
        is_flock: lock.space == LockSpace::Flock,
        session: lock.session.0,
        host,
        process: lock.process,
        start: lock.range.start,
        end: lock.range.end,
        is_exclusive: lock.mode == LockMode::Exclusive,
        is_waiting: lock.waiting,
        since_seconds: lock.since.seconds,
    }
}

fn unexpected() -> Status {
    Status::internal("the state answers something else")
}
