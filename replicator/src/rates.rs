//! What nodes have answered between two of their reports.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_proto::{GroupActivity, OperationActivity, StatusResponse};

/// A node tells of so many sessions: those with the most calls.
pub(crate) const SESSIONS_TOLD_MAX: usize = 100;

/// Of one node, or of several together. What others count may be any number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// By group and name.
    pub operations: BTreeMap<(u64, String), OperationRate>,
    /// The calls of each session, by group.
    pub sessions: BTreeMap<(u64, u64), u64>,
    /// The calls that asked for names in each directory, by group: an estimate, of those that were asked for most.
    pub directories: BTreeMap<(u64, u64), u64>,
}

/// How often something was done, and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationRate {
    /// A command; otherwise a query.
    pub is_change: bool,
    /// Upper bounds, none for the last, and how many took no longer and longer than the bound before.
    buckets: Vec<(Option<u64>, u64)>,
    micros: u64,
}

impl Rates {
    /// What a node has done from one report to the next. It counts anew when it was started again.
    pub fn between(before: &StatusResponse, now: &StatusResponse) -> Rates {
        let mut rates = Rates::default();
        let is_same_run = before.node == now.node && before.uptime_seconds <= now.uptime_seconds;
        for group in &now.groups {
            let Some(activity) = &group.activity else {
                continue;
            };
            let known = before.groups.iter().find(|one| one.group == group.group);
            let known = known.and_then(|known| known.activity.as_ref());
            rates.take(group.group, known.filter(|_| is_same_run), activity);
        }
        rates
    }

    fn take(&mut self, group: u64, before: Option<&GroupActivity>, now: &GroupActivity) {
        for operation in &now.operations {
            let known = before.and_then(|before| find(before, operation));
            let rate = OperationRate::between(known, operation, &now.bounds_micros);
            if rate.count() > 0 {
                let name = operation.operation.clone();
                self.operations.insert((group, name), rate);
            }
        }
        for session in &now.sessions {
            let known = before.and_then(|before| {
                let mut sessions = before.sessions.iter();
                sessions.find(|known| known.session == session.session)
            });
            let known = match (known, before) {
                (Some(known), _) => known.calls,
                // It may have had more calls than this round, and still too few to be told of.
                (None, Some(before)) if before.sessions.len() >= SESSIONS_TOLD_MAX => continue,
                (None, _) => 0,
            };
            let calls = session.calls.saturating_sub(known);
            self.sessions.insert((group, session.session), calls);
        }
        for directory in &now.directories {
            let known = before.and_then(|before| {
                let mut directories = before.directories.iter();
                directories.find(|known| known.directory == directory.directory)
            });
            // It counts anew if it has lost its place meanwhile.
            let known = known.map_or(0, |known| known.calls);
            let calls = directory
                .calls
                .checked_sub(known)
                .unwrap_or(directory.calls);
            if calls > 0 && before.is_some() {
                self.directories.insert((group, directory.directory), calls);
            }
        }
    }

    /// Together with what another node did meanwhile.
    pub fn add(&mut self, other: &Rates) {
        for (key, rate) in &other.operations {
            self.operations.entry(key.clone()).or_default().add(rate);
        }
        for (key, calls) in &other.sessions {
            let sum = self.sessions.entry(*key).or_default();
            *sum = sum.saturating_add(*calls);
        }
        for (key, calls) in &other.directories {
            let sum = self.directories.entry(*key).or_default();
            *sum = sum.saturating_add(*calls);
        }
    }

    /// All commands together, or all queries.
    pub fn total(&self, is_change: bool) -> OperationRate {
        let mut total = OperationRate::default();
        let operations = self.operations.values();
        for rate in operations.filter(|rate| rate.is_change == is_change) {
            total.add(rate);
        }
        total
    }
}

fn find<'a>(
    activity: &'a GroupActivity,
    operation: &OperationActivity,
) -> Option<&'a OperationActivity> {
    let mut known = activity.operations.iter();
    known.find(|known| known.operation == operation.operation)
}

impl OperationRate {
    fn between(
        before: Option<&OperationActivity>,
        now: &OperationActivity,
        bounds: &[u64],
    ) -> OperationRate {
        let known = |place: usize| before.and_then(|before| before.buckets.get(place).copied());
        let bounds = bounds.iter().map(|bound| Some(*bound)).chain([None]);
        let buckets = bounds.zip(&now.buckets).enumerate();
        let buckets = buckets.map(|(place, (bound, count))| {
            let known = known(place).unwrap_or_default();
            (bound, count.saturating_sub(known))
        });
        OperationRate {
            is_change: now.is_change,
            buckets: buckets.collect(),
            micros: now
                .micros
                .saturating_sub(before.map_or(0, |before| before.micros)),
        }
    }

