//! The steps of `verify` and `fix`, one program each.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tidy;

/// Everything is built once, optimised, with one set of features: a second profile or another set
/// would build RocksDB again.
const BUILD: [&str; 3] = ["--release", "--workspace", "--all-features"];

/// Everything CI checks. Stops at the first step that fails.
pub(crate) fn verify(root: &Path) -> Result<()> {
    need_root()?;
    step(root, "fmt", &["fmt", "--all", "--check"], &[])?;
    tidy::run(root)?;
    let mut clippy = vec!["clippy", "--quiet", "--all-targets"];
    clippy.extend(BUILD);
    clippy.extend(["--", "-D", "warnings"]);
    step(root, "clippy", &clippy, &[])?;
    // What users build has fewer features; it must not warn either.
    let users = ["clippy", "--quiet", "--release", "--package", "holdfast"];
    let users = [users.as_slice(), &["--", "-D", "warnings"]].concat();
    step(root, "clippy of the command", &users, &[])?;
    let mut doc = vec!["doc", "--quiet", "--no-deps", "--document-private-items"];
    doc.extend(BUILD);
    step(root, "doc", &doc, &[("RUSTDOCFLAGS", "-D warnings")])?;
    // The suites run the program that users run, so it is there before they start.
    let mut build = vec!["build", "--bins"];
    build.extend(BUILD);
    step(root, "build", &build, &[])?;
    let mut test = vec!["test", "--no-fail-fast"];
    test.extend(BUILD);
    step(root, "test", &test, &[])
}

/// Formats, and applies what clippy can by itself.
pub(crate) fn fix(root: &Path) -> Result<()> {
    let mut clippy = vec!["clippy", "--fix", "--allow-dirty", "--allow-staged"];
    clippy.push("--all-targets");
    clippy.extend(BUILD);
    step(root, "clippy", &clippy, &[])?;
    step(root, "fmt", &["fmt", "--all"], &[])
}

/// The mounted suites mount with `allow_other` and change owners: better told now than in an hour.
fn need_root() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let uid = status.lines().find(|line| line.starts_with("Uid:"));
    if uid.and_then(|line| line.split_whitespace().nth(2)) == Some("0") {
        return Ok(());
    }
    bail!("the suites mount and change owners: run as root (sudo -E make test)")
}

fn step(root: &Path, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    eprintln!("==> {name}");
    let begin = Instant::now();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root)
        .status()
        .with_context(|| format!("cannot start cargo for {name}"))?;
    eprintln!("==> {name}: {} s", begin.elapsed().as_secs());
    if status.success() {
        return Ok(());
    }
    bail!("{name} failed: cargo {}", arguments.join(" "))
}
