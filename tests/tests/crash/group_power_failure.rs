//! A power failure at every moment of what a group keeps beside its log, its state and its snapshots, while these are made, built,
//! received and installed: what is there is the one before or the one after, and whole.

use std::path::Path;

use holdfast_tests::{Contents, Loss, Moment, Random};

use super::group_life::{Leader, Life};

/// What the leader has.
const ENTRIES: u64 = 26;
const SNAPSHOTS_AT: [u64; 3] = [12, 20, 26];

fn leader(scratch: &Path) -> Leader {
    Leader::new(&scratch.join("leader"), ENTRIES, &SNAPSHOTS_AT)
}

/// Makes a state, builds, receives in one go, is killed, receives with a kill in between; tells when it began to install first.
fn live<'a>(leader: &'a Leader, scratch: &Path) -> (Life<'a>, Moment) {
    let mut life = Life::begin(leader, &scratch.join("first"), Contents::default());
    life.apply(4);
    life.build();
    life.apply(3);
    let installs = life.disk.moment();
    life.install(12);
    life.apply(3);
    life.build();
    life.apply(1);
    life = life.reopen();
    life.receive_some(20, 3);
    life = life.reopen();
    life.install(20);
    life.apply(2);
    (life, installs)
}

#[test]
fn a_power_failure_at_every_moment_leaves_the_state_and_the_snapshot_before_or_after() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let leader = leader(scratch.path());
    let (life, _) = live(&leader, scratch.path());
    life.check_all(scratch.path(), &mut random);
}

#[test]
fn and_so_does_one_while_it_recovers_from_another() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let leader = leader(scratch.path());
    let (life, installs) = live(&leader, scratch.path());
    let mut film = life.disk.film();
    let moments = (film.end() - installs) as u64;
    film.play_to(installs + random.below(moments) as usize);
    let left = film.after_power_failure(Loss::Some(&mut random));
    let mut life = Life::begin(&leader, &scratch.path().join("second"), left);
    println!("what is left has applied {}", life.applied());
    life.apply(3);
    life.build();
    life.receive_some(26, 2);
    life = life.reopen();
    life.install(26);
    life.check_all(scratch.path(), &mut random);
}
