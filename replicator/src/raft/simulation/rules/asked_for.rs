//! Nothing is in the log that nobody asked for: a request under another number would be run twice.

use std::collections::BTreeSet;

use super::{Effects, key};
use crate::raft::simulation::history::Change;

pub(super) fn check(changes: &[Change], effects: &Effects) -> Result<(), String> {
    let asked = changes.iter().map(|change| key(change.request));
    let asked: BTreeSet<_> = asked.collect();
    match effects.iter().find(|(key, _)| !asked.contains(key)) {
        None => Ok(()),
        Some((key, (index, outcome))) => Err(format!(
            "nobody asked for {key:?} at {index}, which makes {outcome:?}"
        )),
    }
}
