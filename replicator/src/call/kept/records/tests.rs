//! What is known, and what goes.

use holdfast_metadata::keys;

use super::*;

const YOUNG_MAX: usize = 1024;

fn record(ino: u64, value: &'static str) -> proto::Record {
    proto::Record {
        key: keys::inode(InodeId::new(ino)).into(),
        value: Some(Bytes::from_static(value.as_bytes())),
    }
}

fn come(records: &mut Records, record: proto::Record) {
    records.take(proto::Copies {
        records: vec![record],
        ..proto::Copies::default()
    });
}

fn known(records: &Records, ino: u64) -> Option<&[u8]> {
    match records.get(&keys::inode(InodeId::new(ino))) {
        Known::Value(value) => Some(value),
        Known::NoValue | Known::Nothing => None,
    }
}

#[test]
fn what_came_is_known_until_it_is_dropped() {
    let mut records = Records::new(YOUNG_MAX);
    come(&mut records, record(7, "one"));
    come(&mut records, record(8, "eight"));
    come(&mut records, record(7, "two"));
    assert_eq!(known(&records, 7), Some(&b"two"[..]));
    records.take(proto::Copies {
        dropped: vec![7],
        ..proto::Copies::default()
    });
    assert_eq!(
        (known(&records, 7), known(&records, 8).is_some()),
        (None, true)
    );
    records.take(proto::Copies {
        reset: true,
        ..proto::Copies::default()
    });
    assert_eq!(known(&records, 8), None);
}

#[test]
fn names_are_unknown_unless_the_directory_is_known_as_a_whole() {
    let mut records = Records::new(YOUNG_MAX);
    let name = keys::dentry(InodeId::new(7), b"name");
    come(&mut records, record(7, "no directory"));
    assert_eq!(records.get(&name), Known::Nothing);
    let there = proto::Record {
        key: name.clone().into(),
        value: None,
    };
    come(&mut records, there);
    assert_eq!(records.get(&name), Known::NoValue);
    let attribute = keys::xattr(InodeId::new(7), b"name");
    assert_eq!(records.get(&attribute), Known::Nothing);
}

#[test]
fn when_there_are_too_many_those_go_that_have_not_changed_for_longest() {
    let mut records = Records::new(YOUNG_MAX);
    let most = YOUNG_MAX as u64;
    come(&mut records, record(1, "first"));
    for ino in 2..=most {
        come(&mut records, record(ino, "x"));
    }
    come(&mut records, record(most + 1, "young"));
    assert!(known(&records, 1).is_some() && known(&records, 2).is_some());
    come(&mut records, record(1, "changed"));
    for ino in 0..most {
        come(&mut records, record(2 * most + ino, "x"));
    }
    assert_eq!(known(&records, 1), Some(&b"changed"[..]));
    assert_eq!(known(&records, 2), None);
    assert!(records.young.len() + records.old.len() <= 2 * YOUNG_MAX);
}
