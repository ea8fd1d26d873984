//! Quotas of users and groups: what each has is counted wherever it is, and who would go beyond gets EDQUOT.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, chown};
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Finished, Mounted, errno, place, run, system, wait_until};
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

const SOON: Duration = Duration::from_secs(20);
const ALICE: u32 = 12_345;
const STAFF: u32 = 23_456;

fn quota(mounted: &Mounted, arguments: &[&str]) -> Finished {
    let mut command = Command::new(place::holdfast());
    run(command.arg("quota").args(arguments).arg(mounted.root()))
}

fn open_to_all() -> Mounted {
    let mounted = Mounted::new();
    mounted.shell("chmod 777 .").success();
    mounted
}

/// Bytes and inodes of one, as the volume counts them.
fn uses(mounted: &Mounted, owner: &str) -> (u64, u64) {
    let text = system::get_xattr(mounted.root(), &format!("holdfast.quota.{owner}")).unwrap();
    let text = String::from_utf8(text).unwrap();
    let used = |key: &str| {
        let word = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix(key));
        let (used, _) = word.unwrap_or("0/").split_once('/').unwrap();
        used.parse().unwrap()
    };
    (used("bytes="), used("inodes="))
}

#[track_caller]
fn refused(mounted: &Mounted, script: &str) {
    let finished = mounted.shell_as(ALICE, ALICE, script);
    assert!(!finished.status.success(), "{script}");
    let told = finished.stderr.to_lowercase();
    assert!(told.contains("quota exceeded"), "{script}: {told}");
}

#[test]
fn a_user_is_held_to_its_limit_and_others_are_not() {
    let mounted = open_to_all();
    let alice = |script: &str| mounted.shell_as(ALICE, ALICE, script);
    let limits = ["set", "--user", "12345", "--bytes", "1M", "--inodes", "4"];
    quota(&mounted, &limits).success();
    alice("mkdir d; ln -s x d/s; mkfifo d/p; : > d/f").success();
    for one_more in ["mkdir x", "ln -s x x", "mkfifo x", ": > x"] {
        refused(&mounted, one_more);
    }
    // A name is no inode, and a file that another is renamed over makes room.
    alice("ln d/f d/g; mv d/g d/s; rm d/p").success();
    wait_until("there is room", SOON, || {
        alice("mkdir x && rmdir x").status.success()
    });
    let block = "dd if=/dev/zero of=d/f bs=64k conv=notrunc status=none";
    alice(&format!("{block} count=16")).success();
    refused(&mounted, &format!("{block} count=1 seek=16"));
    refused(&mounted, "fallocate -l 2M d/f");
    refused(&mounted, "cp d/f d/h");
    alice("rm -f d/h; truncate -s 1T d/f; truncate -s 512k d/f").success();
    alice("fallocate -p -l 256k d/f").success();
    wait_until("the copy is reclaimed", SOON, || {
        uses(&mounted, "user.12345").0 == 256 << 10
    });
    assert_eq!(uses(&mounted, "group.12345").0, 256 << 10);
    // Root passes, and it counts; others have nothing to do with it.
    mounted
        .shell("dd if=/dev/zero of=d/f bs=1M count=2 conv=notrunc status=none; : > own")
        .success();
    assert_eq!(uses(&mounted, "user.12345").0, 2 << 20);
    refused(&mounted, "head -c 5 /dev/zero | cat >> d/f");
    mounted.shell_as(777, 777, "echo much > other").success();
}

#[test]
fn who_owns_a_file_pays_for_it() {
    let mounted = open_to_all();
    let path = mounted.path("file");
    fs::write(&path, vec![1; 100_000]).unwrap();
    let group = STAFF.to_string();
    let limits = ["set", "--group", &group, "--bytes", "50k"];
    quota(&mounted, &limits).success();
    chown(&path, Some(ALICE), Some(ALICE)).unwrap();
    assert_eq!(uses(&mounted, "user.12345"), (100_000, 1));
    // She is in the group, which has no room for it.
    let finished = mounted.shell_as(ALICE, STAFF, &format!("chgrp {group} file"));
    assert!(
        finished.stderr.contains("quota exceeded"),
        "{}",
        finished.stderr
    );
    assert_eq!(fs::metadata(&path).unwrap().gid(), ALICE);
    mounted
        .shell_as(
            ALICE,
            STAFF,
            &format!("truncate -s 50000 file; chgrp {group} file"),
        )
        .success();
    assert_eq!(uses(&mounted, "group.23456"), (50_000, 1));
    assert_eq!(uses(&mounted, "group.12345"), (0, 0));
    // What is made in a directory of the group is the group's.
    mounted
        .shell(&format!("mkdir d; chgrp {group} d; chmod 2777 d"))
        .success();
    refused(&mounted, "head -c 2000 /dev/zero > d/more");
    // To root, who gives a file away, it is no limit.
    fs::write(mounted.path("gift"), vec![1; 100_000]).unwrap();
    chown(mounted.path("gift"), Some(ALICE), Some(STAFF)).unwrap();
    assert_eq!(uses(&mounted, "user.12345").0, 150_000);
}

