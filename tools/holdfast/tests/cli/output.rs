//! Completions, man pages, version and help.

use std::fs;

use crate::scene::{Scene, assert_fails, assert_one_line};

#[test]
fn every_shell_gets_completions() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = scene.holdfast(&["completions", shell]).success();
        assert!(script.contains("umount"), "{shell}");
    }
}

#[test]
fn every_subcommand_has_a_man_page_where_man_looks_for_it() {
    let scene = Scene::new();
    scene.holdfast(&["man", "man"]).success();
    for (page, part) in [
        ("man1/holdfast.1", "fsck"),
        ("man1/holdfast-mount.1", "noatime"),
        ("man1/holdfast-umount.1", "lazy"),
        ("man1/holdfast-fsck.1", "Exit code"),
        ("man1/holdfast-bench.1", "threads"),
        ("man8/mount.holdfast.8", "fstab"),
    ] {
        let text = fs::read_to_string(scene.path("man").join(page)).unwrap();
        assert!(text.contains(part), "{part:?} is not in {page}");
    }
    fs::write(scene.path("file"), "").unwrap();
    let finished = scene.holdfast(&["man", "file"]);
    assert_fails(&finished, 1, &["cannot write", "file/man1"]);
}

#[test]
fn a_man_page_has_a_synopsis_with_values_and_an_entry_an_option() {
    let scene = Scene::new();
    scene.holdfast(&["man", "man"]).success();
    let page = |name: &str| fs::read_to_string(scene.path("man").join(name)).unwrap();
    let mount = page("man1/holdfast-mount.1");
    for part in [
        "\\fBholdfast mount\\fR [OPTIONS] <MOUNTPOINT>\n",
        ".TP\n\\fBnoatime\\fR\nno access times\n",
        ".TP\n\\fBentry_timeout=SECONDS\\fR\nhow long",
    ] {
        assert!(mount.contains(part), "{part:?} is not in {mount}");
    }
    assert!(page("man1/holdfast-recover.1").contains(" \\-\\-data <DIR>\n"));
    let helper = page("man8/mount.holdfast.8");
    assert!(
        helper.contains("SOURCE MOUNTPOINT [\\-fnsv] [\\-o OPTIONS] [\\-t TYPE]\n"),
        "{helper}"
    );
    // What man(1) has too little room for, it prints over the title.
    let title = helper.lines().find(|line| line.starts_with(".TH")).unwrap();
    assert!(title.len() < 70, "{title}");
}

#[test]
fn the_version_tells_the_format() {
    let scene = Scene::new();
    let text = scene.holdfast(&["--version"]).success();
    assert_one_line(&text, &["holdfast 0.", "format 1"]);
    let all = scene.holdfast(&["version"]).success();
    assert_eq!(
        all.lines().next(),
        Some(concat!("holdfast ", env!("CARGO_PKG_VERSION")))
    );
    assert!(all.contains("\nRaft log                  1\n"), "{all}");
    let json = scene.holdfast(&["version", "--json"]).success();
    assert!(json.contains("\"protocol between programs\""), "{json}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let scene = Scene::new();
    let script = "\"$0\" completions bash 2>error | true; cat error";
    assert_eq!(scene.run("sh", &["-c", script, crate::scene::binary()]), "");
}
