//! Directories as targets: each client is a thread, and its operations are system calls.

mod client;
mod filesystem;
mod scratch;

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use anyhow::{Context, anyhow};
use futures_util::FutureExt;

use self::client::Thread;
use self::scratch::Scratch;
use super::operation::Operation;
use super::target::{Description, Target, directory};
use super::worker::Worker;

/// A directory of the user's with one of our own in it.
#[derive(Debug)]
pub(super) struct Directory {
    description: Description,
    scratch: Scratch,
}

impl Directory {
    /// All of them, or none.
    pub(super) fn open_all(directories: &[PathBuf]) -> anyhow::Result<Vec<Directory>> {
        let opened = directories.iter().enumerate();
        opened
            .map(|(index, path)| Directory::open(path, index))
            .collect()
    }

    fn open(path: &Path, index: usize) -> anyhow::Result<Directory> {
        Ok(Directory {
            description: Description {
                name: path.display().to_string(),
                kind: filesystem::type_of(path),
            },
            scratch: Scratch::create(path, index)?,
        })
    }
}

impl Target for Directory {
    type Client = Thread;
    const CLIENT: &str = "thread";

    fn description(&self) -> &Description {
        &self.description
    }

    fn client(&self, operation: Operation, number: usize, shared: bool) -> Thread {
        let name = directory(Directory::CLIENT, number, shared);
        Thread::new(operation, self.scratch.path().join(name), number)
    }

    /// Every worker has a thread of its own; they start together.
    fn in_parallel<T: Send>(
        &self,
        workers: &mut [Worker<Thread>],
        job: impl AsyncFn(&mut Worker<Thread>) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let start = Barrier::new(workers.len());
        std::thread::scope(|scope| {
            let (job, start) = (&job, &start);
            let threads: Vec<_> = workers
                .iter_mut()
                .map(|worker| {
                    scope.spawn(move || {
                        start.wait();
                        // It blocks where another target's would wait, so it is ready at once.
                        let done = job(worker).now_or_never();
                        done.unwrap_or_else(|| Err(anyhow!("a thread did not end")))
                    })
                })
                .collect();
            let outcomes: Vec<_> = threads
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
                })
                .collect();
            outcomes.into_iter().collect()
        })
    }

    fn settle(&self) -> anyhow::Result<()> {
        let path = self.scratch.path();
        File::open(path)
            .and_then(|directory| Ok(nix::unistd::syncfs(directory.as_fd())?))
            .with_context(|| format!("cannot flush the filesystem of {}", path.display()))
    }

    fn remove(self) -> anyhow::Result<()> {
        self.scratch.remove()
    }
}
