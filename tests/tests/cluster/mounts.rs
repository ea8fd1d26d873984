//! Two mounts on different nodes: what one acknowledged the other sees.

mod exchanged;
mod replaced;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

use holdfast_tests::{Cluster, ClusterMount, Load};
use nix::errno::Errno;

const ROUNDS: u32 = 300;

fn two_mounts(cluster: &Cluster) -> [ClusterMount; 2] {
    let leader = cluster.leader();
    let followers: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != leader)
        .collect();
    [
        cluster.mount(leader, "noatime"),
        cluster.mount(followers[0], "noatime"),
    ]
}

#[test]
fn what_one_mount_acknowledged_the_other_sees_at_once() {
    let cluster = Cluster::start(3);
    let mounts = two_mounts(&cluster);
    for round in 0..ROUNDS {
        let (here, there) = (
            &mounts[(round % 2) as usize],
            &mounts[(round + 1) as usize % 2],
        );
        let name = format!("file-{}", round % 7);
        let (path, seen) = (here.path(&name), there.path(&name));
        // Known to be absent there, so that a cached absence would show.
        assert!(fs::metadata(&seen).is_err(), "round {round}");
        let file = File::create_new(&path).unwrap();
        assert_eq!(fs::metadata(&seen).unwrap().len(), 0, "round {round}");
        let content = format!("content of round {round}");
        file.write_all_at(content.as_bytes(), 0).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&seen).unwrap(), content);
        fs::set_permissions(&path, Permissions::from_mode(0o600 + round % 8)).unwrap();
        let mode = fs::metadata(&seen).unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o600 + round % 8);
        let open = File::open(&seen).unwrap();
        fs::write(&path, "again").unwrap();
        let mut bytes = [0; 16];
        let length = open.read_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes[..length], b"again", "round {round}");
        fs::rename(&path, here.path("moved")).unwrap();
        let gone = holdfast_tests::errno(fs::metadata(&seen));
        assert_eq!(gone, Errno::ENOENT, "round {round}");
        assert_eq!(fs::read(there.path("moved")).unwrap(), b"again");
        fs::remove_file(there.path("moved")).unwrap();
        assert!(
            fs::read_dir(here.root()).unwrap().next().is_none(),
            "round {round}"
        );
    }
    for mount in mounts {
        mount.unmount();
    }
    cluster.assert_all_replicas_agree();
}

#[test]
fn two_mounts_see_the_same_while_the_leader_is_killed() {
    let mut cluster = Cluster::start(3);
    let mounts = two_mounts(&cluster);
    let client = cluster.client();
    let directory = client
        .mkdir(holdfast_metadata::InodeId::ROOT, "load")
        .unwrap();
    let load = Load::start(&client, directory, "file", 2);
    for round in 0..60 {
        let (here, there) = (&mounts[round % 2], &mounts[(round + 1) % 2]);
        if round % 20 == 10 {
            let leader = cluster.leader();
            cluster.kill(leader);
            cluster.restart(leader);
        }
        let name = format!("directory-{round}");
        fs::create_dir(here.path(&name)).unwrap();
        fs::write(there.path(&name).join("file"), &name).unwrap();
        assert_eq!(
            fs::read_to_string(here.path(&name).join("file")).unwrap(),
            name
        );
        fs::remove_file(here.path(&name).join("file")).unwrap();
        fs::remove_dir(there.path(&name)).unwrap();
    }
    let worked = load.stop();
    let listed = fs::read_dir(mounts[0].path("load")).unwrap();
    let names = listed.map(|entry| (entry.unwrap().file_name().into_string().unwrap(), 1));
    worked.assert_is_all_of(&names.collect());
    for mount in mounts {
        mount.unmount();
    }
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}
