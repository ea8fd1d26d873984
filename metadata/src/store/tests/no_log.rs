//! An engine without a write-ahead log: what was synced is there, and no other end is gentler than a kill.

use super::super::{Engine, RocksEngine, RocksOptions};
use super::{batch, scan, small};

#[test]
fn without_a_log_only_what_was_synced_outlives_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let options = RocksOptions {
        write_ahead_log: false,
        ..small()
    };
    let engine = RocksEngine::create(&path, &options).unwrap();
    engine.commit(batch(&[(b"I1", Some(b"synced"))])).unwrap();
    engine.sync().unwrap();
    engine
        .commit(batch(&[(b"I1", Some(b"later")), (b"B1", Some(b"later"))]))
        .unwrap();
    drop(engine);
    let engine = RocksEngine::open(&path, &options).unwrap();
    let found = scan(&engine.view(), b"", b"\xff");
    assert_eq!(found, [(b"I1".to_vec(), b"synced".to_vec())]);
}
