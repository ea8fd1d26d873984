//! What `make install` puts where, and that it fits the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{place, run, run_within};

use crate::scene::binary;

/// How long it may take to pack or unpack the program on a loaded machine.
const PACKED: Duration = Duration::from_mins(5);

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn install(destination: &Path) {
    let set = |name: &str, value: &Path| format!("{name}={}", value.display());
    run(Command::new("make")
        .args(["--silent", "install-built", "PREFIX=/usr"])
        .arg(set("DESTDIR", destination))
        .arg(set("HOLDFAST", Path::new(binary())))
        .current_dir(repository()))
    .success();
}

#[test]
fn everything_that_a_machine_looks_for_is_installed() {
    let scratch = place::scratch();
    install(scratch.path());
    let there = |name: &str| scratch.path().join(name);
    for name in [
        "usr/bin/holdfast",
        "usr/share/man/man1/holdfast-serve.1",
        "usr/share/man/man8/mount.holdfast.8",
        "usr/share/bash-completion/completions/holdfast",
        "usr/share/zsh/site-functions/_holdfast",
        "usr/share/fish/vendor_completions.d/holdfast.fish",
    ] {
        let length = fs::metadata(there(name)).map(|metadata| metadata.len());
        assert!(length.is_ok_and(|length| length > 0), "{name}");
    }
    for helper in ["sbin/mount.holdfast", "sbin/mount.fuse.holdfast"] {
        let leads_to = fs::read_link(there(helper)).unwrap();
        assert_eq!(leads_to, Path::new("/usr/bin/holdfast"), "{helper}");
    }
}

#[test]
fn the_package_for_dpkg_installs_the_same_and_says_what_it_needs() {
    let scratch = place::scratch();
    let package = scratch.path().join("holdfast.deb");
    run_within(
        Command::new("make")
            .args(["--silent", "deb-built"])
            .arg(format!("DEB={}", package.display()))
            .arg(format!("HOLDFAST={}", binary()))
            .current_dir(repository()),
        PACKED,
    )
    .success();
    let says =
        |field: &str| run(Command::new("dpkg-deb").arg("-f").arg(&package).arg(field)).success();
    assert_eq!(says("Package").trim(), "holdfast");
    assert_eq!(says("Version").trim(), env!("CARGO_PKG_VERSION"));
    assert!(says("Depends").contains("fuse3"));
    // A system of its own, in which it can be installed and removed again.
    let root = scratch.path().join("root");
    for directory in ["var/lib/dpkg/updates", "var/lib/dpkg/info"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["status", "available"] {
        fs::write(root.join("var/lib/dpkg").join(file), "").unwrap();
    }
    let dpkg = |arguments: &[&str]| {
        let mut command = Command::new("dpkg");
        command
            .arg("--root")
            .arg(&root)
            .args(["--force-depends", "--log=/dev/null"]);
        run_within(command.args(arguments), PACKED).success();
    };
    dpkg(&["--install", &package.display().to_string()]);
    for name in [
        "usr/bin/holdfast",
        "usr/lib/systemd/system/holdfast-node.service",
        "usr/share/doc/holdfast/copyright",
    ] {
        assert!(root.join(name).exists(), "{name}");
    }
    let version = run(Command::new(root.join("usr/bin/holdfast")).arg("--version")).success();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    dpkg(&["--remove", "holdfast"]);
    assert!(!root.join("usr/bin/holdfast").exists());
}

#[test]
fn a_package_is_made_in_a_directory_that_has_other_things() {
    let scratch = place::scratch();
    let packages = scratch.path().join("packages");
    fs::create_dir(&packages).unwrap();
    fs::write(packages.join("other.deb"), "").unwrap();
    run(Command::new("make")
        .args(["--silent", "deb-built", "HOLDFAST=/bin/true"])
        .arg(format!("DEB={}", packages.display()))
        .current_dir(repository()))
    .success();
    assert!(packages.join("other.deb").exists());
    assert_eq!(fs::read_dir(&packages).unwrap().count(), 2);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[test]
fn units_start_the_program_where_it_was_installed() {
    let scratch = place::scratch();
    install(scratch.path());
    let units = fs::read_dir(scratch.path().join("usr/lib/systemd/system")).unwrap();
    let mut count = 0;
    for unit in units {
        let text = fs::read_to_string(unit.unwrap().path()).unwrap();
        let starts = text.lines().filter(|line| line.starts_with("Exec"));
        for line in starts {
            let (_, program) = line.split_once('=').unwrap();
            assert!(program.starts_with("/usr/bin/holdfast "), "{line}");
            count += 1;
        }
    }
    assert_eq!(count, 4, "what the units start");
}

#[test]
fn the_example_of_settings_is_accepted() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/node.toml");
    let said = run(Command::new(binary())
        .args(["serve", "--check-config", "--config"])
        .arg(example))
    .success();
    for line in ["id = 1", "listen = \"127.0.0.1:7420\"", "metrics = "] {
        assert!(said.contains(line), "{line}: {said}");
    }
}
