//! `holdfast load`: a new volume from a dump.

mod remote;

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use holdfast_metadata::snapshot::Summary;
use holdfast_replicator::{DataDirectory, LoadError};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::dump::{bar, told};
use super::volume::Replication;
use crate::cluster::ClusterArguments;
use crate::takeover;

/// What is read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Make a new volume from a dump.
///
/// In a cluster: `holdfast load --cluster HOST:PORT VOLUME FILE`; a volume of that name must not be there. As a data directory
/// for `holdfast mount --data DIR MOUNTPOINT`: `holdfast load --data DIR FILE`; the directory must be empty or not there.
///
/// All of the dump is loaded, or nothing that could be mounted: a volume whose load was cut off is refused to whoever wants to
/// mount it, until it is deleted (`holdfast volume delete VOLUME --yes`); a data directory is loaded again, or removed.
/// With "-" the dump comes from standard input.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct LoadArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// Make a data directory, instead of a volume of a cluster
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// When a change of the volume is acknowledged, in a cluster
    #[arg(long, value_enum, default_value = "quorum")]
    pub(crate) replication: Replication,

    /// The name of the new volume of the cluster
    pub(crate) volume: Option<String>,

    /// What holdfast dump has written
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Does it.
pub(crate) fn run(arguments: &LoadArguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let mut dump = Dump::open(file)?;
    let (name, loaded) = match (&arguments.data, &arguments.volume) {
        (Some(_), Some(_)) => {
            bail!("a data directory has no name: say holdfast load --data DIR FILE")
        }
        (Some(data), None) => (data.display().to_string(), load_data(data, &mut dump)),
        (None, Some(volume)) => (
            format!("volume {volume}"),
            remote::load(arguments, volume, &mut dump),
        ),
        (None, None) => bail!("into which volume? Say holdfast load VOLUME FILE, or --data DIR"),
    };
    dump.bar.finish_and_clear();
    let summary = loaded.with_context(|| format!("cannot load {} into {name}", shown(file)))?;
    writeln!(io::stdout(), "loaded {name}: {}", told(&summary))?;
    Ok(())
}

fn load_data(data: &Path, dump: &mut Dump) -> anyhow::Result<Summary> {
    DataDirectory::restore(data, dump).map_err(|error| match error {
        LoadError::Open(error) => takeover::explain(error),
        error @ (LoadError::Occupied(_) | LoadError::Dump(_)) => error.into(),
    })
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    }
}

/// What is loaded, with a bar that says how far it was read.
struct Dump {
    input: BufReader<Box<dyn Read>>,
    bar: ProgressBar,
}

impl Dump {
    fn open(path: &Path) -> anyhow::Result<Dump> {
        let (input, bar): (Box<dyn Read>, ProgressBar) = if path == Path::new("-") {
            if io::stdin().is_terminal() {
                bail!("a terminal has no dump: name a file, or redirect the input");
            }
            (Box::new(io::stdin()), spinner())
        } else {
            let cannot = || format!("cannot read {}", path.display());
            let file = File::open(path).with_context(cannot)?;
            let metadata = file.metadata().with_context(cannot)?;
            let bar = if metadata.is_file() {
                bar(metadata.len())
            } else {
                spinner()
            };
            (Box::new(file), bar)
        };
        Ok(Dump {
            input: BufReader::with_capacity(READ_BYTES, input),
            bar,
        })
    }
}

/// Nobody knows how much it will be.
fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

impl Read for Dump {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.bar.inc(length as u64);
        Ok(length)
    }
}
