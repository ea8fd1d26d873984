//! `holdfast serve` by its settings: a node of a cluster, or a filesystem of this machine alone.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use holdfast_tests::poll::becomes_true;
use holdfast_tests::{process, wait_until};
use nix::sys::signal::Signal;

use crate::scene::{SOON, Scene, assert_fails, binary};

const ALONE: &str = "[node]\ndata = \"data\"\nmount = [\"mnt\"]\n";

fn settings(scene: &Scene, text: &str) {
    fs::write(scene.path("holdfast.toml"), text).unwrap();
}

#[test]
fn settings_without_a_cluster_mount_a_directory_of_this_machine() {
    let scene = Scene::new();
    settings(&scene, ALONE);
    let mut served = serve(&scene, &[]);
    wait_until("it is mounted", SOON, || scene.mounted().is_some());
    fs::write(scene.path("mnt/file"), "content").unwrap();
    end(&mut served);
    assert_eq!(scene.mounted(), None);
    // It is what `holdfast mount` makes, and reads.
    scene.mount("noatime");
    let content = fs::read_to_string(scene.path("mnt/file")).unwrap();
    assert_eq!(content, "content");
    scene.umount();
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let scene = Scene::new();
    for name in ["environment", "flag"] {
        fs::create_dir(scene.path(name)).unwrap();
    }
    settings(&scene, ALONE);
    let arguments = ["serve", "--check-config", "--config", "holdfast.toml"];
    let described = scene.holdfast(&arguments).success();
    assert!(described.contains("mount = [\"mnt\"]"), "{described}");
    assert!(described.contains("no [cluster]"), "{described}");
    let mut command = scene.command(binary(), &arguments);
    let described = holdfast_tests::run(command.env("HOLDFAST_MOUNT", "environment")).success();
    assert!(described.contains("[\"environment\"]"), "{described}");
    let flag = [&arguments[..], &["--mount", "flag"]].concat();
    let mut command = scene.command(binary(), &flag);
    let described = holdfast_tests::run(command.env("HOLDFAST_MOUNT", "environment")).success();
    assert!(described.contains("[\"flag\"]"), "{described}");
    // Nothing was touched.
    assert!(!scene.data().exists());
}

#[test]
fn settings_that_lack_something_are_refused_with_what_it_is() {
    let scene = Scene::new();
    for (text, parts) in [
        ("[node]\ndata = \"data\"\n", ["--id N", "--mount DIR"]),
        (
            "[node]\nmount = [\"mnt\"]\n",
            ["where is the data", "--data DIR"],
        ),
        (
            "[node]\ndata = \"data\"\nmount = [\"mnt\", \"other\"]\n",
            ["at one place", "--mount DIR"],
        ),
        (
            "[node]\ndata = \"data\"\nmount = [\"mnt\"]\n[cluster]\n",
            ["which node is this", "--id N"],
        ),
    ] {
        settings(&scene, text);
        for more in [&[][..], &["--check-config"]] {
            let arguments = [&["serve", "--config", "holdfast.toml"], more].concat();
            assert_fails(&scene.holdfast(&arguments), 1, &parts);
        }
    }
    assert!(!scene.data().exists());
}

#[test]
fn a_certificate_of_another_node_is_noticed_before_the_start() {
    let scene = Scene::new();
    scene.holdfast(&["pki", "init", "--pki", "ca"]).success();
    for node in ["1", "2"] {
        let issue = ["pki", "issue", "node", node, "--pki", "ca"];
        scene.holdfast(&issue).success();
    }
    let check = ["serve", "--check-config", "--config", "holdfast.toml"];
    let with = |certificate: &str| {
        let settings =
            format!("[node]\nid = 1\ndata = \"data\"\n[tls]\ndirectory = \"{certificate}\"\n");
        self::settings(&scene, &settings);
        scene.holdfast(&check)
    };
    with("ca/node-1").success();
    let parts = ["this is to be node 1", "that of node/2"];
    assert_fails(&with("ca/node-2"), 1, &parts);
}

#[test]
fn a_node_refuses_a_mountpoint_that_is_not_there_and_hides_its_data() {
    let scene = Scene::new();
    let line = "serve --id 1 --data data --bootstrap --listen 127.0.0.1:0 --mount nowhere";
    let arguments: Vec<&str> = line.split(' ').collect();
    let refused = scene.holdfast(&arguments);
    assert_fails(&refused, 1, &["nowhere does not exist"]);
    assert!(!scene.data().exists());
    settings(
        &scene,
        "[node]\nid = 1\ndata = \"data\"\n[cluster]\nbootstrap = true\n",
    );
    let mut served = serve(&scene, &["--listen", "127.0.0.1:0"]);
    let file = scene.path("data/NODE");
    wait_until("it serves", SOON, || {
        let log = fs::read_to_string(scene.path("serve.log")).unwrap();
        log.contains("the node serves")
    });
    for path in [scene.data(), file] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    end(&mut served);
}

fn serve(scene: &Scene, more: &[&str]) -> Child {
    let arguments = [&["serve", "--config", "holdfast.toml"], more].concat();
    scene
        .command(binary(), &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(scene.path("serve.log")).unwrap())
        .spawn()
        .unwrap()
}

/// Tells it to end, which it must do well.
#[track_caller]
fn end(served: &mut Child) {
    process::signal(served.id(), Signal::SIGTERM);
    let mut status = None;
    let ended = becomes_true(SOON, || {
        status = served.try_wait().unwrap();
        status.is_some()
    });
    if !ended {
        served.kill().unwrap();
        served.wait().unwrap();
    }
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}
