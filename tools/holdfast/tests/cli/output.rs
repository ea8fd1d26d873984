//! Completions, man pages, version and help.

use std::fs;

use crate::scene::{Scene, assert_one_line};

#[test]
fn every_shell_gets_completions() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scene.holdfast(&["completions", shell]).success();
        assert!(script.contains("umount"), "{shell}");
    }
}

#[test]
fn every_subcommand_has_a_man_page() {
    let scene = Scene::new();
    scene.holdfast(&["man", "man"]).success();
    for (page, part) in [
        ("holdfast.1", "fsck"),
        ("holdfast-mount.1", "noatime"),
        ("holdfast-umount.1", "lazy"),
        ("holdfast-fsck.1", "Exit code"),
        ("holdfast-bench.1", "threads"),
        ("mount.holdfast.8", "fstab"),
    ] {
        let text = fs::read_to_string(scene.path("man").join(page)).unwrap();
        assert!(text.contains(part), "{part:?} is not in {page}");
    }
}

#[test]
fn the_version_tells_the_format() {
    let scene = Scene::new();
    let text = scene.holdfast(&["--version"]).success();
    assert_one_line(&text, &["holdfast 0.", "format 1"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let scene = Scene::new();
    let script = "\"$0\" completions bash 2>error | true; cat error";
    assert_eq!(scene.run("sh", &["-c", script, crate::scene::binary()]), "");
}
