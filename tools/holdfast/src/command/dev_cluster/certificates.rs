//! The certificates of a cluster for trying things out.

use std::path::{Path, PathBuf};

use holdfast_replicator::{Holder, Rights, Volumes};

use crate::command::pki::{Authority, Lifetime};

/// Nobody tries things out for longer.
const GOOD: Lifetime = Lifetime::years(1);
/// The client that may do everything.
const CLIENT: &str = "admin";

/// An authority, a certificate for each node, and one for a client that may do everything.
#[derive(Debug)]
pub(super) struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Makes them; an authority that is there from the last time goes on.
    pub(super) fn make(directory: &Path, nodes: u16) -> anyhow::Result<Certificates> {
        let certificates = Certificates {
            directory: directory.join("pki"),
        };
        let authority = if certificates.directory.exists() {
            Authority::open(&certificates.directory)?
        } else {
            Authority::make(&certificates.directory, "holdfast dev-cluster", GOOD)?
        };
        for id in 1..=nodes {
            authority.issue(&Holder::Node(id.into()), &certificates.node(id), GOOD)?;
        }
        let rights = Rights {
            volumes: Volumes::All,
            admin: true,
            ..Rights::new(CLIENT)?
        };
        authority.issue(&Holder::Client(rights), &certificates.client(), GOOD)?;
        Ok(certificates)
    }

    /// What a node shows.
    pub(super) fn node(&self, id: u16) -> PathBuf {
        self.directory.join(format!("node-{id}"))
    }

    /// What a client shows.
    pub(super) fn client(&self) -> PathBuf {
        self.directory.join(format!("client-{CLIENT}"))
    }
}
