//! A power failure of the disk that a mount without a cluster is on: the whole data directory as it is then.
//!
//! A long film of random steps is looked at here and there, a short one at each of its moments.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use holdfast_tests::{Film, Loss, Moment, Mounted, Random, RecordedDisk, Setup};

use crate::workload::{Step, Tree, difference, prefix_that_made, read};

const STEPS: u64 = 200;
/// What is looked at of the long film, of all that could be.
const IMAGES: usize = 60;
const LIMIT: Duration = Duration::from_mins(10);

/// What was done, and what of it had to be durable when.
#[derive(Default)]
struct Done {
    steps: Vec<Step>,
    tree: Tree,
    /// So many steps were synced, at this moment.
    synced: Vec<(Moment, usize)>,
}

impl Done {
    fn perform(&mut self, step: Step, mounted: &Mounted, disk: &RecordedDisk) {
        step.perform(mounted.root()).unwrap();
        step.apply(&mut self.tree);
        let is_sync = step.is_sync();
        self.steps.push(step);
        if is_sync {
            self.all_is_synced(disk);
        }
    }

    fn work(&mut self, mounted: &Mounted, disk: &RecordedDisk, random: &mut Random) {
        for _ in 0..STEPS {
            let step = Step::choose(random, &self.tree, self.steps.len() as u64);
            self.perform(step, mounted, disk);
        }
    }

    fn all_is_synced(&mut self, disk: &RecordedDisk) {
        self.synced.push((disk.moment(), self.steps.len()));
    }

    /// How many of the steps have to be there after a power failure.
    fn synced_at(&self, moment: Moment) -> usize {
        let before = self.synced.iter().filter(|(when, _)| *when <= moment);
        before.map(|(_, steps)| *steps).max().unwrap_or_default()
    }

    /// Mounts what a power failure at a moment leaves: a prefix with all that was synced. Answers how many steps are there.
    fn check(&self, film: &mut Film, moment: Moment, loss: Loss<'_>, scratch: &Path) -> usize {
        let story = format!("power failed at {moment} of {}, {loss:?}", film.end());
        film.play_to(moment);
        let image = scratch.join("image");
        film.after_power_failure(loss).write_to(&image);
        let mounted = Setup::default().limit(LIMIT).data(&image.join("data"));
        let mounted = mounted.try_mount();
        let mounted = mounted.unwrap_or_else(|message| panic!("{story}: {message}"));
        let found = read(mounted.root()).unwrap();
        let prefix = prefix_that_made(&Tree::new(), &self.steps, &found);
        let Some(prefix) = prefix else {
            let differs = difference(&self.tree, &found);
            panic!(
                "{story}: not a prefix of what was done; from all of it it differs in\n{differs}"
            );
        };
        let synced = self.synced_at(moment);
        assert!(
            prefix >= synced,
            "{story}: {synced} steps were synced, {prefix} are there"
        );
        // It can be used, and `fsck` finds nothing.
        fs::write(mounted.path("after"), "power is back").unwrap();
        drop(mounted);
        fs::remove_dir_all(&image).unwrap();
        prefix
    }
}

/// Some of them, in their order, the first and the last among them.
fn sample(moments: &BTreeSet<Moment>, count: usize, random: &mut Random) -> BTreeSet<Moment> {
    let all: Vec<Moment> = moments.iter().copied().collect();
    let chosen = (0..count).map(|_| all[random.below(all.len() as u64) as usize]);
    chosen.chain([all[0], all[all.len() - 1]]).collect()
}

#[test]
fn after_a_power_failure_at_any_sync_it_mounts_with_a_prefix_and_all_that_was_synced() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let disk = RecordedDisk::mount(&scratch.path().join("disk"));
    let mut done = Done::default();
    let setup = Setup::default()
        .limit(LIMIT)
        .data(&disk.path().join("data"));
    let mut mounted = setup.mount();
    // Killed, so that the log is replayed, and ended well, so that it is not.
    done.work(&mounted, &disk, &mut random);
    mounted.kill();
    mounted.start();
    done.work(&mounted, &disk, &mut random);
    mounted.unmount();
    done.all_is_synced(&disk);
    drop(mounted);
    let mut film = disk.film();
    let any = (0..film.end()).collect();
    let mut moments = sample(&film.syncs(), IMAGES, &mut random);
    moments.extend(sample(&any, IMAGES / 2, &mut random));
    println!("{} changes, {} syncs", film.end(), film.syncs().len() / 2);
    let mut lost = 0;
    for moment in &moments {
        let loss = if random.below(3) == 0 {
            Loss::All
        } else {
            Loss::Some(&mut random)
        };
        let prefix = done.check(&mut film, *moment, loss, scratch.path());
        lost += usize::from(prefix < done.steps.len());
    }
    println!(
        "{} images, {lost} without some of what was not synced",
        moments.len()
    );
    assert!(lost > 0, "nothing was ever lost");
}

/// Of the steps of the short film.
const KILLED_BEFORE: usize = 6;

/// One of each kind, some of them synced.
fn short() -> [Step; 11] {
    let name = |name: &str| name.to_owned();
    let write = |name: &str, offset, length, value| Step::Write {
        name: name.to_owned(),
        offset,
        length,
        value,
    };
    [
        Step::MakeDirectory { name: name("d") },
        Step::Create { name: name("d/a") },
        write("d/a", 100, 5000, 1),
        Step::Sync { name: name("d/a") },
        Step::Create { name: name("b") },
        write("b", 0, 70_000, 2),
        Step::Rename {
            from: name("d/a"),
            to: name("b"),
        },
        Step::Sync { name: name("b") },
        Step::Truncate {
            name: name("b"),
            length: 3000,
        },
        Step::Create { name: name("c") },
        Step::Remove { name: name("b") },
    ]
}

/// Every moment: before and after each sync, and between any two writes or changes of names. At a sync everything that was
/// not synced is lost, so that one that is missing or too late is seen; between them, any part of it.
#[test]
fn after_a_power_failure_at_every_moment_of_a_short_film_all_that_was_synced_is_there() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let disk = RecordedDisk::mount(&scratch.path().join("disk"));
    let mut done = Done::default();
    let setup = Setup::default()
        .limit(LIMIT)
        .data(&disk.path().join("data"));
    let mut mounted = setup.mount();
    for (number, step) in short().into_iter().enumerate() {
        // In the middle of what is not synced: it is replayed, and the power may fail then, too.
        if number == KILLED_BEFORE {
            mounted.kill();
            mounted.start();
        }
        done.perform(step, &mounted, &disk);
    }
    mounted.unmount();
    done.all_is_synced(&disk);
    drop(mounted);
    let mut film = disk.film();
    let syncs = film.syncs();
    println!(
        "{} changes, {} moments beside syncs",
        film.end(),
        syncs.len()
    );
    let mut seen = BTreeSet::new();
    for moment in 0..=film.end() {
        let loss = if syncs.contains(&moment) {
            Loss::All
        } else {
            Loss::Some(&mut random)
        };
        seen.insert(done.check(&mut film, moment, loss, scratch.path()));
    }
    println!("{} images, {seen:?} steps were there", film.end() + 1);
    assert!(seen.contains(&0) && seen.contains(&done.steps.len()));
}
