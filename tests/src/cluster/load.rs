//! Creates without end, each noted when it was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;

use super::client::Client;
use crate::poll::wait_until;

/// How long the load may take to get on.
const PROGRESS: Duration = Duration::from_mins(1);

/// Threads that create files until they are told to end.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<Vec<String>>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    most: u64,
    /// The longest operation since it was last asked for.
    longest_nanoseconds: AtomicU64,
}

/// What a load has done.
#[derive(Debug)]
pub struct Worked {
    /// Every name whose create was acknowledged.
    pub names: Vec<String>,
}

impl Load {
    /// Every thread creates `PREFIX-THREAD-NUMBER` in the directory.
    pub fn start(client: &Client, directory: InodeId, prefix: &str, threads: usize) -> Load {
        Load::start_up_to(client, directory, prefix, threads, u64::MAX)
    }

    /// As `start`, and ends by itself after so many in all.
    pub fn start_up_to(
        client: &Client,
        directory: InodeId,
        prefix: &str,
        threads: usize,
        most: u64,
    ) -> Load {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            most,
            longest_nanoseconds: AtomicU64::new(0),
        });
        let workers = (0..threads).map(|thread| {
            let (client, shared) = (client.clone(), Arc::clone(&shared));
            let prefix = format!("{prefix}-{thread}");
            thread::spawn(move || work(&client, directory, &prefix, &shared))
        });
        Load {
            workers: workers.collect(),
            shared,
        }
    }

    /// How many creates were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Acquire)
    }

    /// Waits until so many more creates are acknowledged.
    #[track_caller]
    pub fn wait_for(&self, more: u64) {
        let aim = self.acknowledged() + more;
        wait_until("creates go on", PROGRESS, || {
            self.acknowledged() >= aim || self.has_ended()
        });
        assert!(
            self.acknowledged() >= aim,
            "a thread of the load has failed"
        );
    }

    /// The longest that a create took since this was last asked.
    pub fn longest_pause(&self) -> Duration {
        let longest = self.shared.longest_nanoseconds.swap(0, Ordering::AcqRel);
        Duration::from_nanos(longest)
    }

    /// Ends the load after what is under way was acknowledged; fails the test if a create failed.
    #[track_caller]
    pub fn stop(mut self) -> Worked {
        self.shared.stop.store(true, Ordering::Release);
        self.join()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn finish(mut self) -> Worked {
        self.join()
    }

    #[track_caller]
    fn join(&mut self) -> Worked {
        let mut names = Vec::new();
        for worker in self.workers.drain(..) {
            let worked = worker.join();
            names.extend(worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        Worked { names }
    }

    fn has_ended(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // A test that fails elsewhere must not leave threads behind that create for ever.
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Worked {
    /// Every acknowledged name is in the directory, once, and nothing else.
    #[track_caller]
    pub fn assert_is_all_of(&self, names: &BTreeMap<String, usize>) {
        self.assert_is_in(names);
        let unknown: Vec<&String> = names
            .keys()
            .filter(|name| !self.names.contains(name))
            .take(5)
            .collect();
        assert!(
            names.len() == self.names.len(),
            "{} names for {} creates, of which nobody created {unknown:?}",
            names.len(),
            self.names.len()
        );
    }

    /// Every acknowledged name is in the directory, once.
    #[track_caller]
    pub fn assert_is_in(&self, names: &BTreeMap<String, usize>) {
        let missing: Vec<&String> = self
            .names
            .iter()
            .filter(|name| !names.contains_key(*name))
            .collect();
        assert!(
            missing.is_empty(),
            "{} of {} acknowledged creates are lost, the first: {:?}",
            missing.len(),
            self.names.len(),
            missing.first()
        );
        let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "listed more than once: {twice:?}");
    }
}

fn work(client: &Client, directory: InodeId, prefix: &str, shared: &Shared) -> Vec<String> {
    let mut names = Vec::new();
    while !shared.stop.load(Ordering::Acquire)
        && shared.acknowledged.load(Ordering::Acquire) < shared.most
    {
        let name = format!("{prefix}-{}", names.len());
        let begin = Instant::now();
        let created = client.create(directory, &name);
        assert!(created.is_ok(), "create of {name}: {created:?}");
        let taken = begin.elapsed().as_nanos() as u64;
        shared
            .longest_nanoseconds
            .fetch_max(taken, Ordering::AcqRel);
        shared.acknowledged.fetch_add(1, Ordering::AcqRel);
        names.push(name);
    }
    names
}
