//! Whatever stands after `-o`, and whatever is to be mounted: it is understood, or refused in words.

use std::ffi::OsStr;
use std::time::Instant;

use holdfast_tests::Random;
use holdfast_tests::fuzz::mutate;

use super::*;
use crate::tree::Tree;

const CASES: u64 = 100_000;

const OPTIONS: [&str; 8] = [
    "ro,noatime,nodiratime,nodev,nosuid,noexec,sync",
    "soft=0.5,durability=fsync",
    "soft=1e9",
    "soft=18446744073709551615",
    "fsname=\"a,b\",x-systemd.automount,_netdev",
    "locks=cluster,allow_other,defaults",
    "remount,rw,user_id=0,group_id=0,max_read=131072",
    "entry_timeout=1e18,cache=64,attr_timeout=nan,threads=2",
];
const SOURCES: [&str; 4] = [
    "a:1,b.example:2/home",
    "[::1]:7420/x",
    "/srv/data",
    "a:70000",
];

#[test]
fn mount_options_are_understood_or_refused() {
    let mut random = Random::announced();
    let all = OPTIONS.join(",");
    for case in 0..CASES {
        let options = OPTIONS[random.below(8) as usize];
        let mutated = if case < 8 {
            OPTIONS[case as usize].as_bytes().to_vec()
        } else {
            mutate(&mut random, options.as_bytes(), all.as_bytes())
        };
        let text = String::from_utf8_lossy(&mutated);
        for kind in [TreeKind::Data, TreeKind::Cluster] {
            match Settings::parse(kind, [&*text]) {
                Ok(settings) => {
                    let soft = settings.soft.unwrap_or_default();
                    assert!(Instant::now().checked_add(soft).is_some(), "{text}");
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn what_is_to_be_mounted_is_understood_or_refused() {
    let mut random = Random::announced();
    for _ in 0..CASES {
        let [source, other] = [(); 2].map(|()| SOURCES[random.below(4) as usize].as_bytes());
        let mutated = mutate(&mut random, source, other);
        let text = String::from_utf8_lossy(&mutated);
        if let Ok(Tree::Cluster(volume)) = Tree::from_source(OsStr::new(&*text), |_| false) {
            let shown = volume.to_string();
            let again = Tree::from_source(OsStr::new(&shown), |_| false);
            assert_eq!(again, Ok(Tree::Cluster(volume)), "{text}");
        }
    }
}
