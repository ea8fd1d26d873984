//! `--repair`: of the data directory of a mount.

use std::path::Path;

use anyhow::{Context, anyhow};
use holdfast_metadata::invariant::{self, Repair, Violation};
use holdfast_metadata::{Fault, RocksEngine, RocksOptions};
use holdfast_replicator::{DataDirectory, StoppedNode};

use super::{Checked, Finding, missing, opened, store_damaged, with_progress};
use crate::{clock, data_path, one_line};

/// What was mended, and what is left.
pub(super) fn repair(given: &Path) -> anyhow::Result<Checked> {
    let cannot = || format!("cannot repair {}", given.display());
    let data = data_path::resolve(given).with_context(cannot)?;
    if StoppedNode::open(&data).with_context(cannot)?.is_some() {
        return Err(not_in_a_cluster(&given.display().to_string()));
    }
    let open = || DataDirectory::open_to_repair(&data);
    let directory = match opened(open).with_context(cannot)? {
        Ok(directory) => directory,
        Err(damage) => return Ok(found(Vec::new(), Ok(damage))),
    };
    let missing = missing(&directory).with_context(cannot)?;
    if !missing.is_empty() {
        return Ok(found(Vec::new(), Ok(missing)));
    }
    let (mended, left) = match mend(&directory.store()) {
        Ok(Repair { mended, left }) => (findings(mended), left.map(findings)),
        Err(fault) => (Vec::new(), Err(fault)),
    };
    if !mended.is_empty() {
        directory.note_repaired().with_context(cannot)?;
    }
    let left = match left {
        Err(Fault::Corrupt { what, detail }) => Ok(store_damaged(&what, &detail)),
        Err(fault @ (Fault::NoSpace | Fault::Io(_))) => {
            Err(one_line(&anyhow!(fault).context(cannot())))
        }
        Ok(left) => Ok(left),
    };
    Ok(found(mended, left))
}

/// Who asks for it there hears what helps instead.
pub(super) fn not_in_a_cluster(what: &str) -> anyhow::Error {
    anyhow!(
        "cannot repair {what}: --repair is for the data directory of a mount on one machine. A node whose copy is damaged while a \
         majority of others has a sound one is replaced by a new one (docs/operations/fsck.md)"
    )
}

fn mend(store: &Path) -> Result<Repair, Fault> {
    let engine = RocksEngine::open(store, &RocksOptions::default())?;
    let now = clock::now();
    let repaired = with_progress(|progress| invariant::repair(&engine, now, progress));
    engine.flush()?;
    Ok(repaired)
}

fn findings(violations: Vec<Violation>) -> Vec<Finding> {
    violations.into_iter().map(Finding::from).collect()
}

/// What was mended is told also when it is not known what is left.
fn found(repaired: Vec<Finding>, left: Result<Vec<Finding>, String>) -> Checked {
    let (findings, unknown) = match left {
        Ok(findings) => (findings, Vec::new()),
        Err(reason) => (Vec::new(), vec![reason]),
    };
    Checked {
        findings,
        repaired,
        unknown,
        ..Checked::default()
    }
}
