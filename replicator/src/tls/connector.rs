//! Connections to nodes: over TLS, to the node that is meant.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::Authority;
use tonic::transport::{Channel, Endpoint, Error};

use super::Tls;
use super::certificate::Certificate;
use super::explain::PeerProblem;
use super::guarded::Guarded;
use super::holder::Holder;

/// TLS wants a name; ours is in the certificate.
const NAME: &str = "node.holdfast";

/// Connects to an endpoint when it is first used; the other end must be this node, if one is named.
pub fn connect_lazy(endpoint: &Endpoint, tls: Option<&Tls>, node: Option<u64>) -> Channel {
    match tls {
        None => endpoint.connect_lazy(),
        Some(tls) => endpoint.connect_with_connector_lazy(Connector::new(tls, node)),
    }
}

/// Connects to any node at an endpoint.
pub(crate) async fn connect(endpoint: &Endpoint, tls: Option<&Tls>) -> Result<Channel, Error> {
    match tls {
        None => endpoint.connect().await,
        Some(tls) => {
            endpoint
                .connect_with_connector(Connector::new(tls, None))
                .await
        }
    }
}

/// What tonic connects with.
#[derive(Debug, Clone)]
struct Connector {
    tls: Tls,
    node: Option<u64>,
}

impl Connector {
    fn new(tls: &Tls, node: Option<u64>) -> Connector {
        Connector {
            tls: tls.clone(),
            node,
        }
    }

    async fn connect(self, address: Uri) -> io::Result<Guarded<TlsStream<TcpStream>>> {
        let authority = address.authority().map(Authority::as_str);
        let stream = TcpStream::connect(authority.unwrap_or_default()).await?;
        stream.set_nodelay(true)?;
        let material = self.tls.refresh();
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = TlsConnector::from(material.client.clone())
            .connect(name, stream)
            .await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = Certificate::of(chain).map_err(PeerProblem::from)?;
        check(&certificate, self.node)?;
        if !material.still_admits(&certificate) {
            return Err(PeerProblem::Revoked(certificate.holder.name()).into());
        }
        let material = self.tls.shared.current.subscribe();
        Ok(Guarded::new(stream, certificate, material))
    }
}

/// Only a node listens, and only the one that is meant answers for it.
fn check(certificate: &Certificate, meant: Option<u64>) -> Result<(), PeerProblem> {
    let found = certificate.holder.name();
    match (&certificate.holder, meant) {
        (Holder::Client(_), _) => Err(PeerProblem::NoNode(found)),
        (Holder::Node(id), Some(meant)) if *id != meant => {
            Err(PeerProblem::OtherNode { meant, found })
        }
        (Holder::Node(_), _) => Ok(()),
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Guarded<TlsStream<TcpStream>>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(address).await.map(TokioIo::new) })
    }
}
