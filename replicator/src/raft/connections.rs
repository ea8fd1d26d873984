//! The connections that a node takes: not more than it can carry, and none that says nothing.
//!
//! A connection costs a descriptor, and the log and the state need descriptors too: when there is none left the node has
//! failed. Whoever connects and is silent, or is one too many, is cut off; what is heard already goes on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use nix::sys::resource::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

use super::complaints::Complaints;

/// Mounts and nodes have a few each.
const CONNECTIONS_MAX: u64 = 16_384;
/// The part of the descriptors that the rest of the process needs.
const DESCRIPTORS_KEPT: u64 = 2;
/// How long a connection may take to say its first word.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// A connection, which counts until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Until the first byte has come.
    silent_until: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// Those that there is room for.
pub(super) fn admitted(
    incoming: TcpIncoming,
    complaints: Complaints,
) -> impl Stream<Item = io::Result<Connection>> {
    let (descriptors, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let most = CONNECTIONS_MAX.min(descriptors / DESCRIPTORS_KEPT) as usize;
    admitted_up_to(most, FIRST_WORD, incoming, complaints)
}

fn admitted_up_to(
    most: usize,
    first_word: Duration,
    incoming: TcpIncoming,
    complaints: Complaints,
) -> impl Stream<Item = io::Result<Connection>> {
    let room = Arc::new(Semaphore::new(most));
    incoming.filter_map(move |accepted| {
        let place = Arc::clone(&room).try_acquire_owned();
        let admitted = match (accepted, place) {
            (Ok(stream), Ok(place)) => Some(Ok(Connection {
                stream,
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

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.silent_until = None;
        } else if let Some(until) = &mut self.silent_until
            && until.as_mut().poll(context).is_ready()
        {
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
        let mut admitted = Box::pin(admitted_up_to(1, soon, incoming, Complaints::default()));
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut connection = admitted.next().await.unwrap().unwrap();
        let read = connection.read(&mut [0]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
