//! The byte maps of `docs/formats`: lines of a table such as
//! `` | `order.hex` | version 1, kind 1, ino 8, name * | ``.

use std::collections::BTreeMap;

/// How long a record is.
#[derive(Debug)]
pub(crate) struct ByteMap {
    fixed: usize,
    /// Whether a field has any length.
    open: bool,
}

impl ByteMap {
    pub(crate) fn admits(&self, length: usize) -> bool {
        length == self.fixed || (self.open && length >= self.fixed)
    }
}

pub(crate) fn byte_maps() -> BTreeMap<String, ByteMap> {
    let documents = [
        include_str!("../../../docs/formats/records.md"),
        include_str!("../../../docs/formats/snapshot.md"),
        include_str!("../../../docs/formats/dump.md"),
    ];
    let lines = documents.iter().flat_map(|document| document.lines());
    lines.filter_map(byte_map).collect()
}

fn byte_map(line: &str) -> Option<(String, ByteMap)> {
    let (name, fields) = line.strip_prefix("| `")?.split_once(".hex` | ")?;
    let fields = fields.split(" |").next()?;
    let mut map = ByteMap {
        fixed: 0,
        open: false,
    };
    for field in fields.split(", ").filter(|field| *field != "nothing") {
        match field.rsplit_once(' ').unwrap() {
            (_, "*") => map.open = true,
            (_, length) => map.fixed += length.parse::<usize>().unwrap(),
        }
    }
    Some((name.to_owned(), map))
}
