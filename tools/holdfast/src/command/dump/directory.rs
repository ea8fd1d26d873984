//! A dump of a data directory that nobody uses.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, anyhow, bail, ensure};
use holdfast_metadata::dump::Filesystem;
use holdfast_metadata::snapshot;
use holdfast_metadata::{Engine, RocksEngine};
use holdfast_replicator::{DataDirectory, StoppedNode, StoredVolume};

use super::Source;
use crate::{data_path, takeover};

/// While this is there nobody can mount or start it.
type Held = Box<dyn Send>;

/// What a dump will hold.
struct Size {
    inodes: u64,
    allocated: u64,
}

pub(super) fn open(data: &Path, volume: Option<&str>, without_log: bool) -> anyhow::Result<Source> {
    let cannot = || format!("cannot dump {}", data.display());
    let path = data_path::resolve(data).with_context(cannot)?;
    let (held, store) = hold(&path, volume, without_log).with_context(cannot)?;
    let (input, output) = io::pipe().with_context(cannot)?;
    let (sizes, size) = mpsc::channel();
    let writing = thread::spawn(move || {
        let written = write(&store, &sizes, output);
        drop(held);
        written
    });
    let reason = move || {
        let written = writing.join();
        written.unwrap_or_else(|_| Err(anyhow!("the thread that reads has ended")))
    };
    let Ok(size) = size.recv() else {
        reason().with_context(cannot)?;
        bail!("{} cannot be read", data.display());
    };
    Ok(Source {
        name: data.display().to_string(),
        index: None,
        inodes: size.inodes,
        allocated: size.allocated,
        stream: Box::new(input),
        reason: Box::new(reason),
    })
}

/// The store to be read.
fn hold(path: &Path, volume: Option<&str>, without_log: bool) -> anyhow::Result<(Held, PathBuf)> {
    if let Some(node) = StoppedNode::open(path)? {
        let volume = of_node(&node, volume)?;
        if !without_log {
            check_applied(&node, &volume)?;
        }
        return Ok((Box::new(node), volume.store));
    }
    if let Some(volume) = volume {
        bail!("it has one volume, and no {volume:?}: say holdfast dump --data DIR FILE");
    }
    let open = || DataDirectory::open_read_only(path);
    let directory = takeover::open(open, || true).map_err(takeover::explain)?;
    directory.check_durable()?;
    let store = directory.store();
    Ok((Box::new(directory), store))
}

/// A dump shows what is applied, and of a node that was killed that may be little.
fn check_applied(node: &StoppedNode, volume: &StoredVolume) -> anyhow::Result<()> {
    let missing = node.commands_not_applied(volume).context(
        "what the log of the node has besides cannot be told; to dump without it: --without-log",
    )?;
    ensure!(
        missing == 0,
        "{missing} changes are only in the log of the node, and would not be in the dump: start the node as it always was, \
         so that it applies what it knows to be committed, stop it with SIGTERM and dump then. To leave out what its log has besides: \
         --without-log"
    );
    Ok(())
}

fn of_node(node: &StoppedNode, volume: Option<&str>) -> anyhow::Result<StoredVolume> {
    let volumes = node.volumes()?;
    let names: Vec<String> = volumes
        .iter()
        .map(|volume| {
            let name = volume.name.clone();
            name.unwrap_or_else(|| volume.number.to_string())
        })
        .collect();
    let Some(wanted) = volume else {
        bail!(
            "it is of a node: which volume? Say holdfast dump --data DIR VOLUME FILE; it has {}",
            names.join(", ")
        );
    };
    let place = names.iter().position(|name| name == wanted);
    let found = place.and_then(|place| volumes.get(place));
    let found = found.ok_or_else(|| {
        anyhow!(
            "the node has no volume {wanted:?}; it has {}",
            names.join(", ")
        )
    })?;
    Ok(found.clone())
}

fn write(store: &Path, sizes: &mpsc::Sender<Size>, output: impl Write) -> anyhow::Result<()> {
    let engine = RocksEngine::open_read_only(store)?;
    let filesystem = Filesystem::of(engine.view())?;
    let volume = filesystem.volume();
    if volume.load.is_some() {
        bail!("a load into it was cut off: it is no volume");
    }
    sizes.send(Size {
        inodes: volume.inodes,
        allocated: volume.allocated,
    })?;
    snapshot::write(&filesystem, &mut BufWriter::new(output))?;
    Ok(())
}