    /// Nodes of one version have the same bounds. Of two versions, what the other one counted is put below the next of ours.
    pub fn add(&mut self, other: &OperationRate) {
        self.is_change |= other.is_change;
        self.micros = self.micros.saturating_add(other.micros);
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        for (bound, count) in &other.buckets {
            let fits = |mine: &&mut (Option<u64>, u64)| match (mine.0, bound) {
                (None, _) => true,
                (Some(mine), Some(bound)) => mine >= *bound,
                (Some(_), None) => false,
            };
            if let Some(mine) = self.buckets.iter_mut().find(fits) {
                mine.1 = mine.1.saturating_add(*count);
            }
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        let counts = self.buckets.iter().map(|(_, count)| *count);
        counts.fold(0, u64::saturating_add)
    }

    /// How long they took on average; nothing when there were none.
    pub fn mean(&self) -> Option<Duration> {
        let micros = self.micros.checked_div(self.count())?;
        Some(Duration::from_micros(micros))
    }

    /// So many thousandths of them took no longer: within the bounds of a bucket, as if it were evenly filled. What is in the
    /// last bucket took longer than its lower bound, and that is what is answered.
    pub fn quantile(&self, thousandths: u64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = u128::from(thousandths.min(1000)) * u128::from(count);
        let (mut below, mut lower) = (0, 0);
        for (bound, count) in &self.buckets {
            let Some(upper) = bound else { break };
            let within = u128::from(*count) * 1000;
            if below + within >= wanted && within > 0 {
                let width = u128::from(upper.saturating_sub(lower));
                let micros = width.saturating_mul(wanted.saturating_sub(below)) / within;
                return Some(Duration::from_micros(lower + micros as u64));
            }
            below += within;
            lower = *upper;
        }
        Some(Duration::from_micros(lower))
    }
}

#[cfg(test)]
mod tests {
    use holdfast_proto::{DirectoryActivity, GroupStatus, SessionActivity};

    use super::*;

    fn operation(name: &str, is_change: bool, buckets: [u64; 3], micros: u64) -> OperationActivity {
        OperationActivity {
            operation: name.to_owned(),
            is_change,
            buckets: buckets.to_vec(),
            micros,
        }
    }

    fn report(uptime: u64, operations: Vec<OperationActivity>, calls: u64) -> StatusResponse {
        let activity = GroupActivity {
            operations,
            sessions: vec![SessionActivity { session: 7, calls }],
            directories: vec![DirectoryActivity {
                directory: 9,
                calls,
            }],
            bounds_micros: vec![100, 1000],
        };
        StatusResponse {
            node: 1,
            uptime_seconds: uptime,
            groups: vec![GroupStatus {
                group: 1,
                activity: Some(activity),
                ..GroupStatus::default()
            }],
            ..StatusResponse::default()
        }
    }

    #[test]
    fn what_was_done_is_the_difference_of_two_reports() {
        let before = report(5, vec![operation("mkdir", true, [10, 0, 0], 500)], 10);
        let done = vec![
            operation("mkdir", true, [10, 2, 2], 3000),
            operation("lookup", false, [1, 0, 0], 50),
        ];
        let rates = Rates::between(&before, &report(15, done, 25));
        let mkdir = &rates.operations[&(1, "mkdir".to_owned())];
        assert_eq!(mkdir.count(), 4);
        assert_eq!(mkdir.mean(), Some(Duration::from_micros(625)));
        assert_eq!(rates.total(false).count(), 1);
        assert_eq!(rates.total(true), *mkdir);
        assert_eq!(rates.sessions[&(1, 7)], 15);
        assert_eq!(rates.directories[&(1, 9)], 15);
    }

    #[test]
    fn a_node_that_was_started_again_counts_anew() {
        let before = report(50, vec![operation("mkdir", true, [10, 0, 0], 500)], 10);
        let now = report(3, vec![operation("mkdir", true, [1, 0, 0], 90)], 1);
        let rates = Rates::between(&before, &now);
        assert_eq!(rates.total(true).count(), 1);
        assert_eq!(rates.sessions[&(1, 7)], 1);
    }

    #[test]
    fn numbers_that_others_make_up_do_not_overflow() {
        let done = vec![operation("mkdir", true, [u64::MAX; 3], u64::MAX)];
        let mut now = report(2, done, u64::MAX);
        if let Some(activity) = &mut now.groups[0].activity {
            activity.bounds_micros = vec![u64::MAX - 1, u64::MAX];
        }
        let before = report(1, Vec::new(), 0);
        let mut rates = Rates::between(&before, &now);
        rates.add(&Rates::between(&before, &now));
        assert_eq!(rates.directories[&(1, 9)], u64::MAX);
        assert_eq!(rates.sessions[&(1, 7)], u64::MAX);
        let total = rates.total(true);
        assert_eq!(total.count(), u64::MAX);
        for thousandths in [0, 500, 1000, u64::MAX] {
            assert!(total.quantile(thousandths).is_some());
        }
    }

    #[test]
    fn a_quantile_is_between_the_bounds_of_its_bucket() {
        let done = report(1, vec![operation("mkdir", true, [50, 50, 0], 0)], 0);
        let rate = Rates::between(&StatusResponse::default(), &done).total(true);
        assert_eq!(rate.quantile(500), Some(Duration::from_micros(100)));
        assert_eq!(rate.quantile(750), Some(Duration::from_micros(550)));
        assert_eq!(rate.quantile(1000), Some(Duration::from_millis(1)));
        assert_eq!(OperationRate::default().quantile(500), None);
        assert_eq!(OperationRate::default().mean(), None);
    }

    #[test]
    fn what_took_longer_than_all_bounds_took_at_least_the_last() {
        let done = report(1, vec![operation("mkdir", true, [0, 0, 3], 0)], 0);
        let rate = Rates::between(&StatusResponse::default(), &done).total(true);
        assert_eq!(rate.quantile(500), Some(Duration::from_millis(1)));
    }

    #[test]
    fn nodes_are_added_also_when_their_bounds_differ() {
        let one = report(1, vec![operation("mkdir", true, [1, 1, 1], 10)], 2);
        let mut other = report(1, vec![operation("mkdir", true, [4, 0, 5], 10)], 3);
        if let Some(activity) = &mut other.groups[0].activity {
            activity.bounds_micros = vec![500, 1000];
        }
        let nothing = StatusResponse::default();
        let mut rates = Rates::between(&nothing, &one);
        rates.add(&Rates::between(&nothing, &other));
        let total = rates.total(true);
        let counts: Vec<u64> = total.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 5, 6]);
        assert_eq!(rates.sessions[&(1, 7)], 5);
    }
}
