//! Which certificates a command shows.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueHint};
use holdfast_replicator::Tls;

/// Wherever a command talks to a cluster.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TlsArguments {
    /// Certificates of this program (`ca.crt`, `tls.crt`, `tls.key`, as `holdfast pki issue` makes them), for a cluster with TLS
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, env = "HOLDFAST_TLS")]
    pub(crate) tls: Option<PathBuf>,
}

impl TlsArguments {
    /// Reads them, if any were named.
    pub(crate) fn open(&self) -> anyhow::Result<Option<Tls>> {
        open(self.tls.as_deref())
    }
}

/// Reads the certificates in a directory, if one was named.
pub(crate) fn open(directory: Option<&Path>) -> anyhow::Result<Option<Tls>> {
    let Some(directory) = directory else {
        return Ok(None);
    };
    // A daemon leaves the directory where it was started.
    let absolute = std::path::absolute(directory)
        .with_context(|| format!("cannot use {}", directory.display()))?;
    Ok(Some(Tls::open(&absolute)?))
}
