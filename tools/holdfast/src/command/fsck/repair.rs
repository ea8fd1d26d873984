//! `--repair`: of the data directory of a mount.

use std::path::Path;

use anyhow::{Context, anyhow};
use holdfast_metadata::invariant::{self, Repair};
use holdfast_metadata::{Fault, RocksEngine, RocksOptions};
use holdfast_replicator::{DataDirectory, StoppedNode};

use super::{Checked, Finding, opened, store_damaged, with_progress};
use crate::{clock, data_path};

/// What was mended, and what is left.
pub(super) fn repair(given: &Path) -> anyhow::Result<Checked> {
    let cannot = || format!("cannot repair {}", given.display());
    let data = data_path::resolve(given).with_context(cannot)?;
    if StoppedNode::open(&data).with_context(cannot)?.is_some() {
        return Err(not_in_a_cluster(&given.display().to_string()));
    }
    let open = || DataDirectory::open_to_repair(&data);
    let mended = match opened(open).with_context(cannot)? {
        Ok(directory) => mend(&directory.store()),
        Err(damage) => return Ok(found(Vec::new(), damage)),
    };
    match mended {
        Ok(Repair { mended, left }) => {
            let findings = |violations: Vec<_>| violations.into_iter().map(Finding::from).collect();
            Ok(found(findings(mended), findings(left)))
        }
        Err(Fault::Corrupt { what, detail }) => {
            Ok(found(Vec::new(), store_damaged(&what, &detail)))
        }
        Err(fault @ (Fault::NoSpace | Fault::Io(_))) => Err(fault).with_context(cannot),
    }
}

/// Who asks for it there hears what helps instead.
pub(super) fn not_in_a_cluster(what: &str) -> anyhow::Error {
    anyhow!(
        "cannot repair {what}: --repair is for the data directory of a mount on one machine. A node whose copy is damaged is \
         replaced by one with an empty directory, which takes its copy from the others (docs/operations/fsck.md)"
    )
}

fn mend(store: &Path) -> Result<Repair, Fault> {
    let engine = RocksEngine::open(store, &RocksOptions::default())?;
    let now = clock::now();
    let repaired = with_progress(|progress| invariant::repair(&engine, now, progress))?;
    engine.flush()?;
    Ok(repaired)
}

fn found(repaired: Vec<Finding>, left: Vec<Finding>) -> Checked {
    Checked {
        findings: left,
        repaired,
        ..Checked::default()
    }
}
