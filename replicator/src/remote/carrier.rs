//! The runtime of a connection: its sockets, tasks and timers.

use std::future::Future;
use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// One stream, with room for a timer beside it.
const THREADS: usize = 2;

/// Ends without waiting, so that it may be dropped on a thread of another runtime.
#[derive(Debug)]
pub(super) struct Carrier {
    handle: Handle,
    /// Taken away by drop.
    runtime: Option<Runtime>,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Carrier {
    pub(super) fn new() -> io::Result<Carrier> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("holdfast-remote")
            .enable_all()
            .build()?;
        Ok(Carrier {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs a future and blocks until it is done, on any thread, even one of another runtime.
    pub(super) fn wait_for<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // The receiver waits for it below.
            sender.send(future.await).ok();
        });
        receiver.recv().map_err(io::Error::other)
    }
}
