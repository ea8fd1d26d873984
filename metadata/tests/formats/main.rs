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

use holdfast_metadata::catalog::{
    Catalog, CatalogCommand, CatalogRecord, DeletionsRecord, NodeRecord, NodeRole, ReplicationMode,
    VolumeRecord,
};
use holdfast_metadata::dump::{self, Filesystem};
use holdfast_metadata::record::{
    Dentry, Extent, Inode, LockCount, LockRecord, OrderEntry, Orphan, OutcomeRecord, OwnerQuota,
    PendingRecord, PositionRecord, Quota, SessionRecord, Shared, TurnRecord, Volume, WaiterRecord,
    Xattr,
};
use holdfast_metadata::store::Batch;
use holdfast_metadata::{Engine, LogIndex, MemoryEngine, Position, invariant, snapshot};

use fixture::{entries, every_fixture, fixture, hexadecimal, round_trips, snapshot_round_trips};

#[test]
fn the_volume_record_is_read_and_written_again() {
    for (name, volume) in samples::volumes() {
        round_trips(name, &volume, Volume::decode, Volume::encode);
    }
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
fn quotas_are_read_and_written_again() {
    for (name, quota) in samples::quotas() {
        round_trips(name, &quota, Quota::decode, Quota::encode);
    }
    round_trips(
        "owner",
        &samples::owner_quota(),
        OwnerQuota::decode,
        OwnerQuota::encode,
    );
}

#[test]
fn outcomes_are_read_and_written_again() {
    for (name, outcome) in samples::outcomes() {
        let record = OutcomeRecord { outcome };
        round_trips(name, &record, OutcomeRecord::decode, OutcomeRecord::encode);
    }
}

#[test]
fn sessions_and_positions_are_read_and_written_again() {
    round_trips(
        "session",
        &samples::session(),
        SessionRecord::decode,
        SessionRecord::encode,
    );
    let bytes = fixture("position");
    assert_eq!(PositionRecord::decode(&bytes).unwrap(), samples::NOTE);
    assert_eq!(PositionRecord::encode(samples::NOTE), bytes);
}

#[test]
fn locks_are_read_and_written_again() {
    for (name, lock) in samples::held_locks() {
        round_trips(name, &lock, LockRecord::decode, LockRecord::encode);
    }
    round_trips(
        "locks",
        &samples::lock_count(),
        LockCount::decode,
        LockCount::encode,
    );
    round_trips(
        "waiter",
        &samples::waiter(),
        WaiterRecord::decode,
        WaiterRecord::encode,
    );
    round_trips(
        "pending",
        &samples::pending(),
        PendingRecord::decode,
        PendingRecord::encode,
    );
    round_trips(
        "turn",
        &samples::turn(),
        TurnRecord::decode,
        TurnRecord::encode,
    );
}

#[test]
fn the_catalog_is_read_and_written_again() {
    for (name, record) in samples::catalogs() {
        round_trips(name, &record, CatalogRecord::decode, CatalogRecord::encode);
    }
    round_trips(
        "deletions",
        &samples::deletions(),
        DeletionsRecord::decode,
        DeletionsRecord::encode,
    );
    for (name, node) in samples::catalog_nodes() {
        let decode = |bytes: &[u8]| NodeRecord::decode(samples::CATALOG_ID, bytes);
        round_trips(name, &node, decode, NodeRecord::encode);
    }
    for (name, volume) in samples::catalog_volumes() {
        let decode = |bytes: &[u8]| VolumeRecord::decode(samples::CATALOG_ID, bytes);
        round_trips(name, &volume, decode, VolumeRecord::encode);
    }
}

#[test]
fn the_keys_of_the_catalog_are_what_they_were() {
    let catalog = Catalog::open(MemoryEngine::new()).unwrap();
    let commands = [
        CatalogCommand::CreateCluster {
            cluster_id: [1; 16],
        },
        CatalogCommand::AddNode {
            id: samples::CATALOG_ID,
            address: "host:7100".to_owned(),
            incarnation: [2; 16],
        },
        CatalogCommand::SetNodeRole {
            id: samples::CATALOG_ID,
            role: NodeRole::Voter,
        },
        CatalogCommand::CreateVolume {
            name: "a".to_owned(),
            replication: ReplicationMode::All,
            format: samples::catalog_volumes()[0].1.format,
        },
        CatalogCommand::AddNode {
            id: samples::CATALOG_ID + 1,
            address: "host:7101".to_owned(),
            incarnation: [3; 16],
        },
        CatalogCommand::RemoveNode {
            id: samples::CATALOG_ID + 1,
        },
        CatalogCommand::CreateVolume {
            name: "b".to_owned(),
            replication: ReplicationMode::All,
            format: samples::catalog_volumes()[0].1.format,
        },
        CatalogCommand::DeleteVolume {
            name: "b".to_owned(),
            request: Some([4; 16]),
        },
    ];
    let position = Position {
        index: LogIndex(1),
        record: bytes::Bytes::new(),
    };
    for outcome in catalog.apply_at(position, &commands).unwrap() {
        outcome.unwrap();
    }
    let keys: Vec<Vec<u8>> = entries(catalog.engine()).into_keys().collect();
    let fixtures = [
        "key_position",
        "key_catalog",
        "key_deletions",
        "key_node",
        "key_removed",
        "key_listed",
    ];
    assert_eq!(keys, fixtures.map(fixture));
}

#[test]
fn keys_are_what_they_were() {
    for (name, key) in samples::keys() {
        assert_eq!(key, fixture(name), "{name}");
    }
}

#[test]
fn a_snapshot_is_read_and_written_again() {
    let engine = snapshot_round_trips("snapshot", samples::SNAPSHOT_DIGEST, &samples::state());
    // It is older than sessions, so that nobody would ask for the outcome it holds.
    let violations = invariant::check(&engine.view(), &mut |_| ()).unwrap();
    let violations: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(
        violations,
        ["sessions: outcome 2 belongs to session 1, which is not open"]
    );
}

#[test]
fn a_snapshot_of_a_replica_is_read_and_written_again() {
    let state = samples::replicated_state();
    let engine = snapshot_round_trips("snapshot_replicated", samples::REPLICATED_DIGEST, &state);
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
}

#[test]
fn a_snapshot_with_locks_is_read_and_written_again() {
    let state = samples::locked_state();
    let engine = snapshot_round_trips("snapshot_locked", samples::LOCKED_DIGEST, &state);
    assert_eq!(
        invariant::check(&engine.view(), &mut |_| ()),
        Ok(Vec::new())
    );
}

#[test]
fn a_dump_is_read_and_written_again() {
    let bytes = fixture("dump");
    let engine = MemoryEngine::new();
    for (key, value) in samples::replicated_state() {
        let mut batch = Batch::default();
        batch.set(key, Some(value.into()));
        engine.commit(batch).unwrap();
    }
    let mut written = Vec::new();
    snapshot::write(&Filesystem::of(engine.view()).unwrap(), &mut written).unwrap();
    assert!(
        written == bytes,
        "dump.hex is not {}",
        hexadecimal(&written)
    );
    let loaded = MemoryEngine::new();
    let summary = dump::restore(&loaded, 7, &mut bytes.as_slice()).unwrap();
    assert_eq!(summary.digest.to_string(), samples::DUMP_DIGEST);
    assert_eq!(
        invariant::check(&loaded.view(), &mut |_| ()),
        Ok(Vec::new())
    );
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
