//! What is mounted: two trees, and whatever serves them.

mod cluster;

use std::fs;
use std::path::Path;

use anyhow::Context;

use self::cluster::Cluster;
use crate::arguments::Backend;
use crate::interrupt::Interrupt;

/// The names of the two trees.
pub(crate) const TEST: &str = "holdfast-test";
pub(crate) const SCRATCH: &str = "holdfast-scratch";

/// Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// What stands before the name of a tree, and a slash, where Holdfast is told what to mount.
    pub(crate) trees: String,
    /// Ended by its destructor.
    _cluster: Option<Cluster>,
}

/// Makes the trees in an empty directory.
pub(crate) fn start(
    backend: Backend,
    holdfast: &Path,
    data: &Path,
    interrupt: &Interrupt,
) -> anyhow::Result<Running> {
    match backend {
        Backend::Noop => {
            for name in [TEST, SCRATCH] {
                let path = data.join(name);
                fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
            }
            let trees = data.display().to_string();
            Ok(Running {
                trees,
                _cluster: None,
            })
        }
        Backend::Cluster => {
            let cluster = Cluster::start(holdfast, data, interrupt)?;
            for name in [TEST, SCRATCH] {
                cluster.make_volume(name)?;
            }
            let trees = cluster.addresses().to_owned();
            Ok(Running {
                trees,
                _cluster: Some(cluster),
            })
        }
    }
}
