//! What is told to who watches.

use holdfast_metadata::{Change, Happened, LogIndex, Timestamp};

use super::values::{encode_kind, encode_time};
use crate::generated as wire;

/// A change at a place in the log, asked for at a time, with the paths of its moment; no path is one that is not known.
pub fn watched_change(
    (index, time): (LogIndex, Timestamp),
    change: &Change,
    path: Option<Vec<u8>>,
    from: Option<Vec<u8>>,
) -> wire::WatchedChange {
    let happened = match change.happened {
        Happened::Made(_) => wire::Happening::Made,
        Happened::Linked(_) => wire::Happening::Linked,
        Happened::Removed(_) => wire::Happening::Removed,
        Happened::Renamed { .. } => wire::Happening::Renamed,
        Happened::Exchanged { .. } => wire::Happening::Exchanged,
        Happened::Content => wire::Happening::Content,
        Happened::Attributes => wire::Happening::Attributes,
    };
    wire::WatchedChange {
        index: index.0,
        time: Some(encode_time(time)),
        happened: happened.into(),
        ino: change.ino.get(),
        kind: encode_kind(change.kind),
        path: path.unwrap_or_default().into(),
        from: from.unwrap_or_default().into(),
    }
}
