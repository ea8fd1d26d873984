//! A connection that ends when the certificate at its other end does: when that expires, or is revoked.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

use super::certificate::Certificate;
use super::explain::PeerProblem;
use super::material::Material;

/// A clock may be set, and a machine that sleeps counts no time: the wall clock is looked at so often.
const LOOK: Duration = Duration::from_mins(1);

/// A stream, and who is at its other end.
pub(super) struct Guarded<S> {
    stream: S,
    end: Pin<Box<dyn Future<Output = PeerProblem> + Send>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(
        stream: S,
        certificate: Certificate,
        material: watch::Receiver<Arc<Material>>,
    ) -> Guarded<S> {
        Guarded {
            stream,
            end: Box::pin(end_of(certificate, material)),
        }
    }
}

/// Done when the certificate is not good any more, and says why.
async fn end_of(
    certificate: Certificate,
    mut material: watch::Receiver<Arc<Material>>,
) -> PeerProblem {
    loop {
        let now = SystemTime::now();
        let left = certificate.expires.duration_since(now).unwrap_or_default();
        if left.is_zero() {
            return PeerProblem::Expired(certificate.holder.name());
        }
        if !material.borrow_and_update().still_admits(&certificate) {
            return PeerProblem::Revoked(certificate.holder.name());
        }
        tokio::select! {
            () = tokio::time::sleep(left.min(LOOK)) => {}
            // Without a sender nothing is read again.
            Ok(()) = material.changed() => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(problem) = self.end.as_mut().poll(context) {
            // Whoever hears of this does not read again.
            self.end = Box::pin(std::future::ready(problem.clone()));
            return Poll::Ready(Err(problem.into()));
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        read.map_err(PeerProblem::in_words)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
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
