//! A connection that somebody else has made: the handshake is part of its first read or write.
//!
//! So it holds up nobody who arrives later, and whoever looks after the connection looks after the handshake. Who speaks no
//! TLS is told so in HTTP/2, which is what our programs then speak, and heard no further.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::{FallibleAccept, TlsStream};
use tokio_rustls::{TlsAcceptor, rustls};

use super::Tls;
use super::certificate::Certificate;
use super::explain::PeerProblem;
use super::guarded::Guarded;
use super::holder::Holder;
use super::last_words::FAREWELL;
use super::material::Material;

/// The first byte of a handshake.
const HANDSHAKE: u8 = 0x16;
/// A connection to this node.
pub(crate) struct Arriving {
    state: State,
    tls: Tls,
    holder: Arc<OnceLock<Holder>>,
    /// Hears why somebody was not let in.
    complain: Box<dyn Fn(&str) + Send + Sync>,
}

type Look = Pin<Box<dyn Future<Output = Arc<Material>> + Send>>;

enum State {
    /// Nothing has come yet.
    Silent(TcpStream),
    /// A handshake has come; the files are looked at.
    Looking(TcpStream, Look),
    Greeting(Box<FallibleAccept<TcpStream>>),
    Open(Box<Guarded<TlsStream<TcpStream>>>),
    /// It was told why. What it still sends is read, or the kernel would take back what it was told.
    Refused(TcpStream),
    Closed,
}

impl Arriving {
    pub(crate) fn new(
        stream: TcpStream,
        tls: &Tls,
        complain: impl Fn(&str) + Send + Sync + 'static,
    ) -> Arriving {
        Arriving {
            state: State::Silent(stream),
            tls: tls.clone(),
            holder: Arc::default(),
            complain: Box::new(complain),
        }
    }

    /// Who it is, once anything was read from it.
    pub(crate) fn holder(&self) -> Arc<OnceLock<Holder>> {
        Arc::clone(&self.holder)
    }

    /// Goes on until it can be used, or never can.
    fn poll_open(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<&mut Guarded<TlsStream<TcpStream>>>> {
        loop {
            let next = match &mut self.state {
                State::Silent(stream) => {
                    let mut byte = [0];
                    let mut buffer = ReadBuf::new(&mut byte);
                    ready!(stream.poll_peek(context, &mut buffer))?;
                    match buffer.filled().first() {
                        None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                        Some(&HANDSHAKE) => self.look(),
                        Some(_) => self.send_away(),
                    }
                }
                State::Looking(_, look) => {
                    let material = ready!(look.as_mut().poll(context));
                    self.greet(&material)
                }
                State::Greeting(accept) => match ready!(Pin::new(accept).poll(context)) {
                    Ok(stream) => self.open(stream)?,
                    Err((error, stream)) => self.refuse(&error, stream),
                },
                State::Refused(stream) => {
                    let mut bytes = [0; 1024];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
                    if !buffer.filled().is_empty() {
                        continue;
                    }
                    State::Closed
                }
                State::Closed => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                State::Open(_) => break,
            };
            self.state = next;
        }
        match &mut self.state {
            State::Open(stream) => Poll::Ready(Ok(stream)),
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    fn take(&mut self) -> Option<TcpStream> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Silent(stream) | State::Looking(stream, _) => Some(stream),
            _ => None,
        }
    }

    fn look(&mut self) -> State {
        let tls = self.tls.clone();
        match self.take() {
            Some(stream) => State::Looking(stream, Box::pin(async move { tls.refreshed().await })),
            None => State::Closed,
        }
    }

    fn greet(&mut self, material: &Material) -> State {
        match self.take() {
            Some(stream) => {
                let accept = TlsAcceptor::from(Arc::clone(&material.server)).accept(stream);
                State::Greeting(Box::new(accept.into_fallible()))
            }
            None => State::Closed,
        }
    }

    fn send_away(&mut self) -> State {
        (self.complain)("it does not speak TLS");
        let Some(stream) = self.take() else {
            return State::Closed;
        };
        // It fits where nothing was written before; if it cannot be sent, nobody is there to read it.
        let _told = stream.try_write(&FAREWELL).is_ok();
        leave(stream)
    }

    fn refuse(&self, error: &io::Error, stream: TcpStream) -> State {
        let inner = error.get_ref();
        let reason = match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => error.to_string(),
            None => return State::Closed,
        };
        (self.complain)(&reason);
        leave(stream)
    }

    fn open(&self, stream: TlsStream<TcpStream>) -> io::Result<State> {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = Certificate::of(chain).map_err(PeerProblem::from)?;
        // It is empty: this happens once.
        let _first = self.holder.set(certificate.holder.clone()).is_ok();
        let material = self.tls.shared.current.subscribe();
        Ok(State::Open(Box::new(Guarded::new(
            stream,
            certificate,
            material,
        ))))
    }
}

/// Says that nothing more comes from here.
fn leave(stream: TcpStream) -> State {
    use std::os::fd::AsRawFd;
    let _gone =
        nix::sys::socket::shutdown(stream.as_raw_fd(), nix::sys::socket::Shutdown::Write).is_err();
    State::Refused(stream)
}

impl AsyncRead for Arriving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Arriving {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = ready!(self.poll_open(context))?;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_shutdown(context),
            _ => Poll::Ready(Ok(())),
        }
    }
}
