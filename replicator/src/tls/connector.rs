//! Connections to nodes: with certificates over TLS, to the node that is meant.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::either::Either;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};

use super::Tls;
use super::certificate::Certificate;
use super::explain::PeerProblem;
use super::guarded::Guarded;
use super::holder::Holder;
use super::last_words::{LastWords, Listening};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// TLS wants a name; ours is in the certificate.
const NAME: &str = "node.holdfast";

/// Connects to an endpoint when it is first used; the other end must be this node, if one is named.
pub fn connect_lazy(endpoint: &Endpoint, tls: Option<&Tls>, node: Option<u64>) -> Channel {
    let connector = Connector::new(endpoint, tls, node, LastWords::default());
    endpoint.connect_with_connector_lazy(connector)
}

/// The same to any node, for whoever wants to know why the connection ended.
pub fn connect_listening(endpoint: &Endpoint, tls: Option<&Tls>) -> (Channel, LastWords) {
    let words = LastWords::default();
    let connector = Connector::new(endpoint, tls, None, words.clone());
    (endpoint.connect_with_connector_lazy(connector), words)
}

/// The same, and connects at once.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    tls: Option<&Tls>,
) -> Result<(Channel, LastWords), Error> {
    let words = LastWords::default();
    let connector = Connector::new(endpoint, tls, None, words.clone());
    let channel = endpoint.connect_with_connector(connector).await?;
    Ok((channel, words))
}

/// What tonic connects with.
#[derive(Debug, Clone)]
struct Connector {
    /// Tries all addresses of a name, as it does without us.
    tcp: HttpConnector,
    tls: Option<Tls>,
    node: Option<u64>,
    words: LastWords,
}

/// What bytes go through.
type Wire = Listening<Either<TcpStream, Guarded<TlsStream<TcpStream>>>>;

impl Connector {
    fn new(
        endpoint: &Endpoint,
        tls: Option<&Tls>,
        node: Option<u64>,
        words: LastWords,
    ) -> Connector {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(endpoint.get_connect_timeout());
        Connector {
            tcp,
            tls: tls.cloned(),
            node,
            words,
        }
    }

    async fn connect(mut self, address: Uri) -> Result<Wire, BoxError> {
        let stream = self.tcp.call(address).await?.into_inner();
        let stream = match &self.tls {
            None => Either::Left(stream),
            Some(tls) => Either::Right(greet(stream, tls, self.node).await?),
        };
        Ok(Listening::new(stream, self.words))
    }
}

/// A handshake with whoever is there, if that is who is meant.
async fn greet(
    stream: TcpStream,
    tls: &Tls,
    node: Option<u64>,
) -> io::Result<Guarded<TlsStream<TcpStream>>> {
    let material = tls.refreshed().await;
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    let stream = TlsConnector::from(material.client.clone())
        .connect(name, stream)
        .await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = Certificate::of(chain).map_err(PeerProblem::from)?;
    check(&certificate, node)?;
    if !material.still_admits(&certificate) {
        return Err(PeerProblem::Revoked(certificate.holder.name()).into());
    }
    let material = tls.shared.current.subscribe();
    Ok(Guarded::new(stream, certificate, material))
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
    type Response = TokioIo<Wire>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        // What is ready is this one.
        let rested = self.clone();
        let connector = std::mem::replace(self, rested);
        Box::pin(async move { connector.connect(address).await.map(TokioIo::new) })
    }
}
