//! A power failure at each moment at which something was made durable: the whole data directory as it is then.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use holdfast_tests::{Loss, Moment, Random, RecordedDisk, Setup};

use crate::workload::{Step, Tree, difference, prefix_that_made, read};

const STEPS: u64 = 200;
/// What is looked at, of all that could be.
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
    fn work(
        &mut self,
        mounted: &holdfast_tests::Mounted,
        disk: &RecordedDisk,
        random: &mut Random,
    ) {
        for _ in 0..STEPS {
            let step = Step::choose(random, &self.tree, self.steps.len() as u64);
            step.perform(mounted.root()).unwrap();
            step.apply(&mut self.tree);
            let is_sync = step.is_sync();
            self.steps.push(step);
            if is_sync {
                self.synced.push((disk.moment(), self.steps.len()));
            }
        }
    }

    /// How many of the steps have to be there after a power failure.
    fn synced_at(&self, moment: Moment) -> usize {
        let before = self.synced.iter().filter(|(when, _)| *when <= moment);
        before.map(|(_, steps)| *steps).max().unwrap_or_default()
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
    done.synced.push((disk.moment(), done.steps.len()));
    drop(mounted);
    let mut film = disk.film();
    let any = (0..film.end()).collect();
    let mut moments = sample(&film.syncs(), IMAGES, &mut random);
    moments.extend(sample(&any, IMAGES / 2, &mut random));
    println!("{} changes, {} syncs", film.end(), film.syncs().len() / 2);
    let mut lost = 0;
    for moment in &moments {
        film.play_to(*moment);
        let loss = if random.below(3) == 0 {
            Loss::All
        } else {
            Loss::Some(&mut random)
        };
        let story = format!("power failed at {moment} of {}, {loss:?}", film.end());
        let image = scratch.path().join(format!("image-{moment}"));
        film.after_power_failure(loss).write_to(&image);
        let mounted = Setup::default().limit(LIMIT).data(&image.join("data"));
        let mounted = mounted.try_mount();
        let mounted = mounted.unwrap_or_else(|message| panic!("{story}: {message}"));
        let found = read(mounted.root()).unwrap();
        let prefix = prefix_that_made(&Tree::new(), &done.steps, &found);
        let Some(prefix) = prefix else {
            let differs = difference(&done.tree, &found);
            panic!(
                "{story}: not a prefix of what was done; from all of it it differs in\n{differs}"
            );
        };
        let synced = done.synced_at(*moment);
        assert!(
            prefix >= synced,
            "{story}: {synced} steps were synced, {prefix} are there"
        );
        lost += usize::from(prefix < done.steps.len());
        // It can be used, and `fsck` finds nothing.
        fs::write(mounted.path("after"), "power is back").unwrap();
        drop(mounted);
        fs::remove_dir_all(&image).unwrap();
    }
    println!(
        "{} images, {lost} without some of what was not synced",
        moments.len()
    );
    assert!(lost > 0, "nothing was ever lost");
}
