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
use std::io::{self, Write};
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
    ensure!(
        !tests.is_empty(),
        "no test is left: {} are excluded (--slow, --excluded)",
        selected.len()
    );

    let begin = Instant::now();
    let seen = run(&arguments, &tree, &tests, &interrupt)?;
    if arguments.accept && !interrupt.is_told() {
        let ours = seen
            .iter()
            .filter(|(test, _)| !excluded.contains_key(*test));
        let ours = ours.map(|(test, ended)| (test.clone(), ended.clone()));
        expectation::accept(&arguments.lists, arguments.backend, &ours.collect())?;
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
    let mut leavings = Leavings(Some((&places, backend)));
    let seen = check.run(tests);
    leavings.take_away()?;
    if !arguments.keep {
        fs::remove_dir_all(&places.data).with_context(|| places.data.display().to_string())?;
    }
    seen
}

/// What the tests and the run have mounted and started; it goes also in a panic.
struct Leavings<'run>(Option<(&'run Places, backend::Running)>);

impl Leavings<'_> {
    fn take_away(&mut self) -> anyhow::Result<()> {
        let Some((places, backend)) = self.0.take() else {
            return Ok(());
        };
        let cleaned = check::clean_up(places);
        drop(backend);
        cleaned
    }
}

impl Drop for Leavings<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.take_away() {
            writeln!(io::stderr(), "{error:#}").ok();
        }
    }
}
