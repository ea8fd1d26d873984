//! The server of a node: its services, and how much of a caller they take.

use std::time::Duration;

use holdfast_proto::admin_server::AdminServer;
use holdfast_proto::backup_server::BackupServer;
use holdfast_proto::check_server::CheckServer;
use holdfast_proto::client_server::ClientServer;
use holdfast_proto::raft_server::RaftServer;
use holdfast_proto::session_admin_server::SessionAdminServer;
use holdfast_proto::watch_server::WatchServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::admin_service::AdminService;
use super::backup_service::BackupService;
use super::check_service::CheckService;
use super::client_service::ClientService;
use super::complaints::{Complaints, Watched};
use super::connections::admitted;
use super::gate::Gate;
use super::raft_service::RaftService;
use super::registry::Registry;
use super::session_service::SessionService;
use super::watch_service::WatchService;

/// The largest message: a command with its data, or many entries.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// The largest message of a mount: those that travel together have a MiB, and one more with its data. An empty call has two
/// bytes there and a hundred in memory.
const CALLS_BYTES_MAX: usize = 4 << 20;
const WINDOW_BYTES: u32 = 8 << 20;

fn watched<S>(service: S, gate: Gate, complaints: &Complaints) -> Watched<S> {
    Watched {
        service,
        gate,
        complaints: complaints.clone(),
    }
}

pub(super) async fn serve(
    listener: TcpListener,
    raft: RaftService<Registry>,
    client: ClientService,
    admin: AdminService,
    (mut stopped, complaints): (watch::Receiver<bool>, Complaints),
) {
    let sessions = SessionService {
        registry: admin.registry.clone(),
        identity: admin.identity.clone(),
    };
    let backup = BackupService::new(
        admin.registry.clone(),
        admin.identity.clone(),
        stopped.clone(),
    );
    let check = CheckService::new(
        admin.registry.clone(),
        admin.identity.clone(),
        stopped.clone(),
    );
    let watch = WatchService::new(
        admin.registry.clone(),
        admin.identity.clone(),
        stopped.clone(),
    );
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let tls = admin.registry.options().tls.clone();
    let connections_max = admin.registry.options().limits.connections;
    let gate = Gate {
        has_tls: tls.is_some(),
    };
    let incoming = admitted(incoming, tls, complaints.clone(), connections_max);
    let served = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_secs(1)))
        .http2_keepalive_timeout(Some(Duration::from_secs(3)))
        .max_concurrent_streams(1024)
        .add_service(watched(
            RaftServer::new(raft)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            gate,
            &complaints,
        ))
        .add_service(watched(
            ClientServer::new(client)
                .max_decoding_message_size(CALLS_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
            gate,
            &complaints,
        ))
        .add_service(watched(AdminServer::new(admin), gate, &complaints))
        .add_service(watched(
            SessionAdminServer::new(sessions),
            gate,
            &complaints,
        ))
        .add_service(watched(BackupServer::new(backup), gate, &complaints))
        .add_service(watched(CheckServer::new(check), gate, &complaints))
        .add_service(watched(WatchServer::new(watch), gate, &complaints))
        .serve_with_incoming_shutdown(incoming, async move {
            // The sender lives as long as the node.
            let _ended = stopped.wait_for(|stopped| *stopped).await.is_ok();
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the server has ended");
    }
}
