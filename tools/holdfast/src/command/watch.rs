//! `holdfast watch`: what changes in a volume of a cluster, as it commits.

mod line;

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use holdfast_proto::watch_client::WatchClient;
use holdfast_proto::{WatchPart, WatchRequest};
use tonic::{Code, Status, Streaming};

use crate::cluster::{Cluster, Unanswered, refused, request};
use crate::plain::plain;
use crate::tree::ClusterVolume;
use crate::volume_arguments::{MeantVolume, VolumeArguments};

/// A node says something every two seconds.
const SILENCE: Duration = Duration::from_secs(10);
/// Between two attempts to find a node that goes on.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Of 512 changes with two paths of 16 KiB each, and those of the last command.
const PART_BYTES_MAX: usize = 64 << 20;

/// Print what changes in a volume of a cluster as it commits, on whichever machine it is done.
///
/// A line has the index of the change in the log of the volume, when it was asked for (UTC), what happened (create, mkdir, symlink,
/// mknod, link, unlink, rmdir, rename, exchange, write, attributes), and the path in the volume at that moment. A file with
/// several names is shown under the one that it has had longest. What has no known name is shown by its number, whatever PATH is: it may be there.
///
/// It goes on until it is interrupted, also when nodes fail. `--from INDEX` tells what came after a change that was seen earlier, as long as the
/// nodes remember it: `[node] changes` of the last changes (65536), since the node that leads was started. Otherwise the command ends and
/// says so: what was missed is to be found in the tree.
#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) of: VolumeArguments,

    /// Only this path of the volume and what is below it
    #[arg(
        long,
        value_name = "/PATH",
        conflicts_with = "path",
        default_value = "/"
    )]
    pub(crate) below: PathBuf,

    /// Begin behind this index, not now
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,

    /// Print a JSON object a line; one with nothing but an index says that all up to it was told
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is watched.
struct Subject {
    volume: ClusterVolume,
    /// From the root of the volume on.
    path: PathBuf,
}

/// Does it, for ever.
pub(crate) fn run(arguments: &WatchArguments) -> anyhow::Result<()> {
    let meant = arguments.of.meant(
        "watch what?",
        "what happens to it, happens on this machine (see inotifywait)",
    )?;
    let cluster = arguments.of.connect(&meant)?;
    let path = path(arguments, &meant)?;
    let subject = Subject {
        volume: meant.volume,
        path,
    };
    let mut watch = Watch {
        cluster: &cluster,
        request: WatchRequest {
            volume: subject.volume.name.clone(),
            path: subject.path.as_os_str().as_bytes().to_vec().into(),
            after: arguments.from,
            number: None,
        },
        json: arguments.json,
    };
    cluster.run(watch.follow(&subject))
}

/// From the root of the volume on.
fn path(arguments: &WatchArguments, meant: &MeantVolume) -> anyhow::Result<PathBuf> {
    let Some((path, mount)) = &meant.place else {
        return plain_path(&arguments.below).context(
            "--below is a path from the root of the volume: it begins with / and has no ..",
        );
    };
    let below = mount.root.join(path.strip_prefix(&mount.mountpoint)?);
    plain_path(&below).context("the mount is of no path in the volume")
}

/// The path without what leads nowhere else.
fn plain_path(path: &Path) -> Option<PathBuf> {
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    let is_one = path.is_absolute() && path.components().all(is_plain);
    is_one.then(|| path.components().collect())
}

/// A watch that outlives nodes.
struct Watch<'a> {
    cluster: &'a Cluster,
    /// What to ask for next.
    request: WatchRequest,
    json: bool,
}

impl Watch<'_> {
    async fn follow(&mut self, subject: &Subject) -> anyhow::Result<()> {
        let mut stream = match self.begin().await {
            Ok(stream) => stream,
            Err(Unanswered::NoLeader(_)) => self.find_next().await?,
            Err(Unanswered::Nobody(error)) => return Err(error),
            Err(Unanswered::Refused(status)) => return Err(ended(&status)),
        };
        let mut is_first = true;
        loop {
            let status = match tokio::time::timeout(SILENCE, stream.message()).await {
                Ok(Ok(Some(part))) => {
                    if is_first {
                        self.request.number = Some(part.number);
                        self.announce(subject, &part)?;
                    }
                    self.print(&part, is_first)?;
                    is_first = false;
                    continue;
                }
                Ok(Ok(None)) => Status::unavailable("the node has ended it"),
                Ok(Err(status)) => status,
                Err(_) => Status::unavailable("the node is silent"),
            };
            if !may_go_on(&status) {
                return Err(ended(&status));
            }
            stream = self.find_next().await?;
        }
    }

    fn announce(&self, subject: &Subject, part: &WatchPart) -> anyhow::Result<()> {
        let path = plain(&subject.path.to_string_lossy());
        let (volume, index) = (&subject.volume.name, part.index);
        if !self.json {
            writeln!(
                io::stderr(),
                "watching {path} of volume {volume} from index {index} on"
            )?;
        }
        if !part.is_there {
            writeln!(io::stderr(), "there is nothing at {path} now")?;
        }
        Ok(())
    }

    async fn begin(&self) -> Result<Streaming<WatchPart>, Unanswered> {
        let volume = &self.request.volume;
        let asked = async |channel| {
            WatchClient::new(channel)
                .max_decoding_message_size(PART_BYTES_MAX)
                .watch(request(self.request.clone()))
                .await
        };
        self.cluster.ask_leader(volume, asked).await
    }

    /// Goes on with another node, as soon as one leads.
    async fn find_next(&self) -> anyhow::Result<Streaming<WatchPart>> {
        let mut pause = PAUSE;
        let mut told = false;
        loop {
            let reason = match self.begin().await {
                Ok(stream) => {
                    if told {
                        writeln!(io::stderr(), "going on")?;
                    }
                    return Ok(stream);
                }
                Err(Unanswered::Refused(status)) if !may_go_on(&status) => {
                    return Err(ended(&status));
                }
                Err(Unanswered::Refused(status)) => refused(&status),
                Err(Unanswered::NoLeader(error) | Unanswered::Nobody(error)) => error,
            };
            if !told {
                writeln!(io::stderr(), "waiting: {reason:#}")?;
                told = true;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn print(&mut self, part: &WatchPart, is_first: bool) -> anyhow::Result<()> {
        let has_moved = self.request.after != Some(part.index);
        self.request.after = Some(part.index);
        let mut output = io::stdout().lock();
        for change in &part.changes {
            let line = if self.json {
                line::json(change).to_string()
            } else {
                line::plain_text(change)
            };
            writeln!(output, "{line}")?;
        }
        if self.json && part.changes.is_empty() && (has_moved || is_first) {
            writeln!(output, "{}", serde_json::json!({ "index": part.index }))?;
        }
        Ok(output.flush()?)
    }
}

/// Whether another node, or the same one later, may go on.
fn may_go_on(status: &Status) -> bool {
    !matches!(
        status.code(),
        Code::OutOfRange
            | Code::InvalidArgument
            | Code::NotFound
            | Code::DataLoss
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::Unimplemented
    )
}

fn ended(status: &Status) -> anyhow::Error {
    match status.code() {
        // The library calls a message that is too large so, too.
        Code::OutOfRange if status.message().contains("remembered") => anyhow!(
            "{}: look at the tree for what is missing, and watch without --from",
            status.message()
        ),
        _ => refused(status),
    }
}
