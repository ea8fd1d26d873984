//! Quotas on the screen.

use std::io::{self, Write};

use anyhow::Context;
use holdfast_fs::QuotaLine;
use holdfast_metadata::Amounts;

use super::amount::{show_bytes, show_number};
use crate::plain::plain;

/// A tree that is gone is counted until the files that were open are closed.
const REMOVED: &str = "(removed)";
/// A bind mount shows a part of the volume.
const ELSEWHERE: &str = "(not below this mount)";

/// A quota, with where its tree is.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) quota: QuotaLine,
    pub(super) root: Root,
}

/// Where the root of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    At(String),
    /// It cannot be seen through this mount.
    Elsewhere,
    /// Nowhere any more.
    Removed,
}

pub(super) fn print(quotas: &[Shown]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{:>12}  {:>12}  {:>12}  {:>12}  PATH",
        "USED", "LIMIT", "INODES", "LIMIT"
    )?;
    for Shown { quota, root } in quotas {
        let (used, limits) = (quota.used, quota.limits);
        writeln!(
            output,
            "{:>12}  {:>12}  {:>12}  {:>12}  {}",
            show_bytes(used.bytes),
            show_bytes(limits.bytes),
            show_number(used.inodes),
            show_number(limits.inodes),
            path(root)
        )?;
    }
    Ok(())
}

pub(super) fn print_json(quotas: &[Shown]) -> anyhow::Result<()> {
    let limit = |limit: u64| (limit != Amounts::NO_LIMIT).then_some(limit);
    let quotas: Vec<_> = quotas
        .iter()
        .map(|Shown { quota, root }| {
            let path = match root {
                Root::At(path) => Some(path),
                Root::Elsewhere | Root::Removed => None,
            };
            serde_json::json!({
                "path": path,
                "ino": quota.root.get(),
                "bytes": quota.used.bytes,
                "bytes_limit": limit(quota.limits.bytes),
                "inodes": quota.used.inodes,
                "inodes_limit": limit(quota.limits.inodes),
            })
        })
        .collect();
    let mut output = io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &quotas).context("cannot print")?;
    writeln!(output)?;
    Ok(())
}

/// Users choose the names in it.
fn path(root: &Root) -> String {
    match root {
        Root::At(path) => plain(path),
        Root::Elsewhere => ELSEWHERE.to_owned(),
        Root::Removed => REMOVED.to_owned(),
    }
}