#[test]
fn what_is_there_is_counted_first_and_the_count_outlives_a_kill() {
    let mut mounted = open_to_all();
    mounted
        .shell_as(
            ALICE,
            ALICE,
            "for i in $(seq 300); do echo $i > $i; done; mkdir d",
        )
        .success();
    let listed = quota(&mounted, &["list", "--user", "12345"]).success();
    assert!(listed.contains("that is not counted"), "{listed}");
    quota(&mounted, &["on"]).success();
    let (bytes, inodes) = uses(&mounted, "user.12345");
    assert_eq!(inodes, 301);
    quota(&mounted, &["set", "--user", "12345", "--inodes", "302"]).success();
    mounted.kill();
    mounted.start();
    assert_eq!(uses(&mounted, "user.12345"), (bytes, 301));
    mounted.shell_as(ALICE, ALICE, ": > one").success();
    refused(&mounted, ": > more");
    let listed = quota(&mounted, &["list", "--all", "--json"]).success();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let rows = listed.as_array().unwrap();
    let alice = rows.iter().find(|row| row["uid"] == ALICE).unwrap();
    assert_eq!(alice["inodes"], 302);
    assert_eq!(alice["inodes_limit"], 302);
    assert_eq!(alice["bytes"], bytes);
    assert!(alice["bytes_limit"].is_null());
    let root = rows.iter().find(|row| row["user"] == "root").unwrap();
    assert_eq!(root["inodes"], 1);
    // A volume that counts no more has no limits.
    quota(&mounted, &["clear", "--user", "12345"]).success();
    mounted.shell_as(ALICE, ALICE, ": > more").success();
    mounted.unmount();
    let checked = mounted.fsck().success();
    assert!(checked.contains("clean"), "{checked}");
    mounted.start();
    quota(&mounted, &["set", "--user", "12345", "--inodes", "1"]).success();
    refused(&mounted, ": > again");
    quota(&mounted, &["off"]).success();
    mounted.shell_as(ALICE, ALICE, ": > again").success();
    assert_eq!(uses(&mounted, "user.12345"), (0, 0));
    let listed = quota(&mounted, &["list", "--all"]).success();
    assert!(listed.contains("the volume has no quota"), "{listed}");
    mounted.unmount();
    mounted.fsck().success();
}

#[test]
fn a_mapping_is_bound_whoever_wrote_to_it() {
    let mounted = open_to_all();
    let limits = ["set", "--user", "12345", "--bytes", "8k"];
    quota(&mounted, &limits).success();
    let path = mounted.path("file");
    fs::write(&path, "").unwrap();
    chown(&path, Some(ALICE), Some(ALICE)).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.unwrap();
    file.set_len(1 << 20).unwrap();
    let mut mapping = system::Mapping::shared(&file, 1 << 20).unwrap();
    mapping.bytes()[0] = 1;
    mapping.sync().unwrap();
    mapping.bytes().fill(1);
    // The kernel makes EIO of it when it finds the error by the flag of the mapping.
    let told = errno(mapping.sync());
    assert!([Errno::EDQUOT, Errno::EIO].contains(&told), "{told}");
    drop(mapping);
    assert!(fs::metadata(&path).unwrap().blocks() <= 16);
}

#[test]
fn everybody_sees_the_own_limits_and_root_alone_sets_them() {
    let mounted = open_to_all();
    let limits = ["set", "--user", "12345", "--bytes", "8M"];
    quota(&mounted, &limits).success();
    let program = place::holdfast();
    let program = program.display();
    let as_alice = |action: &str| {
        let script = format!("{program} quota {action} .");
        mounted.shell_as(ALICE, ALICE, &script)
    };
    as_alice("list").success();
    mounted.shell_as(ALICE, ALICE, ": > file").success();
    for own in ["list", "list --user 12345"] {
        let seen = as_alice(own).success();
        assert!(seen.contains("8.00 MiB"), "{seen}");
        assert!(seen.contains("user 12345"), "{seen}");
    }
    for action in [
        "set --user 12345 --bytes 1G",
        "clear --user 12345",
        "list --all",
        "list --user 0",
        "on",
        "off",
    ] {
        let refused = as_alice(action);
        assert!(!refused.status.success(), "{action}");
        assert!(refused.stderr.contains("only root"), "{}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
    // df shows the volume, as other filesystems do.
    assert!(statvfs(mounted.root()).unwrap().blocks() > 2048);
    let unknown = quota(&mounted, &["set", "--user", "no such", "--bytes", "1"]);
    assert!(
        unknown.stderr.contains("there is no user"),
        "{}",
        unknown.stderr
    );
    let listed = system::list_xattrs(mounted.root()).unwrap();
    assert_eq!(listed, Vec::<String>::new());
}
