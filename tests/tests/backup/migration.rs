//! From one machine to a cluster and back.

use std::fs::{self, File};

use holdfast_tests::tree::{look, plant, unfix};
use holdfast_tests::{Cluster, Mounted, Setup, place, run};

use super::{digest_in, dump_data, holdfast, load_data};

#[test]
fn a_volume_goes_from_one_machine_to_a_cluster_and_back_with_equal_digest() {
    let scratch = place::scratch();
    let file = |name: &str| scratch.path().join(name);
    let mut origin = Setup::default().options("noatime").mount();
    plant(origin.root());
    let seen = look(origin.root());
    origin.unmount();
    let digest = dump_data(origin.data(), &file("one"));

    let cluster = Cluster::start(3);
    let one = file("one").display().to_string();
    let loaded = cluster.holdfast(&["load", "home", &one]).success();
    assert_eq!(digest_in(&loaded), digest);
    let mount = cluster.mount_volume(2, "home", "noatime");
    assert_eq!(look(mount.root()), seen);
    // Open and without a name: of those who have it mounted, not of the filesystem.
    let orphan = File::create(mount.path("orphan")).unwrap();
    fs::remove_file(mount.path("orphan")).unwrap();
    let counted = mount.path("limited/orphan");
    let in_a_quota = File::create(&counted).unwrap();
    fs::remove_file(&counted).unwrap();
    let two = file("two").display().to_string();
    cluster.holdfast(&["dump", "home", &two]).success();
    drop((orphan, in_a_quota));
    mount.unmount();

    let data = file("data");
    load_data(&data, &file("two")).success();
    let check = run(holdfast(&["fsck", "--data"]).arg(&data)).success();
    assert!(check.contains("is clean"), "{check}");
    let back = Setup::default().data(&data).options("noatime").mount();
    let mut seen_again = look(back.root());
    let mut seen = seen;
    // They have had a name more for a while.
    for changed in ["", "limited"] {
        let [before, after] = [&mut seen, &mut seen_again].map(|seen| {
            let line = seen.remove(std::path::Path::new(changed)).unwrap();
            line.split_once("quotas").unwrap().1.to_owned()
        });
        assert_eq!(before, after);
    }
    assert_eq!(seen_again, seen);
    unfix(back.root());
    back.shell("rm -rf ./*").success();
    // What is made now has numbers that nothing had.
    fs::write(back.path("new"), "new").unwrap();
}

#[test]
fn the_same_dump_comes_out_of_what_was_loaded() {
    let scratch = place::scratch();
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    let mut origin = Mounted::new();
    plant(origin.root());
    origin.unmount();
    let digest = dump_data(origin.data(), &one);
    let data = scratch.path().join("data");
    assert_eq!(digest_in(&load_data(&data, &one).success()), digest);
    assert_eq!(dump_data(&data, &two), digest);
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
}

#[test]
fn a_dump_goes_through_pipes() {
    let scratch = place::scratch();
    let mut origin = Mounted::new();
    fs::write(origin.path("file"), "content").unwrap();
    origin.unmount();
    let (data, program) = (scratch.path().join("data"), place::holdfast());
    let script = "\"$0\" dump --data \"$1\" - | \"$0\" load --data \"$2\" -";
    let piped = run(std::process::Command::new("sh")
        .args(["-ec", script])
        .args([&program, origin.data(), &data]));
    digest_in(&piped.success());
    let loaded = Setup::default().data(&data).mount();
    assert_eq!(fs::read_to_string(loaded.path("file")).unwrap(), "content");
}

#[test]
fn what_is_in_use_is_not_dumped_and_what_is_there_is_not_replaced() {
    let scratch = place::scratch();
    let file = scratch.path().join("dump");
    let mut mounted = Mounted::new();
    let in_use = run(holdfast(&["dump", "--data"]).arg(mounted.data()).arg(&file));
    assert!(in_use.stderr.contains("is in use"), "{}", in_use.stderr);
    assert!(!file.exists());
    mounted.unmount();
    dump_data(mounted.data(), &file);
    let again = run(holdfast(&["dump", "--data"]).arg(mounted.data()).arg(&file));
    assert!(again.stderr.contains("there already"), "{}", again.stderr);
    let over = load_data(mounted.data(), &file);
    assert!(
        over.stderr.contains("holds a volume already"),
        "{}",
        over.stderr
    );
}
