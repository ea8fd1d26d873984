//! Bytes that an earlier Holdfast wrote are read, and written again the same.
//!
//! What it asserts: every file in `tests/fixtures/v1` decodes to the value it was made from and
//! encodes to the same bytes; the byte maps in `docs/formats` tell of every one of them and add up to
//! its length. A fixture is never changed: a new version of a format gets new ones.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod samples;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use holdfast_metadata::record::{
    Dentry, Extent, Inode, OrderEntry, Orphan, OutcomeRecord, Shared, Volume, Xattr,
};
use holdfast_metadata::store::View;
use holdfast_metadata::{Engine, MemoryEngine, digest, invariant, snapshot};

use fixture::{every_fixture, fixture, round_trips};

#[test]
fn the_volume_record_is_read_and_written_again() {
    round_trips("volume", &samples::volume(), Volume::decode, Volume::encode);
}

#[test]
fn inodes_are_read_and_written_again() {
    for (name, inode) in samples::inodes() {
        round_trips(name, &inode, Inode::decode, Inode::encode);
    }
}

#[test]
fn dentries_are_read_and_written_again() {
    round_trips("dentry", &samples::dentry(), Dentry::decode, Dentry::encode);
    round_trips(
        "order",
        &samples::order(),
        OrderEntry::decode,
        OrderEntry::encode,
    );
}

#[test]
fn extents_are_read_and_written_again() {
    for (name, extent) in samples::extents() {
        round_trips(name, &extent, Extent::decode, Extent::encode);
    }
    round_trips("shared", &samples::shared(), Shared::decode, Shared::encode);
}

#[test]
fn attributes_are_read_and_written_again() {
    let bytes = fixture("xattr");
    assert_eq!(Xattr::decode(&bytes).unwrap(), samples::XATTR);
    assert_eq!(Xattr::encode(samples::XATTR), bytes);
}

#[test]
fn orphans_are_read_and_written_again() {
    for (name, orphan) in samples::orphans() {
        round_trips(name, &orphan, Orphan::decode, Orphan::encode);
    }
}

#[test]
fn outcomes_are_read_and_written_again() {
    for (name, outcome) in samples::outcomes() {
        let record = OutcomeRecord { outcome };
        round_trips(name, &record, OutcomeRecord::decode, OutcomeRecord::encode);
    }
}

#[test]
fn keys_are_what_they_were() {
    for (name, key) in samples::keys() {
        assert_eq!(key, fixture(name), "{name}");
    }
}

#[test]
fn a_snapshot_is_read_and_written_again() {
    let bytes = fixture("snapshot");
    let engine = MemoryEngine::new();
    let summary = snapshot::read(&engine, &mut bytes.as_slice()).unwrap();
    let mut again = Vec::new();
    snapshot::write(&engine.view(), &mut again).unwrap();
    assert_eq!(again, bytes);
    assert_eq!(digest(&engine.view()), Ok(summary.digest));
    assert_eq!(summary.digest.to_string(), samples::SNAPSHOT_DIGEST);
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
    let mut entries = BTreeMap::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.insert(key.to_vec(), value.to_vec());
        Ok(ControlFlow::Continue(()))
    };
    engine.view().scan(&[], &[0xff], visit).unwrap();
    assert_eq!(entries, samples::state());
}

#[test]
fn a_later_version_is_refused_by_name() {
    for name in every_fixture() {
        let mut bytes = fixture(&name);
        let Some(decode) = samples::decoder(&name) else {
            continue;
        };
        if let Some(version) = bytes.first_mut() {
            *version = 200;
            let refusal = decode(&bytes).unwrap_err().to_string();
            assert!(
                refusal.contains("version 200, known up to"),
                "{name}: {refusal}"
            );
        }
    }
}

#[test]
fn the_documents_tell_of_every_byte() {
    let maps = documents::byte_maps();
    for name in every_fixture() {
        let length = fixture(&name).len();
        let map = maps
            .get(&name)
            .unwrap_or_else(|| panic!("docs/formats lacks {name}.hex"));
        assert!(
            map.admits(length),
            "{name}.hex has {length} bytes, the document says {map:?}"
        );
    }
    for name in maps.keys() {
        assert!(
            every_fixture().contains(name),
            "{name}.hex is in docs/formats and not there"
        );
    }
}
