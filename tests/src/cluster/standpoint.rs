//! Where connections are made from: this machine's network, or a namespace.

use std::fs::File;
use std::path::PathBuf;
use std::thread;

use nix::sched::{CloneFlags, setns};

/// A network to do something in.
#[derive(Debug, Clone, Default)]
pub struct Standpoint {
    namespace: Option<PathBuf>,
}

impl Standpoint {
    /// A namespace that `ip netns add` has made.
    pub(crate) fn namespace(name: &str) -> Standpoint {
        Standpoint {
            namespace: Some(PathBuf::from("/run/netns").join(name)),
        }
    }

    /// Does something there, on a thread of its own: threads and processes that it starts are there, too.
    #[track_caller]
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let Some(path) = &self.namespace else {
            return work();
        };
        let result = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            thread.join()
        });
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
