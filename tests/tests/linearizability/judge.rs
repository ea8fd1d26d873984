//! Whether what was recorded can be explained.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use holdfast_tests::linearizability::{History, Limits, Model, Operation, Verdict, Window, check};

/// What may be spent on one history.
const LIMITS: Limits = Limits {
    places: 3_000_000,
    time: Duration::from_mins(1),
};

/// What was found of one history.
pub(crate) struct Judged {
    operations: usize,
    places: usize,
    took: Duration,
}

impl Display for Judged {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (operations, places) = (self.operations, self.places);
        write!(
            f,
            "{operations} operations ({places} places, {:?})",
            self.took
        )
    }
}

/// Fails the test unless an order explains the history; then shows what contradicts itself, and saves all of it.
#[track_caller]
pub(crate) fn judge<M: Model>(
    what: &str,
    operations: Vec<Operation<M::Call, M::Outcome>>,
    initial: &M::State,
) -> Judged {
    let began = Instant::now();
    let history = History::new(operations);
    let operations = history.operations.len();
    let verdict = check::<M>(&history, initial, LIMITS);
    if let Verdict::Explained(places) = verdict {
        return Judged {
            operations,
            places,
            took: began.elapsed(),
        };
    }
    let saved = saved(what);
    history.save(&saved).unwrap();
    if let Verdict::Undecided { reached } = verdict {
        panic!(
            "{what}: {operations} operations could not be judged within {LIMITS:?}: no way was found past {} of {}",
            history.operations[reached],
            saved.display()
        );
    }
    let window = Window::<M>::new(&history, initial, &verdict).unwrap();
    panic!("{what}: {window}\nall of it is in {}", saved.display());
}

fn saved(what: &str) -> PathBuf {
    let base = env::var_os("HOLDFAST_TEST_DIRECTORY").map_or("/var/tmp".into(), PathBuf::from);
    let directory = base.join("holdfast-histories");
    fs::create_dir_all(&directory).unwrap();
    let name: String = what
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    directory.join(format!("{name}-{}.txt", process::id()))
}
