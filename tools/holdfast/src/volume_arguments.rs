//! Which volume of a cluster a command is about: that of a path of a mount, or one that is named.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use holdfast_replicator::FIRST_VOLUME;

use crate::cluster::Cluster;
use crate::mount_table::MountEntry;
use crate::tls_arguments::TlsArguments;
use crate::tree::ClusterVolume;

/// A path, or nodes and a name.
#[derive(Debug, Args)]
pub(crate) struct VolumeArguments {
    /// A file or directory of a mounted volume: only what is about it, and that volume whatever --cluster says
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) path: Option<PathBuf>,

    /// Nodes to ask, if there is no PATH
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        env = "HOLDFAST_CLUSTER"
    )]
    pub(crate) cluster: Vec<String>,

    #[command(flatten)]
    pub(crate) tls: TlsArguments,

    /// Which volume of the cluster [default: default]
    #[arg(long, value_name = "NAME", conflicts_with = "path")]
    pub(crate) volume: Option<String>,
}

/// The volume that is meant.
#[derive(Debug)]
pub(crate) struct MeantVolume {
    pub(crate) volume: ClusterVolume,
    /// The path without symlinks, and what it is on, if one was given.
    pub(crate) place: Option<(PathBuf, MountEntry)>,
}

impl VolumeArguments {
    /// `what` asks for what is missing, `elsewhere` says what to do about a path that is on no volume.
    pub(crate) fn meant(&self, what: &str, elsewhere: &str) -> anyhow::Result<MeantVolume> {
        if let Some(path) = &self.path {
            return mounted(path, elsewhere);
        }
        if self.cluster.is_empty() {
            bail!("{what} Name a path of a mounted volume, or say --cluster HOST:PORT");
        }
        let name = self.volume.as_deref().unwrap_or(FIRST_VOLUME);
        Ok(MeantVolume {
            volume: ClusterVolume::new(self.cluster.clone(), Some(name))?,
            place: None,
        })
    }

    /// The nodes of that volume.
    pub(crate) fn connect(&self, meant: &MeantVolume) -> anyhow::Result<Cluster> {
        Cluster::new(meant.volume.addresses.clone(), self.tls.open()?)
    }
}

fn mounted(path: &Path, elsewhere: &str) -> anyhow::Result<MeantVolume> {
    let absolute = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    let Some((volume, mount)) = ClusterVolume::around(&absolute)? else {
        bail!(
            "{} is not on a volume of a cluster: {elsewhere}",
            path.display()
        );
    };
    Ok(MeantVolume {
        volume,
        place: Some((absolute, mount)),
    })
}
