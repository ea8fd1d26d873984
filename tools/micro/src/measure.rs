//! Times what takes nanoseconds, as often as it takes to be sure.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long one sample takes at least; the clock is far finer.
const SAMPLE: Duration = Duration::from_millis(2);
const SAMPLES: usize = 51;

/// Runs what its filter lets through, and prints a line of each.
pub(crate) struct Bench {
    filter: String,
}

impl Bench {
    /// Of all whose names have this in them.
    pub(crate) fn new(filter: Option<String>) -> Bench {
        println!(
            "{:<44} {:>12} {:>12} {:>12}",
            "ns each", "median", "fastest", "9 of 10"
        );
        Bench {
            filter: filter.unwrap_or_default(),
        }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }

    /// Times `run` on what `make` makes, which is not timed.
    pub(crate) fn measure<I, O>(
        &self,
        name: &str,
        mut make: impl FnMut() -> I,
        mut run: impl FnMut(I) -> O,
    ) {
        if !self.wants(name) {
            return;
        }
        let mut sample = |count: u32| {
            let inputs: Vec<I> = (0..count).map(|_| make()).collect();
            let begin = Instant::now();
            for input in inputs {
                black_box(run(black_box(input)));
            }
            begin.elapsed()
        };
        let mut count = 1;
        while sample(count) < SAMPLE {
            count *= 2;
        }
        let mut each: Vec<Duration> = (0..SAMPLES).map(|_| sample(count) / count).collect();
        each.sort();
        println!(
            "{name:<44} {:>12} {:>12} {:>12}",
            each[SAMPLES / 2].as_nanos(),
            each[0].as_nanos(),
            each[SAMPLES * 9 / 10].as_nanos()
        );
    }
}
