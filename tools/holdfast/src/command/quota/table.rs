//! Quotas on the screen.

use std::io::{self, Write};

use anyhow::Context;
use holdfast_fs::{OwnerLine, QuotaLine};
use holdfast_metadata::{Amounts, Owner};
use serde_json::{Map, Value};

use super::amount::{show_bytes, show_number};
use super::owners;
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

/// A line of the table.
pub(super) struct Row {
    of: String,
    used: Amounts,
    limits: Amounts,
    /// What says whose it is.
    keys: Map<String, Value>,
}

impl Row {
    pub(super) fn of_tree(Shown { quota, root }: &Shown) -> Row {
        let (path, of) = match root {
            Root::At(path) => (Some(path.as_str()), path.as_str()),
            Root::Elsewhere => (None, ELSEWHERE),
            Root::Removed => (None, REMOVED),
        };
        let keys = [
            ("path".to_owned(), Value::from(path)),
            ("ino".to_owned(), Value::from(quota.root.get())),
        ];
        Row {
            of: of.to_owned(),
            used: quota.used,
            limits: quota.limits,
            keys: keys.into_iter().collect(),
        }
    }

    pub(super) fn of_owner(quota: &OwnerLine) -> Row {
        let (kind, number) = match quota.owner {
            Owner::User(_) => ("user", "uid"),
            Owner::Group(_) => ("group", "gid"),
        };
        let name = owners::name(quota.owner);
        let keys = [
            (kind.to_owned(), Value::from(&*name)),
            (number.to_owned(), Value::from(quota.owner.id())),
        ];
        Row {
            of: format!("{kind} {name}"),
            used: quota.used,
            limits: quota.limits,
            keys: keys.into_iter().collect(),
        }
    }

    fn into_json(self) -> Value {
        let limit = |limit: u64| (limit != Amounts::NO_LIMIT).then_some(limit);
        let mut object = self.keys;
        for (key, value) in [
            ("bytes", Some(self.used.bytes)),
            ("bytes_limit", limit(self.limits.bytes)),
            ("inodes", Some(self.used.inodes)),
            ("inodes_limit", limit(self.limits.inodes)),
        ] {
            object.insert(key.to_owned(), Value::from(value));
        }
        Value::Object(object)
    }
}

pub(super) fn print(rows: &[Row]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "{:>12}  {:>12}  {:>12}  {:>12}  OF",
        "USED", "LIMIT", "INODES", "LIMIT"
    )?;
    for row in rows {
        let (used, limits) = (row.used, row.limits);
        writeln!(
            output,
            "{:>12}  {:>12}  {:>12}  {:>12}  {}",
            show_bytes(used.bytes),
            show_bytes(limits.bytes),
            show_number(used.inodes),
            show_number(limits.inodes),
            // Users choose the names in it.
            plain(&row.of)
        )?;
    }
    Ok(())
}

pub(super) fn print_json(rows: Vec<Row>) -> anyhow::Result<()> {
    let rows: Vec<Value> = rows.into_iter().map(Row::into_json).collect();
    let mut output = io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &rows).context("cannot print")?;
    writeln!(output)?;
    Ok(())
}
