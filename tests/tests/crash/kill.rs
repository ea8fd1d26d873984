//! `kill -9` of the daemon at random moments, while several processes write.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use holdfast_tests::process::signal;
use holdfast_tests::{Random, Setup};
use nix::sys::signal::Signal;

use crate::workload::{Step, Tree, difference, prefix_that_made, read};

const ROUNDS: u32 = 50;
const WRITERS: u64 = 2;

/// What one writer has in its directory, and the step it was at when the daemon died.
struct Interrupted {
    tree: Tree,
    step: Step,
    steps: u64,
}

/// Works in a directory of its own until a step fails: the daemon is dead.
fn work(root: &Path, mut tree: Tree, mut random: Random, number: &mut u64) -> Interrupted {
    let mut steps = 0;
    loop {
        *number += 1;
        let step = Step::choose(&mut random, &tree, *number);
        if let Err(error) = step.perform(root) {
            let dead = [libc::ENOTCONN, libc::ECONNABORTED, libc::EIO];
            assert!(
                dead.contains(&error.raw_os_error().unwrap()),
                "{step:?}: {error}"
            );
            return Interrupted { tree, step, steps };
        }
        step.apply(&mut tree);
        steps += 1;
    }
}

/// Everything that was answered is there; the step that was not may be, in part or not at all.
fn assert_nothing_lost(root: &Path, interrupted: &Interrupted) -> Tree {
    let found = read(root).unwrap();
    let last = std::slice::from_ref(&interrupted.step);
    assert!(
        prefix_that_made(&interrupted.tree, last, &found).is_some(),
        "at {:?}:\n{}",
        interrupted.step,
        difference(&interrupted.tree, &found)
    );
    found
}

/// Ends the daemon after a time: nobody sends on this channel.
fn kill_after(pid: u32, moment: Duration, never: &Receiver<()>) {
    never.recv_timeout(moment).ok();
    signal(pid, Signal::SIGKILL);
}

#[test]
fn after_a_kill_everything_that_was_answered_is_there_and_fsck_is_clean() {
    let mut random = Random::announced();
    let mut mounted = Setup::default().limit(Duration::from_mins(10)).mount();
    let directories: Vec<String> = (0..WRITERS)
        .map(|writer| format!("writer{writer}"))
        .collect();
    for directory in &directories {
        std::fs::create_dir(mounted.path(directory)).unwrap();
    }
    let mut trees = vec![Tree::new(); directories.len()];
    let mut numbers = vec![0; directories.len()];
    let mut steps = 0;
    for _ in 0..ROUNDS {
        let (pid, moment) = (mounted.pid(), Duration::from_micros(random.below(250_000)));
        let (_sender, never) = channel::<()>();
        let interrupted: Vec<Interrupted> = thread::scope(|scope| {
            let root = mounted.root();
            let writers: Vec<_> = directories
                .iter()
                .zip(trees.drain(..))
                .zip(&mut numbers)
                .map(|((directory, tree), number)| {
                    let random = Random::new(random.number());
                    scope.spawn(move || work(&root.join(directory), tree, random, number))
                })
                .collect();
            scope.spawn(move || kill_after(pid, moment, &never));
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        mounted.kill();
        mounted.fsck().success();
        mounted.start();
        for (directory, interrupted) in directories.iter().zip(&interrupted) {
            steps += interrupted.steps;
            trees.push(assert_nothing_lost(&mounted.path(directory), interrupted));
        }
    }
    println!("{ROUNDS} kills, {steps} steps were answered and are there");
    assert!(steps > u64::from(ROUNDS), "the writers did nothing");
}
