//! A power failure at every moment of the log that a node keeps for its groups: what was acknowledged is there.

use std::path::Path;

use holdfast_tests::{Contents, Film, Loss, Random};

use super::log_life::Life;

/// Of one opening.
const STEPS: u64 = 70;

fn work(life: &mut Life, random: &mut Random) {
    for _ in 0..STEPS {
        life.step(random).unwrap();
    }
}

/// At each moment any part of what was not synced is lost, and at each sync all of it.
fn check_all(life: &Life, scratch: &Path, random: &mut Random) -> Film {
    let mut film = life.disk.film();
    let syncs = film.syncs();
    println!(
        "{} changes, {} moments beside syncs, {} steps, {} acknowledged",
        film.end(),
        syncs.len(),
        life.last_step(),
        life.acknowledged.len()
    );
    for moment in 0..=film.end() {
        life.check(&mut film, moment, Loss::Some(random), scratch);
        if syncs.contains(&moment) {
            life.check(&mut film, moment, Loss::All, scratch);
        }
    }
    life.disk.film()
}

#[test]
fn after_a_power_failure_at_every_moment_the_log_has_all_that_was_acknowledged() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let mut life = Life::begin(&scratch.path().join("first"), Contents::default());
    work(&mut life, &mut random);
    let closed = life.now.clone();
    life = life.reopen(|_| ());
    assert!(life.now == closed, "opened again, it is another");
    work(&mut life, &mut random);
    let mut film = check_all(&life, scratch.path(), &mut random);
    // And once more, on what a power failure left: while that is recovered, too.
    film.play_to(film.end() / 2 + random.below(film.end() as u64 / 2) as usize);
    let left = film.after_power_failure(Loss::Some(&mut random));
    let mut life = Life::begin(&scratch.path().join("second"), left);
    work(&mut life, &mut random);
    check_all(&life, scratch.path(), &mut random);
}
