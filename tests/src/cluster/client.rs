//! A client of a cluster without a mount: the replicator that mounts use, called by threads of the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_metadata::{
    Answer, Attributes, Command, Cookie, Create, Credentials, FileName, InodeId, Link, Mkdir, Mode,
    Operation, Outcome, PosixError, Query, Rename, RenameFlags, Reply, Rmdir, SessionInfo,
    Timestamp, Unlink,
};
use holdfast_replicator::{
    Attendant, PosixMetadataReplicator, RemoteOptions, RemoteReplicator, ReplicateError,
    SharedVolume,
};
use tokio::runtime::{Builder, Runtime};

use super::Cluster;
use super::standpoint::Standpoint;

/// No operation of a test waits longer: one that does has failed.
const ANSWER: Duration = Duration::from_mins(1);
const PAGE_ENTRIES: usize = 1000;

/// A client; clones are other threads of the same one.
#[derive(Debug, Clone)]
pub struct Client {
    replicator: Arc<RemoteReplicator>,
    /// For the time limit only.
    runtime: Arc<Runtime>,
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(standpoint: &Standpoint, volume: &str, addresses: &[String]) -> Client {
        let client =
            Client::try_connect(standpoint, RemoteOptions::new(addresses.to_vec(), volume));
        client.unwrap_or_else(|error| panic!("cannot connect to {addresses:?}: {error}"))
    }

    /// Connects; says why it cannot.
    pub fn try_connect(standpoint: &Standpoint, options: RemoteOptions) -> Result<Client, String> {
        let replicator = standpoint.run(|| RemoteReplicator::connect(options));
        let mut builder = Builder::new_multi_thread();
        let client = Client {
            replicator: Arc::new(replicator.map_err(|error| error.to_string())?),
            runtime: Arc::new(builder.worker_threads(1).enable_time().build().unwrap()),
        };
        let started = client.within(client.replicator.start());
        started.map_err(|error| error.to_string())?;
        Ok(client)
    }

    /// Ends the session.
    #[track_caller]
    pub fn close(self) {
        self.within(self.replicator.stop()).unwrap();
    }

    /// Connects with somebody who knows what is in use here.
    #[track_caller]
    pub fn attended(cluster: &Cluster, attendant: Arc<dyn Attendant>) -> Client {
        let options = RemoteOptions::new(cluster.addresses(), super::VOLUME_NAME);
        let replicator = cluster
            .standpoint
            .run(|| RemoteReplicator::connect(options))
            .unwrap();
        replicator.set_attendant(attendant);
        let mut builder = Builder::new_multi_thread();
        let client = Client {
            replicator: Arc::new(replicator),
            runtime: Arc::new(builder.worker_threads(1).enable_time().build().unwrap()),
        };
        client.within(client.replicator.start()).unwrap();
        client
    }

    /// The session of this client.
    pub fn shared(&self) -> &dyn SharedVolume {
        &*self.replicator
    }

