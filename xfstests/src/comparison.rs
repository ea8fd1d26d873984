//! What is not as expected, and the table of what was run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use crate::exclusion::{Class, Exclusion};
use crate::expectation::Endings;
use crate::outcome::Outcome;
use crate::test_name::TestName;

/// What of `seen` is not as expected, a line each.
pub(crate) fn surprises(
    selected: &BTreeSet<TestName>,
    seen: &Endings,
    expected: &Endings,
    excluded: &BTreeMap<TestName, Exclusion>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for test in selected {
        let outcome = seen.get(test).map(|ended| ended.outcome);
        let remark = seen.get(test).map_or("", |ended| ended.remark.as_str());
        let line = if let Some(exclusion) = excluded.get(test) {
            let is_only_slow = exclusion.class == Class::TooSlow;
            match outcome {
                Some(Outcome::Passed) if is_only_slow => continue,
                Some(Outcome::Passed) => format!("passes, but is excluded: {}", exclusion.reason),
                Some(Outcome::NotRun) => {
                    format!("does not run ({remark}), and need not be excluded")
                }
                Some(Outcome::Failed) if is_only_slow => format!("fails: {remark}"),
                None if is_only_slow => "was not reached".to_owned(),
                Some(Outcome::Failed) | None => continue,
            }
        } else {
            let was = expected.get(test).map(|ended| ended.outcome);
            match (outcome, was) {
                (outcome, was) if outcome.is_some() && outcome == was => continue,
                (None, _) => "was not reached".to_owned(),
                (Some(Outcome::Failed), _) => format!("newly fails: {remark}"),
                (Some(outcome), None) => {
                    format!("{outcome}, and nothing is expected of it: {remark}")
                }
                (Some(Outcome::Passed), Some(_)) => "newly passes".to_owned(),
                (Some(Outcome::NotRun), Some(_)) => format!("newly does not run: {remark}"),
            }
        };
        lines.push(format!("{test} {}", line.trim_end_matches([':', ' '])));
    }
    lines
}

/// The numbers of one run.
pub(crate) fn table(
    backend: &str,
    groups: &str,
    seen: &Endings,
    excluded_count: usize,
    time: Duration,
) -> String {
    let count = |outcome| {
        seen.values()
            .filter(|ended| ended.outcome == outcome)
            .count()
    };
    let numbers = [
        ("backend", backend.to_owned()),
        ("tests", groups.to_owned()),
        ("passed", count(Outcome::Passed).to_string()),
        ("failed", count(Outcome::Failed).to_string()),
        ("not run", count(Outcome::NotRun).to_string()),
        ("excluded", excluded_count.to_string()),
        ("minutes", time.as_secs().div_ceil(60).to_string()),
    ];
    let mut lines = [String::new(), String::new()];
    for (title, number) in &numbers {
        let width = title.len().max(number.len()) + 2;
        for (line, cell) in lines.iter_mut().zip([*title, number.as_str()]) {
            // Writing to a string cannot fail.
            write!(line, "{cell:width$}").ok();
        }
    }
    lines.map(|line| line.trim_end().to_owned() + "\n").concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Ended;

    fn endings(all: &[(&str, Outcome)]) -> Endings {
        let all = all
            .iter()
            .map(|(name, outcome)| (name.parse().unwrap(), Ended::new(*outcome, "why")));
        all.collect()
    }

    fn compare(seen: &[(&str, Outcome)], expected: &[(&str, Outcome)]) -> Vec<String> {
        compare_excluded(Class::NotApplicable, seen, expected)
    }

    /// The second test is excluded, and selected all the same.
    fn compare_excluded(
        class: Class,
        seen: &[(&str, Outcome)],
        expected: &[(&str, Outcome)],
    ) -> Vec<String> {
        let selected = ["generic/001", "generic/002"].map(|name| name.parse().unwrap());
        let excluded = Exclusion {
            class,
            reason: "needs a block device".into(),
        };
        let excluded = BTreeMap::from([("generic/002".parse().unwrap(), excluded)]);
        surprises(
            &selected.into(),
            &endings(seen),
            &endings(expected),
            &excluded,
        )
    }

    #[test]
    fn what_is_as_expected_is_no_surprise() {
        use Outcome::{Failed, NotRun, Passed};
        for outcome in [Passed, NotRun] {
            let one = [("generic/001", outcome)];
            assert_eq!(compare(&one, &one), [""; 0]);
        }
        let seen = [("generic/001", Passed), ("generic/002", Failed)];
        assert_eq!(compare(&seen, &seen[..1]), [""; 0]);
    }

    #[test]
    fn every_change_is_a_surprise() {
        use Outcome::{Failed, NotRun, Passed};
        let one = |seen, expected| {
            let lines = compare(&[("generic/001", seen)], &[("generic/001", expected)]);
            lines.concat()
        };
        assert_eq!(one(Failed, Passed), "generic/001 newly fails: why");
        assert_eq!(one(Failed, NotRun), "generic/001 newly fails: why");
        assert_eq!(one(Passed, NotRun), "generic/001 newly passes");
        assert_eq!(one(NotRun, Passed), "generic/001 newly does not run: why");
        assert_eq!(
            compare(&[], &[("generic/001", Passed)]),
            ["generic/001 was not reached"]
        );
        let unknown = compare(&[("generic/001", Passed)], &[]).concat();
        assert!(
            unknown.starts_with("generic/001 passed, and nothing is expected"),
            "{unknown}"
        );
    }

    #[test]
    fn an_excluded_test_that_passes_is_a_surprise() {
        let seen = [
            ("generic/001", Outcome::Passed),
            ("generic/002", Outcome::Passed),
        ];
        let lines = compare(&seen, &seen[..1]);
        assert_eq!(
            lines,
            ["generic/002 passes, but is excluded: needs a block device"]
        );
    }

    #[test]
    fn one_that_only_takes_long_is_to_pass() {
        let first = ("generic/001", Outcome::Passed);
        let slow = |outcome| {
            let seen = [first, ("generic/002", outcome)];
            compare_excluded(Class::TooSlow, &seen, &[first]).concat()
        };
        assert_eq!(slow(Outcome::Passed), "");
        assert_eq!(slow(Outcome::Failed), "generic/002 fails: why");
        let not_run = "generic/002 does not run (why), and need not be excluded";
        assert_eq!(slow(Outcome::NotRun), not_run);
        let unreached = compare_excluded(Class::TooSlow, &[first], &[first]);
        assert_eq!(unreached, ["generic/002 was not reached"]);
    }

    #[test]
    fn the_table_has_a_number_below_each_title() {
        let seen = endings(&[
            ("generic/001", Outcome::Passed),
            ("generic/002", Outcome::Failed),
        ]);
        let text = table("noop", "generic/quick", &seen, 12, Duration::from_secs(61));
        let (titles, numbers) = text.trim_end().split_once('\n').unwrap();
        let at = |title| {
            numbers[titles.find(title).unwrap()..]
                .split(' ')
                .next()
                .unwrap()
        };
        let found = ["passed", "failed", "not run", "excluded", "minutes"].map(at);
        assert_eq!(found, ["1", "1", "0", "12", "2"]);
    }
}
