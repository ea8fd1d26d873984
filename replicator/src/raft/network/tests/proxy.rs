//! A TCP proxy in front of a node: it can hold back one direction, or break every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Open,
    /// They break, and new ones break at once.
    Broken,
    /// They break when so many bytes went to the node; new ones too.
    BrokenAfter(u64),
    /// Nothing reaches the node, and nobody is told. What it says goes through.
    HoldRequests,
    /// Nothing comes back from the node, and nobody is told.
    HoldAnswers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

impl Mode {
    fn holds(self, direction: Direction) -> bool {
        match self {
            Mode::Open | Mode::Broken | Mode::BrokenAfter(_) => false,
            Mode::HoldRequests => direction == Direction::Request,
            Mode::HoldAnswers => direction == Direction::Answer,
        }
    }
}

/// Ends with this value.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: String,
    mode: watch::Sender<Mode>,
    to_node: Arc<AtomicU64>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(node: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = watch::Sender::new(Mode::Open);
        let to_node = Arc::new(AtomicU64::new(0));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(
            listener,
            node,
            mode.subscribe(),
            Arc::clone(&to_node),
        ));
        Proxy {
            address,
            mode,
            to_node,
            _accepting: accepting,
        }
    }

    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Bytes that went to the node until now.
    pub(super) fn bytes_to_node(&self) -> u64 {
        self.to_node.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    node: String,
    mode: watch::Receiver<Mode>,
    to_node: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        if is_broken(*mode.borrow(), &to_node) {
            continue;
        }
        let (node, mode, to_node) = (node.clone(), mode.clone(), Arc::clone(&to_node));
        connections.spawn(async move {
            let server = TcpStream::connect(&node).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let requests = Pump {
                mode: mode.clone(),
                direction: Direction::Request,
                to_node: Arc::clone(&to_node),
            };
            let answers = Pump {
                mode,
                direction: Direction::Answer,
                to_node,
            };
            // Both halves are dropped when one of them ends.
            tokio::select! {
                () = requests.run(from_client, to_server) => {}
                () = answers.run(from_server, to_client) => {}
            }
        });
    }
}

fn is_broken(mode: Mode, to_node: &AtomicU64) -> bool {
    match mode {
        Mode::Broken => true,
        Mode::BrokenAfter(bytes) => to_node.load(Ordering::Relaxed) >= bytes,
        Mode::Open | Mode::HoldRequests | Mode::HoldAnswers => false,
    }
}

struct Pump {
    mode: watch::Receiver<Mode>,
    direction: Direction,
    to_node: Arc<AtomicU64>,
}

impl Pump {
    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = tokio::select! {
                read = from.read(&mut buffer) => read.unwrap_or(0),
                () = until_broken(self.mode.clone(), &self.to_node) => return,
            };
            let direction = self.direction;
            let flows = |mode: &Mode| !mode.holds(direction);
            if count == 0 || self.mode.wait_for(flows).await.is_err() {
                return;
            }
            if self.direction == Direction::Request {
                self.to_node.fetch_add(count as u64, Ordering::Relaxed);
            }
            if is_broken(*self.mode.borrow(), &self.to_node)
                || to.write_all(&buffer[..count]).await.is_err()
            {
                return;
            }
        }
    }
}

async fn until_broken(mut mode: watch::Receiver<Mode>, to_node: &AtomicU64) {
    if mode
        .wait_for(|mode| is_broken(*mode, to_node))
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}
