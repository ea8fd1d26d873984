//! What is done in a cluster, and by which mounts.

use std::cmp::Reverse;
use std::time::Duration;

use holdfast_replicator::{OperationRate, Rates};
use serde::Serialize;

use super::Picture;

/// So many directories are shown of all volumes together.
const DIRECTORIES_MAX: usize = 20;

/// One kind of call, between two looks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OperationPicture {
    pub(crate) volume: String,
    pub(crate) operation: String,
    /// `command` or `query`.
    pub(crate) kind: &'static str,
    pub(crate) count: u64,
    pub(crate) median_micros: Option<u64>,
    pub(crate) p99_micros: Option<u64>,
}

/// One mount. What a browser could not hold as a number is text.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SessionPicture {
    pub(crate) volume: String,
    pub(crate) session: String,
    pub(crate) host: String,
    pub(crate) process: u32,
    pub(crate) version: String,
    pub(crate) mountpoint: String,
    pub(crate) opened: i64,
    /// Known where the volume is led.
    pub(crate) silent_milliseconds: Option<u64>,
    /// Between two looks.
    pub(crate) calls: Option<u64>,
}

/// One directory in which names are looked for or changed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DirectoryPicture {
    pub(crate) volume: String,
    pub(crate) inode: String,
    /// From the root of the volume, if somebody was asked for it and knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// Between two looks, from samples.
    pub(crate) calls: u64,
}

/// All changes together, or all reads.
#[derive(Debug, Serialize)]
pub(crate) struct LoadPicture {
    pub(crate) count: u64,
    pub(crate) median_micros: Option<u64>,
    pub(crate) p99_micros: Option<u64>,
}

impl LoadPicture {
    pub(crate) fn of(rate: &OperationRate) -> LoadPicture {
        LoadPicture {
            count: rate.count(),
            median_micros: micros(rate, 500),
            p99_micros: micros(rate, 990),
        }
    }
}

/// By volume and name.
pub(crate) fn operations(rates: &Rates, picture: &Picture) -> Vec<OperationPicture> {
    let operations = rates.operations.iter();
    let pictures = operations.map(|((group, operation), rate)| OperationPicture {
        volume: picture.group_name(*group).to_owned(),
        operation: operation.clone(),
        kind: if rate.is_change { "command" } else { "query" },
        count: rate.count(),
        median_micros: micros(rate, 500),
        p99_micros: micros(rate, 990),
    });
    pictures.collect()
}

/// Those that are asked for most come first, and no more than so many.
pub(crate) fn directories(rates: &Rates, picture: &Picture) -> Vec<DirectoryPicture> {
    let directories = rates.directories.iter();
    let pictures = directories.map(|((group, inode), calls)| DirectoryPicture {
        volume: picture.group_name(*group).to_owned(),
        inode: inode.to_string(),
        path: None,
        calls: *calls,
    });
    let mut pictures: Vec<DirectoryPicture> = pictures.collect();
    pictures.sort_by_key(|one| Reverse(one.calls));
    pictures.truncate(DIRECTORIES_MAX);
    pictures
}

fn micros(rate: &OperationRate, thousandths: u64) -> Option<u64> {
    rate.quantile(thousandths)
        .map(|time: Duration| time.as_micros() as u64)
}
