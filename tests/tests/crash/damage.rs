//! Files of the data directory that are cut or have a flipped bit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_tests::{Mounted, Random, Setup, place, run};

use crate::workload::{Step, Tree, difference, read};

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    FlipBit { byte: u64, bit: u8 },
    Cut { length: u64 },
    Remove,
}

impl Damage {
    fn inflict(self, path: &Path) {
        let open = || File::options().read(true).write(true).open(path).unwrap();
        match self {
            Damage::FlipBit { byte, bit } => {
                let (file, mut value) = (open(), [0]);
                file.read_exact_at(&mut value, byte).unwrap();
                file.write_all_at(&[value[0] ^ (1 << bit)], byte).unwrap();
            }
            Damage::Cut { length } => open().set_len(length).unwrap(),
            Damage::Remove => fs::remove_file(path).unwrap(),
        }
    }
}

/// One file of each kind: tables, blobs, manifest, log, and those with a name of their own.
fn one_of_each_kind(directory: &Path, prefix: &str, kinds: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            one_of_each_kind(&entry.path(), &format!("{prefix}{name}/"), kinds);
        } else if entry.metadata().unwrap().len() > 0 {
            let kind = match name.rsplit_once(['.', '-']) {
                Some((number, ending)) if number.parse::<u64>().is_ok() => ending.to_owned(),
                Some((kind, number)) if number.parse::<u64>().is_ok() => kind.to_owned(),
                _ => name,
            };
            // The largest has most to lose.
            let path = entry.path();
            let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
            let kept = kinds
                .entry(format!("{prefix}{kind}"))
                .or_insert_with(|| path.clone());
            if length(&path) > length(kept) {
                *kept = path;
            }
        }
    }
}

/// A data directory with everything in it that the store can hold, and what it shows.
fn filled(random: &mut Random, crashed: bool) -> (Mounted, Tree) {
    let mut mounted = Setup::default().mount();
    let mut tree = Tree::new();
    for number in 0..300 {
        // Half of the work is in tables and blobs, the rest in the log.
        if number == 150 {
            mounted.remount();
        }
        let step = Step::choose(random, &tree, number);
        step.perform(mounted.root()).unwrap();
        step.apply(&mut tree);
    }
    File::open(mounted.root()).unwrap().sync_all().unwrap();
    if crashed {
        mounted.kill();
    } else {
        mounted.unmount();
    }
    (mounted, tree)
}

/// Everything read is right, or reading says that it cannot.
fn assert_right_or_error(mounted: &Mounted, expected: &Tree, what: &str) -> &'static str {
    let Ok(found) = read(mounted.root()) else {
        return "an I/O error";
    };
    assert!(
        found == *expected,
        "{what}: wrong data\n{}",
        difference(expected, &found)
    );
    "no loss"
}

fn try_damage(random: &mut Random, crashed: bool) {
    let (original, expected) = filled(random, crashed);
    let mut kinds = BTreeMap::new();
    one_of_each_kind(original.data(), "", &mut kinds);
    assert!(kinds.len() >= 6, "{kinds:?}");
    for (kind, path) in &kinds {
        let length = fs::metadata(path).unwrap().len();
        let flip = |byte: u64, bit: u8| Damage::FlipBit { byte, bit };
        let damages = [
            flip(random.below(length), random.below(8) as u8),
            flip(length / 2, 3),
            flip(length - 1, 0),
            Damage::Cut { length: length / 2 },
            Damage::Cut { length: length - 1 },
            Damage::Cut { length: 0 },
            Damage::Remove,
        ];
        for damage in damages {
            let what = format!("{kind}: {damage:?}");
            let scratch = place::scratch();
            let data = scratch.path().join("data");
            run(Command::new("cp").arg("-a").arg(original.data()).arg(&data)).success();
            damage.inflict(&data.join(path.strip_prefix(original.data()).unwrap()));
            println!(
                "{what} ({length} bytes): {}",
                outcome(&data, &expected, &what)
            );
        }
    }
}

fn outcome(data: &Path, expected: &Tree, what: &str) -> String {
    let mountpoint = data.with_file_name("mnt");
    fs::create_dir(&mountpoint).unwrap();
    let mut mounted = match Setup::default().data(data).try_mount() {
        Err(message) => {
            // One line for people, and nothing that looks like a crash.
            assert!(!message.contains("panicked"), "{what}: {message}");
            assert!(message.contains("holdfast: "), "{what}: {message}");
            return format!("refused: {}", message.lines().last().unwrap_or_default());
        }
        Ok(mounted) => mounted,
    };
    let result = assert_right_or_error(&mounted, expected, what);
    mounted.kill();
    let fsck = mounted.fsck();
    assert!(
        result == "no loss" || !fsck.status.success(),
        "{what}: fsck saw nothing"
    );
    result.to_owned()
}

#[test]
fn damage_after_a_clean_unmount_is_refused_or_reported_never_served() {
    try_damage(&mut Random::announced(), false);
}

#[test]
fn damage_after_a_crash_is_refused_or_reported_never_served() {
    try_damage(&mut Random::announced(), true);
}
