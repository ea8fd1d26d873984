//! `holdfast dump`: a volume as one file.

mod directory;
mod remote;
mod unfinished;

use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use holdfast_metadata::snapshot::{Reader, SnapshotError, Summary};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::unfinished::Unfinished;
use crate::cluster::ClusterArguments;

/// What a name and its attributes take in a dump, about; for the bar alone.
const INODE_BYTES: u64 = 400;
/// What is written at once.
const WRITE_BYTES: usize = 1024 * 1024;

/// Write everything in a volume to one file, to load it again elsewhere.
///
/// Of a cluster: `holdfast dump --cluster HOST:PORT VOLUME FILE`. The volume stays in use meanwhile; the dump shows it as it
/// was at one moment, with everything that was acknowledged before the command began. Of a data directory that is not
/// mounted: `holdfast dump --data DIR FILE`; of that of a node that does not run: `holdfast dump --data DIR VOLUME FILE`,
/// which is refused while its log has changes that are not applied (--without-log leaves them out).
///
/// The dump has names, attributes, access lists and content; not who has the volume mounted, locks, and files that are open but
/// have no name any more. FILE appears when all of it is there. With "-" the dump goes to standard output.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct DumpArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// A data directory that is not in use, instead of a cluster
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// Leave out changes that only the log of the node has
    #[arg(long, requires = "data")]
    pub(crate) without_log: bool,

    /// The volume of the cluster, or of the node
    pub(crate) volume: Option<String>,

    /// Must not be there yet
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Where a dump comes from.
struct Source {
    /// "volume NAME" or a path.
    name: String,
    /// The last change that is in it, in the log of the cluster.
    index: Option<u64>,
    inodes: u64,
    allocated: u64,
    stream: Box<dyn Read>,
    /// Why the stream has ended too early; asked once it has.
    reason: Box<dyn FnOnce() -> anyhow::Result<()>>,
}

/// Does it.
pub(crate) fn run(arguments: &DumpArguments) -> anyhow::Result<()> {
    let to_output = arguments.file == Path::new("-");
    if to_output && io::stdout().is_terminal() {
        bail!("a dump is nothing for a terminal: name a file, or redirect the output");
    }
    let target = if to_output {
        None
    } else {
        Some(Unfinished::create(&arguments.file)?)
    };
    let source = match (&arguments.data, &arguments.volume) {
        (Some(data), volume) => directory::open(data, volume.as_deref(), arguments.without_log)?,
        (None, Some(volume)) => remote::open(&arguments.cluster, volume)?,
        (None, None) => bail!("which volume? Say holdfast dump VOLUME FILE, or --data DIR"),
    };
    let name = source.name.clone();
    let at = source
        .index
        .map_or_else(String::new, |index| format!(" as of log index {index}"));
    let cannot = || format!("cannot dump {name}");
    let Some(target) = target else {
        let (summary, _) = save(source, io::stdout().lock()).with_context(cannot)?;
        writeln!(io::stderr(), "dumped {name}{at}: {}", told(&summary))?;
        return Ok(());
    };
    let (summary, bytes) = save(source, target.file()).with_context(cannot)?;
    target.publish().with_context(cannot)?;
    writeln!(
        io::stdout(),
        "dumped {name}{at} to {}: {}, {}",
        arguments.file.display(),
        told(&summary),
        HumanBytes(bytes)
    )?;
    Ok(())
}

/// What a dump holds, on a line.
pub(super) fn told(summary: &Summary) -> String {
    let Summary { entries, digest } = summary;
    format!("{entries} records, digest {digest}")
}

/// Writes a dump and reads it while it passes; answers how long it is, too.
fn save(source: Source, target: impl Write) -> anyhow::Result<(Summary, u64)> {
    let bar = bar(source.inodes * INODE_BYTES + source.allocated);
    let mut passing = Passing {
        stream: source.stream,
        target: BufWriter::with_capacity(WRITE_BYTES, target),
        bytes: 0,
    };
    let read = read(&mut passing, &bar);
    bar.finish_and_clear();
    let written = read.and_then(|summary| {
        passing.target.flush()?;
        Ok((summary, passing.bytes))
    });
    if let Err(SnapshotError::Truncated { .. }) = &written {
        // Who wrote it knows more than that it ended.
        drop(passing);
        (source.reason)()?;
    }
    Ok(written?)
}

fn read(stream: &mut impl Read, bar: &ProgressBar) -> Result<Summary, SnapshotError> {
    let mut reader = Reader::new(stream)?;
    while let Some(frame) = reader.next_frame()? {
        bar.inc(frame.len() as u64);
        if bar.length().is_some_and(|length| bar.position() > length) {
            bar.set_length(bar.position());
        }
    }
    reader.finish()
}

/// Draws nothing where standard error is not a terminal.
pub(super) fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} to go");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// What is read from the stream is written to the target.
struct Passing<R, W> {
    stream: R,
    target: W,
    bytes: u64,
}

impl<R: Read, W: Write> Read for Passing<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        if let Some(read) = buffer.get(..length) {
            self.target.write_all(read)?;
        }
        self.bytes += length as u64;
        Ok(length)
    }
}
