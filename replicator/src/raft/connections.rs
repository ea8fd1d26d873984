//! The connections that a node takes: not more than it can carry, and none that says nothing.
//!
//! A connection costs a descriptor, and the log and the state need descriptors too: when there is none left the node has
//! failed. Whoever connects and is silent, or is one too many, is cut off; what is heard already goes on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use nix::sys::resource::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpIncoming};

use super::complaints::Complaints;
use crate::tls::{Arriving, Holder, Tls};

/// The part of the descriptors that the rest of the process needs.
const DESCRIPTORS_KEPT: u64 = 2;
/// How long a connection may take to say its first word.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// A connection, which counts until it is dropped.
pub(super) struct Connection {
    stream: Wire,
    address: Option<SocketAddr>,
    /// Until the first byte has come.
    silent_until: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// What bytes go through.
enum Wire {
    Plain(TcpStream),
    Tls(Box<Arriving>),
}

/// Whom a call comes from; every call has this of its connection.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) address: Option<SocketAddr>,
    /// With TLS: who that is, once it is known.
    holder: Option<Arc<OnceLock<Holder>>>,
}

impl Origin {
    /// Who that is, as the certificate says; without TLS nobody knows.
    pub(super) fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()?.get()
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(holder) = self.holder() {
            write!(formatter, "{} at ", holder.name())?;
        }
        match self.address {
            Some(address) => address.fmt(formatter),
            None => formatter.write_str("?"),
        }
    }
}

/// Those that there is room for.
pub(super) fn admitted(
    incoming: TcpIncoming,
    tls: Option<Tls>,
    complaints: Complaints,
    connections_max: usize,
) -> impl Stream<Item = io::Result<Connection>> {
    let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let most = connections_max.min((descriptors / DESCRIPTORS_KEPT) as usize);
    admitted_up_to(most, FIRST_WORD, incoming, tls, complaints)
}

fn admitted_up_to(
    most: usize,
    first_word: Duration,
    incoming: TcpIncoming,
    tls: Option<Tls>,
    complaints: Complaints,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(most));
    incoming.filter_map(move |accepted| {
        let place = Arc::clone(&room).try_acquire_owned();
        let admitted = match (accepted, place) {
            (Ok(stream), Ok(place)) => Some(Ok(Connection {
                address: stream.peer_addr().ok(),
                stream: wire(stream, tls.as_ref(), &complaints),
                silent_until: Some(Box::pin(tokio::time::sleep(first_word))),
                _place: place,
            })),
            (Ok(_), Err(_)) => {
                let reason = format!("there are {most} connections already");
                complaints.refused("a connection", &reason);
                None
            }
            (Err(error), _) => Some(Err(error)),
        };
        std::future::ready(admitted)
    })
}

fn wire(stream: TcpStream, tls: Option<&Tls>, complaints: &Complaints) -> Wire {
    let Some(tls) = tls else {
        return Wire::Plain(stream);
    };
    let address = stream.peer_addr().ok();
    let complaints = complaints.clone();
    let complain = move |reason: &str| {
        let from = address.map_or_else(String::new, |address| address.to_string());
        complaints.refused(
            "a connection without a good certificate",
            &format!("{from}: {reason}"),
        );
    };
    Wire::Tls(Box::new(Arriving::new(stream, tls, complain)))
}

impl Connected for Connection {
    type ConnectInfo = Origin;

    fn connect_info(&self) -> Origin {
        Origin {
            address: self.address,
            holder: match &self.stream {
                Wire::Plain(_) => None,
                Wire::Tls(arriving) => Some(arriving.holder()),
            },
        }
    }
}

impl Connection {
    /// Whether nothing was heard for too long. A handshake is no word yet, and what is written may wait for it.
    fn is_too_silent(&mut self, context: &mut Context<'_>) -> bool {
        let until = self.silent_until.as_mut();
        until.is_some_and(|until| until.as_mut().poll(context).is_ready())
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        };
        if read.is_ready() {
            self.silent_until = None;
        } else if self.is_too_silent(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        };
        if written.is_pending() && self.is_too_silent(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(context, pieces),
        };
        if written.is_pending() && self.is_too_silent(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn one_connection_too_many_is_cut_off_and_a_later_one_finds_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = TcpIncoming::from(listener);
        let mut admitted = Box::pin(admitted_up_to(
            1,
            FIRST_WORD,
            incoming,
            None,
            Complaints::default(),
        ));
        let _first = TcpStream::connect(address).await.unwrap();
        let first = admitted.next().await.unwrap().unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        tokio::select! {
            _ = admitted.next() => panic!("there was room for it"),
            read = second.read(&mut byte) => assert!(matches!(read, Ok(0) | Err(_))),
        }
        drop(first);
        let _third = TcpStream::connect(address).await.unwrap();
        assert!(admitted.next().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn who_connects_and_is_silent_is_cut_off() {
        let soon = Duration::from_millis(20);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = TcpIncoming::from(listener);
        let mut admitted = Box::pin(admitted_up_to(
            1,
            soon,
            incoming,
            None,
            Complaints::default(),
        ));
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut connection = admitted.next().await.unwrap().unwrap();
        let read = connection.read(&mut [0]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
