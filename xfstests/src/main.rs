//! `xfstests/run`: xfstests on Holdfast, compared with what is expected.

mod arguments;
mod backend;
mod check;
mod comparison;
mod exclusion;
mod expectation;
mod interrupt;
mod mount_command;
mod mounts;
mod outcome;
mod processes;
mod progress;
mod settings;
mod test_name;
mod tree;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use nix::unistd::{User, geteuid};

use crate::arguments::Arguments;
use crate::check::Check;
use crate::exclusion::{Class, Exclusion};
use crate::expectation::Endings;
use crate::interrupt::Interrupt;
use crate::mount_command::MountCommand;
use crate::settings::Places;
use crate::test_name::TestName;
use crate::tree::Tree;

/// Users that tests become.
const USERS: [&str; 3] = ["fsgqa", "fsgqa2", "123456-fsgqa"];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(
        geteuid().is_root(),
        "xfstests mounts and changes owners: run as root"
    );
    for user in USERS {
        let message = || format!("there is no user {user}: useradd --create-home {user}");
        User::from_name(user)?.with_context(message)?;
    }
    let interrupt = Interrupt::watch()?;
    let tree = Tree::open(&arguments.tree)?;
    let excluded = exclusion::read(&arguments.lists, arguments.backend)?;
    let expected = expectation::read(&arguments.lists, arguments.backend)?;
    let selected = tree.select(&arguments.groups, &arguments.without)?;
    let tests = without_excluded(&arguments, &selected, &excluded);

    let begin = Instant::now();
    let seen = run(&arguments, &tree, &tests, &interrupt)?;
    if arguments.accept {
        expectation::accept(&arguments.lists, arguments.backend, &seen)?;
    }
    let mut surprises = comparison::surprises(&tests, &seen, &expected, &excluded);
    if interrupt.is_told() {
        surprises = vec!["told to end: only a part was run".to_owned()];
    }
    println!();
    for line in &surprises {
        println!("{line}");
    }
    let backend = arguments.backend.name();
    let groups = match arguments.groups.as_slice() {
        [first, _, _, ..] => format!("{first} and {} more", arguments.groups.len() - 1),
        few => few.join(","),
    };
    let excluded_count = selected.len() - tests.len();
    let table = comparison::table(backend, &groups, &seen, excluded_count, begin.elapsed());
    println!("\n{table}");
    Ok(
        if surprises.is_empty() || (arguments.accept && !interrupt.is_told()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        },
    )
}

fn without_excluded(
    arguments: &Arguments,
    selected: &BTreeSet<TestName>,
    excluded: &BTreeMap<TestName, Exclusion>,
) -> BTreeSet<TestName> {
    let runs = |test: &&TestName| match excluded.get(*test).map(|exclusion| exclusion.class) {
        None => true,
        Some(Class::TooSlow) => arguments.slow,
        Some(Class::NotApplicable | Class::Environment | Class::Unsupported(_)) => {
            arguments.excluded
        }
    };
    selected.iter().filter(runs).cloned().collect()
}

/// Makes everything, runs the tests, and takes everything away whatever happened.
fn run(
    arguments: &Arguments,
    tree: &Tree,
    tests: &BTreeSet<TestName>,
    interrupt: &Interrupt,
) -> anyhow::Result<Endings> {
    let unnamed = || PathBuf::from(format!("/var/tmp/holdfast-xfstests-{}", std::process::id()));
    let places = Places::make(&arguments.work.clone().unwrap_or_else(unnamed))?;
    println!("what the tests leave is in {}", places.results.display());
    let holdfast = fs::canonicalize(&arguments.holdfast)
        .with_context(|| arguments.holdfast.display().to_string())?;
    let backend = backend::start(arguments.backend, &holdfast, &places.data, interrupt)?;
    let mount = MountCommand::install(&holdfast, &places.work, &backend.trees)?;
    places.configure(mount.subtype())?;
    let check = Check {
        tree: tree.path(),
        places: &places,
        limit: arguments.limit(),
        interrupt,
    };
    let seen = check.run(tests);
    let cleaned = check::clean_up(&places);
    drop(backend);
    if !arguments.keep {
        fs::remove_dir_all(&places.data).with_context(|| places.data.display().to_string())?;
    }
    let seen = seen?;
    cleaned?;
    Ok(seen)
}
