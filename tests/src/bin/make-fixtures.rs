//! `make-fixtures DIRECTORY`: data directories as the program `HOLDFAST_BIN` leaves them, and what was to be seen of them.
//!
//! `tests/fixtures/README.md` says when.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use holdfast_metadata::LockMode;
use holdfast_tests::cluster::{ClusterSetup, SETTLED, VOLUME_NAME};
use holdfast_tests::fixtures::{End, FixtureSet, Known, LOCKED, SECOND_VOLUME, digest_in};
use holdfast_tests::locking::{Bytes, LockKind, set_lock};
use holdfast_tests::{Cluster, Setup, place, run, tree};
use nix::sched::{CloneFlags, unshare};

/// A snapshot soon, and a log that begins after its first entry.
const SETTINGS: &str = "[snapshots]\nentries = 100\nspacing_seconds = 1\nkeep = 20\n";
/// As long as there may be one. Nothing is in it.
const TRASH: &str = "trash=520w";

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("no directory")?;
    hide_machine()?;
    let set = FixtureSet::create(&PathBuf::from(directory));
    let version = run(Command::new(place::holdfast()).arg("version"));
    set.write("program", &version.success());
    for end in End::ALL {
        one_machine(&set, end)?;
        node(&set, end)?;
    }
    Ok(())
}

/// Tables and sessions have the name of the machine that made them.
fn hide_machine() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWUTS).context("as root")?;
    run(Command::new("hostname").arg("fixture")).success();
    Ok(())
}

fn one_machine(set: &FixtureSet, end: End) -> anyhow::Result<()> {
    let mut mounted = Setup::default().options("noatime").mount();
    tree::plant(mounted.root());
    let open = match end {
        End::Stopped => None,
        End::Killed => Some(nameless(mounted.root())?),
    };
    let name = end.one_machine();
    let known = Known::look("", mounted.root());
    match end {
        End::Stopped => mounted.unmount(),
        End::Killed => mounted.kill(),
    }
    drop(open);
    set.pack(name, mounted.data());
    let file = mounted.scratch().join("dump");
    let mut dump = Command::new(place::holdfast());
    dump.args(["dump", "--data"]).arg(mounted.data()).arg(file);
    let digest = digest_in(&run(&mut dump).success());
    set.keep(name, &Known { digest, ..known });
    Ok(())
}

fn node(set: &FixtureSet, end: End) -> anyhow::Result<()> {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(1);
    let keep = |cluster: &Cluster, volume: &str, root: &Path| {
        let file = cluster.scratch().join(volume).display().to_string();
        let said = cluster.ask(&["dump", volume, &file]);
        let name = format!("{}.{volume}", end.node());
        set.keep(&name, &Known::look(&digest_in(&said), root));
    };
    let mount = cluster.mount(1, "noatime,allow_other");
    tree::plant(mount.root());
    // The log is purged by a thousand entries at once.
    for number in 0..1200 {
        let mode = Permissions::from_mode(number % 512);
        fs::set_permissions(mount.path("pipe"), mode)?;
    }
    cluster.wait_replica("the log is purged", SETTLED, 1, |replica| {
        replica.purged_index > 0
    });
    // Only the log of a node that is killed has this.
    fs::write(mount.path("later"), vec![b'l'; 10_000])?;
    fs::rename(mount.path("block"), mount.path("block of later"))?;
    keep(&cluster, VOLUME_NAME, mount.root());
    mount.unmount();

    cluster
        .holdfast(&["volume", "create", SECOND_VOLUME])
        .success();
    let mut mount = cluster.mount_volume(1, SECOND_VOLUME, "noatime");
    fs::write(mount.path("of another volume"), "content")?;
    let open = nameless(mount.root());
    let locked = File::create(mount.path(LOCKED))?;
    let exclusive = Some(LockMode::Exclusive);
    set_lock(&locked, LockKind::Fcntl, Bytes::ALL, exclusive, false)?;
    let trash = cluster.holdfast(&["volume", "set", SECOND_VOLUME, TRASH]);
    let has_no_trash = trash.stderr.contains("unrecognized subcommand");
    anyhow::ensure!(trash.status.success() || has_no_trash, "{trash:?}");
    keep(&cluster, SECOND_VOLUME, mount.root());
    mount.kill();
    drop((open, locked));
    match end {
        End::Stopped => cluster.stop(1),
        End::Killed => cluster.kill(1),
    }
    set.pack(end.node(), cluster.node(1).data());
    Ok(())
}

/// An open file that has lost its name.
#[track_caller]
fn nameless(root: &Path) -> anyhow::Result<File> {
    let path = root.join("nameless");
    fs::write(&path, vec![b'n'; 100_000])?;
    let file = File::open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