    /// The sessions that are open.
    #[track_caller]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        match self.query(Query::Sessions).unwrap().unwrap() {
            Reply::Sessions(sessions) => sessions,
            other => panic!("{other:?}"),
        }
    }

    /// Inodes of the volume, orphans included.
    #[track_caller]
    pub fn inodes(&self) -> u64 {
        match self.query(Query::Statistics).unwrap().unwrap() {
            Reply::Statistics(statistics) => statistics.inodes,
            other => panic!("{other:?}"),
        }
    }

    /// Orders a command.
    #[track_caller]
    pub fn replicate(&self, operation: Operation) -> Result<Outcome, ReplicateError> {
        self.within(self.replicator.replicate(command(operation)))
    }

    /// Asks a question.
    #[track_caller]
    pub fn query(&self, query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        self.within(self.replicator.query(query))
    }

    /// `open(O_CREAT | O_EXCL)`
    #[track_caller]
    pub fn create(&self, parent: InodeId, name: &str) -> Result<InodeId, PosixError> {
        self.entry(create(parent, name))
    }

    /// `mkdir(2)`
    #[track_caller]
    pub fn mkdir(&self, parent: InodeId, name: &str) -> Result<InodeId, PosixError> {
        self.entry(Operation::Mkdir(Mkdir {
            parent,
            name: file_name(name),
            mode: Mode::new(0o755),
            umask: Mode::new(0),
        }))
    }

    /// `link(2)`
    #[track_caller]
    pub fn link(&self, ino: InodeId, parent: InodeId, name: &str) -> Result<(), PosixError> {
        let name = file_name(name);
        self.done(Operation::Link(Link { ino, parent, name }))
    }

    /// `unlink(2)`
    #[track_caller]
    pub fn unlink(&self, parent: InodeId, name: &str) -> Result<(), PosixError> {
        let name = file_name(name);
        self.done(Operation::Unlink(Unlink { parent, name }))
    }

    /// `rmdir(2)`
    #[track_caller]
    pub fn rmdir(&self, parent: InodeId, name: &str) -> Result<(), PosixError> {
        let name = file_name(name);
        self.done(Operation::Rmdir(Rmdir {
            parent,
            name,
            seen: None,
        }))
    }

    /// `rename(2)` within a directory, onto a name that must not exist.
    #[track_caller]
    pub fn rename(&self, parent: InodeId, name: &str, new_name: &str) -> Result<(), PosixError> {
        self.done(Operation::Rename(Rename {
            parent,
            name: file_name(name),
            new_parent: parent,
            new_name: file_name(new_name),
            flags: RenameFlags {
                no_replace: true,
                ..RenameFlags::default()
            },
            seen: None,
        }))
    }

    /// What a name leads to.
    #[track_caller]
    pub fn lookup(&self, parent: InodeId, name: &str) -> Result<Attributes, PosixError> {
        match self.query(lookup(parent, name)).unwrap()? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => panic!("{other:?}"),
        }
    }

    /// The names in a directory, with how often the listing has each.
    #[track_caller]
    pub fn names(&self, ino: InodeId) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        let mut after = Cookie::START;
        loop {
            let page = self.query(Query::ReadDirectory {
                ino,
                after,
                entries_max: PAGE_ENTRIES,
                with_attributes: false,
            });
            let Reply::Directory { entries, .. } = page.unwrap().unwrap() else {
                panic!("no directory");
            };
            let Some(last) = entries.last() else {
                return names;
            };
            after = last.cookie;
            for entry in entries {
                let name = String::from_utf8(entry.name.to_vec()).unwrap();
                if name != "." && name != ".." {
                    *names.entry(name).or_default() += 1;
                }
            }
        }
    }

    #[track_caller]
    fn entry(&self, operation: Operation) -> Result<InodeId, PosixError> {
        match self.replicate(operation).unwrap()? {
            Answer::Entry { attributes, .. } => Ok(attributes.ino),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn done(&self, operation: Operation) -> Result<(), PosixError> {
        self.replicate(operation).unwrap().map(drop)
    }

    /// Waits for it, but not for ever.
    #[track_caller]
    pub fn within<T>(&self, work: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(ANSWER, work).await };
        let answer = self.runtime.block_on(limited);
        answer.unwrap_or_else(|_| panic!("no answer within {ANSWER:?}"))
    }
}

/// A command without a session, now, by root.
pub fn command(operation: Operation) -> Command {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Command {
        request: None,
        now: Timestamp::new(now.as_secs() as i64, now.subsec_nanos()).unwrap(),
        credentials: Credentials::ROOT,
        squashed: false,
        operation,
    }
}

/// `open(O_CREAT | O_EXCL)`
pub fn create(parent: InodeId, name: &str) -> Operation {
    Operation::Create(Create {
        parent,
        name: file_name(name),
        mode: Mode::new(0o644),
        umask: Mode::new(0),
        exclusive: true,
    })
}

/// What a name leads to.
pub fn lookup(parent: InodeId, name: &str) -> Query {
    let name = file_name(name);
    Query::Lookup { parent, name }
}

fn file_name(name: &str) -> FileName {
    FileName::new(name.as_bytes()).unwrap()
}
