//! Reads what `check` prints, as it comes: which test runs, and how those before it ended.

use crate::outcome::{Ended, Outcome};
use crate::test_name::TestName;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Began(TestName),
    Ended(TestName, Ended),
}

/// What marks a failure on the line of a test.
const FAILURES: [&str; 5] = [
    "[failed",
    "[dumped core]",
    "output mismatch",
    "no qualified output",
    "_check_",
];

/// What was heard of the line that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    line: String,
    running: Option<TestName>,
}

impl Progress {
    /// The test that runs.
    pub(crate) fn running(&self) -> Option<&TestName> {
        self.running.as_ref()
    }

    /// More output.
    pub(crate) fn hear(&mut self, text: &str) -> Vec<News> {
        let mut news = Vec::new();
        for part in text.split_inclusive('\n') {
            self.line.push_str(part);
            if self.running.is_none()
                && let Some(test) = begun(&self.line)
            {
                self.running = Some(test.clone());
                news.push(News::Began(test));
            }
            if part.ends_with('\n') {
                news.extend(self.end_line());
            }
        }
        news
    }

    fn end_line(&mut self) -> Option<News> {
        let line = std::mem::take(&mut self.line);
        let test = self.running.take()?;
        let name = test.to_string();
        let rest = line.strip_prefix(&name).unwrap_or_default().trim();
        Some(News::Ended(test, read(rest)))
    }
}

/// `check` prints the name, spaces, and nothing more until the test ends.
fn begun(line: &str) -> Option<TestName> {
    let (name, _) = line.split_once([' ', '\t'])?;
    name.parse().ok()
}

/// What follows the name: the seconds it took, or what is wrong.
fn read(rest: &str) -> Ended {
    if let Some((_, reason)) = rest.split_once("[not run]") {
        return Ended::new(Outcome::NotRun, &without_places(reason));
    }
    let is_failure = FAILURES.iter().any(|mark| rest.contains(mark));
    let last = rest.split_whitespace().last().unwrap_or_default();
    match last.strip_suffix('s').map(str::parse::<u32>) {
        Some(Ok(_)) if !is_failure => Ended::new(Outcome::Passed, ""),
        _ if rest.is_empty() => Ended::new(Outcome::Failed, "ended without a word"),
        _ => {
            // Where the files are is known, and not the same twice.
            let words = rest.split("(see ").next().unwrap_or_default();
            Ended::new(Outcome::Failed, words)
        }
    }
}

/// Of every path but the kernel's the last part: the places of a run are not the same twice.
fn without_places(words: &str) -> String {
    let shortened = words.split_whitespace().map(|word| {
        let is_place = word.starts_with('/') && !word.starts_with("/sys/");
        let last = word.rsplit('/').find(|part| !part.is_empty());
        last.filter(|_| is_place).unwrap_or(word)
    });
    shortened.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(text: &str) -> Vec<String> {
        let told = |news: &News| match news {
            News::Began(test) => format!("{test} began"),
            News::Ended(test, ended) => format!("{test} {} {}", ended.outcome, ended.remark)
                .trim()
                .to_owned(),
        };
        Progress::default().hear(text).iter().map(told).collect()
    }

    #[test]
    fn a_test_that_tells_its_seconds_has_passed() {
        assert_eq!(
            hear("generic/001         3s\n"),
            ["generic/001 began", "generic/001 passed"]
        );
        let before = "generic/001 5s ...  3s\n";
        assert_eq!(hear(before), ["generic/001 began", "generic/001 passed"]);
    }

    #[test]
    fn a_test_that_is_not_run_says_why() {
        let told = hear("generic/004        [not run] xfs_io  flink failed\n");
        assert_eq!(told[1], "generic/004 not-run xfs_io flink failed");
        let told =
            hear("generic/038        [not run] FITRIM not supported on /x/run-17/mnt/scratch\n");
        assert_eq!(
            told[1],
            "generic/038 not-run FITRIM not supported on scratch"
        );
    }

    #[test]
    fn every_complaint_is_a_failure_also_behind_seconds() {
        let complaints = [
            "[failed, exit status 1]- output mismatch (see /x/generic/003.out.bad)",
            "- output mismatch (see /x/generic/003.out.bad)",
            "[dumped core] 3s",
            "_check_dmesg: something found in dmesg (see /x/003.dmesg)",
            "no qualified output",
            "",
            "5s ... ",
        ];
        for complaint in complaints {
            let told = hear(&format!("generic/003       {complaint}\n"));
            assert!(
                told[1].starts_with("generic/003 failed "),
                "{complaint}: {told:?}"
            );
            assert!(!told[1].contains("/x/"), "{told:?}");
        }
    }

    #[test]
    fn a_test_runs_from_its_name_to_the_end_of_the_line() {
        let mut progress = Progress::default();
        assert_eq!(progress.hear("FSTYP  -- fuse\n\ngeneric/0"), []);
        assert_eq!(progress.running(), None);
        let test: TestName = "generic/013".parse().unwrap();
        assert_eq!(progress.hear("13     "), [News::Began(test.clone())]);
        assert_eq!(progress.running(), Some(&test));
        assert_eq!(progress.hear(" 7s").len(), 0);
        assert_eq!(progress.hear("\n    --- tests/generic/014.out\n").len(), 1);
        assert_eq!(progress.running(), None);
    }
}
