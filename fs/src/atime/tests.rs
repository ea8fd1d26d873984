//! Which reads move the access time.

use holdfast_metadata::{InodeId, Mode};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp {
        seconds,
        nanoseconds: 0,
    }
}

fn file(atime: i64, mtime: i64, ctime: i64) -> Attributes {
    Attributes {
        ino: InodeId::new(2),
        generation: 1,
        kind: FileKind::Regular,
        mode: Mode::new(0o644),
        flags: InodeFlags::default(),
        uid: 0,
        gid: 0,
        nlink: 1,
        device: 0,
        project: 0,
        size: 0,
        allocated: 0,
        xattrs: 0,
        atime: at(atime),
        mtime: at(mtime),
        ctime: at(ctime),
        btime: at(0),
    }
}

fn rules(policy: AtimePolicy) -> AtimeRules {
    AtimeRules {
        policy,
        directories: true,
        read_only: false,
    }
}

#[test]
fn relatime_touches_after_a_change_and_once_a_day() {
    let rules = rules(AtimePolicy::Relatime);
    assert!(rules.is_due(&file(100, 100, 50), at(101)));
    assert!(rules.is_due(&file(100, 50, 100), at(101)));
    assert!(!rules.is_due(&file(100, 99, 99), at(101)));
    assert!(!rules.is_due(&file(100, 99, 99), at(100 + RELATIME_SECONDS - 1)));
    assert!(rules.is_due(&file(100, 99, 99), at(100 + RELATIME_SECONDS)));
}

#[test]
fn strictatime_touches_always_and_noatime_never() {
    assert!(rules(AtimePolicy::Strict).is_due(&file(100, 1, 1), at(101)));
    assert!(!rules(AtimePolicy::Never).is_due(&file(1, 100, 100), at(101)));
}

#[test]
fn nodiratime_spares_directories_only() {
    let rules = AtimeRules {
        directories: false,
        ..rules(AtimePolicy::Strict)
    };
    let directory = Attributes {
        kind: FileKind::Directory,
        ..file(1, 2, 2)
    };
    assert!(!rules.is_due(&directory, at(9)));
    assert!(rules.is_due(&file(1, 2, 2), at(9)));
}

#[test]
fn chattr_and_a_read_only_mount_exempt() {
    let flags = InodeFlags::new(InodeFlags::NO_ATIME).unwrap();
    let exempt = Attributes {
        flags,
        ..file(1, 2, 2)
    };
    assert!(!rules(AtimePolicy::Strict).is_due(&exempt, at(9)));
    let rules = AtimeRules {
        read_only: true,
        ..rules(AtimePolicy::Strict)
    };
    assert!(!rules.is_due(&file(1, 2, 2), at(9)));
}

#[test]
fn rules_survive_packing() {
    for policy in [
        AtimePolicy::Relatime,
        AtimePolicy::Strict,
        AtimePolicy::Never,
    ] {
        for (directories, read_only) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let rules = AtimeRules {
                policy,
                directories,
                read_only,
            };
            assert_eq!(unpack(pack(rules)), rules);
        }
    }
}
