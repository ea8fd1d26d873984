//! Quotas on the screen.

use std::io::{self, Write};

use anyhow::Context;
use holdfast_fs::QuotaLine;
use holdfast_metadata::Amounts;

use super::amount::{show_bytes, show_number};

/// A tree that is gone is counted until the files that were open are closed.
const REMOVED: &str = "(removed)";

pub(super) fn print(quotas: &[QuotaLine]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{:>12}  {:>12}  {:>12}  {:>12}  PATH",
        "USED", "LIMIT", "INODES", "LIMIT"
    )?;
    for quota in quotas {
        let (used, limits) = (quota.used, quota.limits);
        writeln!(
            output,
            "{:>12}  {:>12}  {:>12}  {:>12}  {}",
            show_bytes(used.bytes),
            show_bytes(limits.bytes),
            show_number(used.inodes),
            show_number(limits.inodes),
            path(quota).unwrap_or(REMOVED)
        )?;
    }
    Ok(())
}

pub(super) fn print_json(quotas: &[QuotaLine]) -> anyhow::Result<()> {
    let limit = |limit: u64| (limit != Amounts::NO_LIMIT).then_some(limit);
    let quotas: Vec<_> = quotas
        .iter()
        .map(|quota| {
            serde_json::json!({
                "path": path(quota),
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

fn path(quota: &QuotaLine) -> Option<&str> {
    (!quota.path.is_empty()).then_some(&*quota.path)
}
