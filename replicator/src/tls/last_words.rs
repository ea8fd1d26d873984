//! What a connection was told before it ended, for whoever uses it.
//!
//! A call that is made a moment after that hears only that there is no connection: HTTP/2 keeps the reason from it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::explain::{PeerProblem, explain};

/// Frames of HTTP/2: settings, none, and a farewell (GOAWAY) because of `INADEQUATE_SECURITY` (RFC 9113, 6.5, 6.8, 7).
/// It is what a node with certificates says to whoever speaks no TLS.
pub(super) const FAREWELL: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, // settings
    0, 0, 8, 7, 0, 0, 0, 0, 0, // farewell
    0, 0, 0, 0, 0, 0, 0, 0x0c,
];

/// Why a connection ended, in words for an operator.
#[derive(Debug, Clone, Default)]
pub struct LastWords(Arc<OnceLock<String>>);

impl LastWords {
    /// What is known of it; `None` if it did not end, or nothing was said.
    pub fn get(&self) -> Option<String> {
        self.0.get().cloned()
    }

    fn hear(&self, error: &io::Error) {
        if let Some(told) = explain(error) {
            self.0.get_or_init(|| told);
        }
    }
}

/// A stream whose last words are kept.
pub(super) struct Listening<S> {
    stream: S,
    words: LastWords,
    has_read: bool,
}

impl<S> Listening<S> {
    pub(super) fn new(stream: S, words: LastWords) -> Listening<S> {
        Listening {
            stream,
            words,
            has_read: false,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Listening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let mut read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        let is_first = !std::mem::replace(&mut self.has_read, true);
        // It is sent in one piece and before anything else.
        if is_first && read.is_ok() && buffer.filled()[before..].starts_with(&FAREWELL) {
            read = Err(PeerProblem::OnlyTls.into());
        }
        if let Err(error) = &read {
            self.words.hear(error);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listening<S> {
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
