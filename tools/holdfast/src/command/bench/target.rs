//! What can be measured: directories through the kernel, volumes of a cluster through its own protocol.

use serde::Serialize;

use super::operation::{Object, Operation};
use super::worker::Worker;

/// Something to measure, with a place in it that goes away with everything in it.
pub(super) trait Target: Sized {
    /// Who works there.
    type Client: Client;
    /// What a client is called.
    const CLIENT: &str;

    fn description(&self) -> &Description;

    /// The client of that number; all in one directory when it is shared.
    fn client(&self, operation: Operation, number: usize, shared: bool) -> Self::Client;

    /// Runs the job of every worker at the same time and returns when the last one is done.
    fn in_parallel<T: Send>(
        &self,
        workers: &mut [Worker<Self::Client>],
        job: impl AsyncFn(&mut Worker<Self::Client>) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>>;

    /// Lets it write what it still holds back, so that no phase pays for the one before it.
    fn settle(&self) -> anyhow::Result<()>;

    /// Removes everything that was made.
    fn remove(self) -> anyhow::Result<()>;
}

/// How a target is called.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Description {
    pub(super) name: String,
    /// The type of the filesystem, for a directory.
    pub(super) kind: String,
}

/// One of those who repeat an operation. The futures of directories never wait: they block instead.
pub(super) trait Client {
    /// A name, as the operations of this target want it.
    type Place;

    /// Makes the directory it works in, unless it is there.
    async fn enter(&mut self) -> anyhow::Result<()>;

    /// The place of that number among the places that this client alone uses.
    fn place(&self, number: u64) -> anyhow::Result<Self::Place>;

    /// For messages.
    fn describe(&self, place: &Self::Place) -> String;

    /// Makes something at all these places.
    async fn make(&mut self, object: Object, places: Vec<Self::Place>) -> anyhow::Result<()>;

    /// Does its operation once, and says how many units of the rate that was. `free` is the number of a
    /// place where nothing is yet.
    async fn perform(&mut self, place: &Self::Place, free: u64) -> anyhow::Result<u64>;

    /// Removes what this client left. What is in a shared directory goes with that directory.
    async fn leave(&mut self) -> anyhow::Result<()>;
}

/// The directory that a client works in.
pub(super) fn directory(client: &str, number: usize, shared: bool) -> String {
    if shared {
        "shared".to_owned()
    } else {
        format!("{client}-{number}")
    }
}
