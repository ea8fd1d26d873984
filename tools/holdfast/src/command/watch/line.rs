//! A change as a line.

use holdfast_metadata::Day;
use holdfast_proto::{FileKind, Happening, WatchedChange};
use serde_json::{Map, Value};

use crate::clock;
use crate::plain::plain;

/// For people.
pub(super) fn plain_text(change: &WatchedChange) -> String {
    let (day, time) = time(change);
    let path = |path: &[u8]| match path {
        [] => format!("inode {}", change.ino),
        path => plain(&String::from_utf8_lossy(path)),
    };
    let what = word(change);
    let paths = match change.happened() {
        Happening::Renamed => format!("{} -> {}", path(&change.from), path(&change.path)),
        Happening::Exchanged => format!("{} <-> {}", path(&change.from), path(&change.path)),
        _ => path(&change.path),
    };
    format!("{:<9}  {day} {time}  {what:<10}  {paths}", change.index)
}

/// For programs.
pub(super) fn json(change: &WatchedChange) -> Value {
    let (day, time) = time(change);
    let nanoseconds = change.time.unwrap_or_default().nanoseconds;
    let mut line = Map::new();
    line.insert("index".to_owned(), change.index.into());
    let time = format!("{day}T{time}.{nanoseconds:09}Z");
    line.insert("time".to_owned(), time.into());
    line.insert("change".to_owned(), word(change).into());
    line.insert("kind".to_owned(), kind(change).into());
    line.insert("ino".to_owned(), change.ino.into());
    insert_path(&mut line, "path", &change.path);
    insert_path(&mut line, "from", &change.from);
    line.into()
}

/// JSON has no bytes: a path that is no text comes a second time, in hexadecimal digits.
fn insert_path(line: &mut Map<String, Value>, name: &str, path: &[u8]) {
    if path.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(path).into_owned();
    if text.as_bytes() != path {
        let digits: Vec<String> = path.iter().map(|byte| format!("{byte:02x}")).collect();
        line.insert(format!("{name}_hex"), digits.concat().into());
    }
    line.insert(name.to_owned(), text.into());
}

fn time(change: &WatchedChange) -> (Day, String) {
    clock::utc(change.time.unwrap_or_default().seconds)
}

/// What `strace` would call it.
fn word(change: &WatchedChange) -> &'static str {
    let kind = change.kind();
    match change.happened() {
        Happening::Made => match kind {
            FileKind::Directory => "mkdir",
            FileKind::Symlink => "symlink",
            FileKind::Fifo
            | FileKind::Socket
            | FileKind::CharacterDevice
            | FileKind::BlockDevice => "mknod",
            FileKind::Regular | FileKind::Unspecified => "create",
        },
        Happening::Linked => "link",
        Happening::Removed if kind == FileKind::Directory => "rmdir",
        Happening::Removed => "unlink",
        Happening::Renamed => "rename",
        Happening::Exchanged => "exchange",
        Happening::Content => "write",
        Happening::Attributes => "attributes",
        Happening::Unspecified => "unknown",
    }
}

fn kind(change: &WatchedChange) -> &'static str {
    match change.kind() {
        FileKind::Regular => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symlink",
        FileKind::Fifo => "fifo",
        FileKind::Socket => "socket",
        FileKind::CharacterDevice => "character device",
        FileKind::BlockDevice => "block device",
        FileKind::Unspecified => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use holdfast_proto::Timestamp;

    use super::*;

    fn change(happened: Happening, kind: FileKind, path: &'static [u8]) -> WatchedChange {
        WatchedChange {
            index: 41,
            time: Some(Timestamp {
                seconds: 951_782_400,
                nanoseconds: 5,
            }),
            happened: happened.into(),
            ino: 7,
            kind: kind.into(),
            path: path.into(),
            from: "/old".into(),
        }
    }

    #[test]
    fn people_read_what_happened_and_where() {
        let told = |happened, kind, path| {
            let line = plain_text(&change(happened, kind, path));
            line.split_once("00:00:00  ").unwrap().1.to_owned()
        };
        let line = plain_text(&change(Happening::Made, FileKind::Regular, b"/new"));
        assert_eq!(line, "41         2000-02-29 00:00:00  create      /new");
        let kind = FileKind::Directory;
        assert_eq!(
            told(Happening::Removed, kind, b"/a\n"),
            "rmdir       /a\\u{a}"
        );
        assert_eq!(
            told(Happening::Renamed, kind, b"/a"),
            "rename      /old -> /a"
        );
        assert_eq!(
            told(Happening::Content, FileKind::Regular, b""),
            "write       inode 7"
        );
    }

    #[test]
    fn programs_get_every_byte_of_a_path() {
        let line = json(&change(Happening::Renamed, FileKind::Fifo, b"/a\xff"));
        assert_eq!(
            line,
            serde_json::json!({
                "index": 41,
                "time": "2000-02-29T00:00:00.000000005Z",
                "change": "rename",
                "kind": "fifo",
                "ino": 7,
                "path": "/a\u{fffd}",
                "path_hex": "2f61ff",
                "from": "/old",
            })
        );
    }
}
