//! Latencies in a fixed array of logarithmic buckets: 3 % exact, never allocates while measuring.

use std::time::Duration;

/// Buckets in each power of two: a bucket is at most 1/32 of its value wide.
const STEPS: u64 = 32;
const STEPS_LOG2: u32 = STEPS.ilog2();
/// Values below `STEPS` have a bucket each, every later power of two has `STEPS`.
const BUCKETS: usize = ((64 - STEPS_LOG2 + 1) as u64 * STEPS) as usize;

/// How often each latency, in nanoseconds, was seen.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram {
            buckets: vec![0; BUCKETS].into_boxed_slice(),
            count: 0,
            max: 0,
        }
    }

    pub(super) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub(super) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The latency that this many of a hundred operations did not exceed; zero when nothing was recorded.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (index, occurrences) in self.buckets.iter().enumerate() {
            seen += occurrences;
            if seen >= rank && seen > 0 {
                return Duration::from_nanos(upper_bound(index).min(self.max));
            }
        }
        self.max()
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let exponent = value.ilog2() - STEPS_LOG2;
    let step = (value >> exponent) - STEPS;
    ((u64::from(exponent) + 1) * STEPS + step) as usize
}

/// The largest value that falls into the bucket.
fn upper_bound(index: usize) -> u64 {
    let (power, step) = (index as u64 / STEPS, index as u64 % STEPS);
    if power == 0 {
        return step;
    }
    let width = 1_u64 << (power - 1);
    ((STEPS + step) << (power - 1)) + (width - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(microseconds: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        for latency in microseconds {
            histogram.record(Duration::from_micros(latency));
        }
        histogram
    }

    #[test]
    fn every_value_falls_into_a_bucket_that_ends_at_or_just_above_it() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) + 1, u64::MAX >> shift] {
                let bound = upper_bound(bucket(value));
                assert!(
                    bound >= value && bound - value <= value / STEPS,
                    "{value} in {bound}"
                );
            }
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn buckets_follow_each_other_without_gap() {
        for index in 1..BUCKETS {
            assert_eq!(bucket(upper_bound(index - 1) + 1), index);
        }
    }

    #[test]
    fn percentiles_are_three_percent_exact_and_the_maximum_is_exact() {
        let histogram = of(1..=1_000);
        for (percent, expected) in [(50, 500.0), (99, 990.0), (100, 1_000.0)] {
            let found = histogram.percentile(percent).as_secs_f64() * 1e6;
            assert!(
                (found / expected - 1.0).abs() < 0.032,
                "p{percent} is {found}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn merging_is_recording_everything_in_one() {
        let mut merged = of(1..=500);
        merged.merge(&of(501..=1_000));
        let whole = of(1..=1_000);
        assert_eq!(merged.buckets, whole.buckets);
        assert_eq!((merged.count, merged.max), (whole.count, whole.max));
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::new().percentile(99), Duration::ZERO);
    }
}
